"""What commands that take DATA share."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qatk.cli.written import another
from qatk.errors import DataWarning, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from qatk.plugins.host import PluginHost
    from qatk.plugins.live import LiveDataset
    from qatk.types import Examples


def read_examples(
    host: PluginHost,
    use: str | None,
    data: str | None,
    settings: Sequence[str],
    *,
    whole: bool = False,
    gold: bool = False,
    scoring: bool = False,
    out: Path | None = None,
) -> Examples:
    """The examples of a dataset component; ``data`` is its first required option, ``settings`` are further ones.

    Where ``use`` names no component, the file's ending does. ``whole`` reads every further column, unless the settings
    name some. Where ``gold`` is due, a column of answers that was not found is warned of. ``scoring`` and ``out`` are
    as in :func:`live_dataset`.

    Raises:
        UsageError: where the component takes no DATA, or needs it.
    """
    live = live_dataset(host, use, data, settings, scoring=scoring, out=out)
    examples = live.load(whole=whole)
    if gold and not examples.has_gold:
        warn_without_gold(live, data)
    return examples


def options_of(settings: Sequence[str] | None) -> dict[str, object]:
    """What ``KEY=VALUE`` texts set of the dataset that reads DATA. Raises :class:`RecipeError` for mistakes."""
    if not settings:
        return {}
    from qatk.recipes.document import assigned

    return assigned(settings)


def warn_without_gold(live: LiveDataset, data: str | None) -> None:
    """Warn of data without gold answers where its columns are why."""
    if (why := live.without_answers()) is not None:
        said = f"{data or live.registered.name}: no gold answers: {why}; --set roles.answers=NAME says which one"
        warnings.warn(DataWarning(said), stacklevel=3)


def with_column(settings: Sequence[str] | None, column: str | None) -> list[str]:
    """Settings of a dataset that read a further column too, unless they name columns themselves."""
    named = any(setting.partition("=")[0].strip() == "columns" for setting in settings or ())
    return [*(settings or ()), *([f"columns=[{column}]"] if column is not None and not named else [])]


def live_dataset(
    host: PluginHost,
    use: str | None,
    data: str | None,
    settings: Sequence[str],
    *,
    scoring: bool = False,
    out: Path | None = None,
) -> LiveDataset:
    """The dataset component that reads DATA, see :func:`read_examples`; without ``use`` the file's ending decides.

    With ``scoring``, gold answers may be anywhere, as for ``qatk eval``; see
    :func:`qatk.plugins.endings.for_scoring`. ``out`` is a file that the command writes, which may be none of
    the data.
    """
    from qatk.plugins.endings import dataset_for, for_scoring
    from qatk.plugins.live import LiveDataset

    use = use or dataset_for(data)
    options = options_of(settings)
    required = host.find("dataset", use).component.required_options
    if data is not None:
        if not required:
            raise UsageError(
                f"the dataset {use!r} takes no DATA", where=data, fix="set its options with --set KEY=VALUE"
            )
        options[required[0]] = data
    elif absent := [name for name in required if name not in options]:
        raise UsageError(
            f"DATA is missing: the dataset {use!r} needs {' and '.join(absent)}",
            fix="name a file, or choose another dataset with --use",
        )
    if out is not None and required:
        read = options[required[0]]
        for each in read if isinstance(read, list) else [read]:
            another(str(each), out)
    return host.live(LiveDataset, "dataset", use, for_scoring(use, options, host) if scoring else options)
