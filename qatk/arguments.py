"""Arguments that a program gives: lists, settings and numbers, told from what only looks like one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import TypeVar

from qatk.errors import UsageError

T = TypeVar("T")


def list_of(values: Iterable[T], name: str, fix: str) -> list[T]:
    """The values as a list.

    Raises:
        UsageError: for a text, which would be taken letter by letter, a mapping, and what is not iterable.
    """
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise UsageError(f"{name} is {repr(values)[:60]}, where a list is due", fix=fix)
    return list(values)


def settings_of(settings: Iterable[str] | Mapping[str, object]) -> list[str]:
    """``KEY=VALUE`` texts of settings: of texts these, of a mapping of keys to values one each.

    A mapping within a mapping sets what it names and leaves the rest: ``{"trainer": {"epochs": 1}}`` is
    ``trainer.epochs=1``.

    Raises:
        UsageError: for anything else.
    """
    if isinstance(settings, Mapping):
        return [f"{key}={as_json(value, f'settings[{key!r}]')}" for key, value in _leaves(settings)]
    fix = "for example settings=['trainer.epochs=1'], or {'trainer.epochs': 1}"
    texts = list_of(settings, "settings", fix)
    if others := [text for text in texts if not isinstance(text, str)]:
        raise UsageError(f"settings hold {others[0]!r}, which is no text", fix=fix)
    return texts


def _leaves(settings: Mapping[str, object], above: str = "") -> Iterator[tuple[str, object]]:
    """Each value that is no mapping, or an empty one, by its dotted key."""
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def as_json(value: object, name: str) -> str:
    """A value as JSON, which a recipe reads; numbers and arrays of NumPy become plain, and paths texts.

    Raises:
        UsageError: for a value that no recipe can hold.
    """
    try:
        return json.dumps(value, ensure_ascii=False, default=_plain)
    except (TypeError, ValueError) as error:
        what = f"{name} is {repr(value)[:60]}, which no recipe can hold"
        raise UsageError(what, fix="give texts, numbers, true and false, lists or mappings of them") from error


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError


def whole(value: object, name: str, least: int) -> int:
    """A whole number. Raises :class:`UsageError` for anything else, and for one below the least."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise UsageError(f"{name} is {value!r}", fix=f"give a whole number, {least} or more")
    return int(value)


def real(value: object, name: str, fix: str) -> float:
    """A number. Raises :class:`UsageError` for anything else; ``fix`` says what to give."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise UsageError(f"{name} is {repr(value)[:60]}, no number", fix=fix)
    return float(value)


def one_of(value: object, name: str, known: Sequence[str]) -> None:
    """Refuse a word that is none of those known. Raises :class:`UsageError`, with these."""
    if value not in known:
        *others, last = map(repr, known)
        raise UsageError(f"{name} is {value!r}", fix=f"use {', '.join(others)} or {last}")
