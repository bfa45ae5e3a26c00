"""The normaliser that a command, a recipe or a finished run names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from qatk.errors import UsageError
from qatk.languages import DEFAULT, ENGLISH, Normalisation, Normalise

if TYPE_CHECKING:
    from qatk.plugins.host import PluginHost

LANGUAGE_KEYS = ("language", "language_column")
"""The options of metrics that name a normaliser, see :class:`qatk.api.LanguageOptions`."""


def normalisation_of(
    language: str | None = None, column: str | None = None, host: PluginHost | None = None
) -> Normalisation:
    """By which normaliser answers are compared.

    Args:
        language: its name; ``None`` is ``en``.
        column: the column of the data that names each question's.
        host: the plugins that bring normalisers; ``None`` are all that are installed.

    Raises:
        UsageError: for an unknown name, or for both a language and a column.
        PluginError: for one that needs what is not installed.
    """
    if language is None and column is None:
        return ENGLISH
    if language is not None and column is not None:
        what = f"the language is {language!r}, and column {column!r} names one for each question"
        raise UsageError(what, fix="give one of the two")
    found = Normalisation(language or DEFAULT, column, partial(find_normaliser, host=host))
    if column is None:
        found.by(found.language)
    return found


def given_normalisation(language: str | None, column: str | None, host: PluginHost) -> Normalisation | None:
    """:func:`normalisation_of` where one of both is given, else ``None``."""
    return None if language is None is column else normalisation_of(language, column, host)


def find_normaliser(name: str, host: PluginHost | None = None) -> Normalise:
    """A normaliser of the plugins. Raises as :func:`normalisation_of` does."""
    from qatk.plugins.host import PluginHost
    from qatk.plugins.live import LiveNormaliser

    return (host or PluginHost.discover()).live(LiveNormaliser, "normaliser", name).normalise


def recorded_normalisation(recipe: Mapping[str, object], host: PluginHost | None = None) -> Normalisation:
    """That of a finished run, by the metrics of its filled recipe; found when it is needed."""
    chosen = recipe.get("metrics")
    language, column = named_language(chosen if isinstance(chosen, list | tuple) else ())
    return Normalisation(language or DEFAULT, column, partial(find_normaliser, host=host))


def named_language(options: Iterable[Mapping[str, object]]) -> tuple[str | None, str | None]:
    """Language and column of the first options of a metric that name one."""
    for each in options:
        language, column = (each.get(key) for key in LANGUAGE_KEYS)
        if language is not None or column is not None:
            return None if language is None else str(language), None if column is None else str(column)
    return None, None
