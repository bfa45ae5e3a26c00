"""Further columns of data: values that say something of a question beside what a model and a metric read."""

from __future__ import annotations

import json
import warnings
from collections.abc import Collection, Mapping, Sequence
from datetime import date, time
from decimal import Decimal

from qatk.errors import DataError, DataWarning
from qatk.types.missing import given

_SHOWN = 12
ALL_COLUMNS = "*"
"""In place of the names of further columns: all that there are."""


class ColumnsLeftOut(DataWarning):
    """Columns that hold neither texts nor numbers, where all that do are read."""

    def __init__(self, names: Sequence[str], where: str) -> None:
        self.names = names
        what = f"columns that hold neither texts nor numbers are left out: {', '.join(names)}"
        super().__init__(f"{where}: {what}")


class NoColumn(DataError):
    """No question has a value of the further column ``column``; ``others`` are those that there are."""

    def __init__(self, column: str, found: Collection[str], used: Collection[str], where: str) -> None:
        self.column, self.others = column, [name for name in found if name not in used]
        there = ", ".join(sorted(set(found))[:_SHOWN]) or "none"
        what = f"no question has a value for {column!r} (keys found: {there})"
        super().__init__(what, where=where, fix="mend or leave out its name in `columns`")


def column_values(
    rows: Sequence[Mapping[str, object]],
    columns: Sequence[str],
    where: str,
    known: Sequence[str] | None = None,
    used: Collection[str] = (),
) -> dict[str, list[str]]:
    """The values of some keys as texts: numbers, true and false as JSON writes them, ``""`` for null, NaN or nothing.

    Args:
        rows: one a question, whatever keys they have.
        columns: the keys to read; :data:`ALL_COLUMNS` stands for all that have one value a question, others are warned
            of.
        where: the data set, for messages.
        known: the keys that there are; ``None`` looks for them in the rows.
        used: the keys that are read as something else.

    Raises:
        NoColumn: where no row has the key.
        DataError: where one has a list or an object there.
    """
    read = {}
    chosen = _all(rows, where, known, used) if ALL_COLUMNS in columns else columns
    for name in chosen:
        values = [row.get(name) for row in rows]
        if all(value is None for value in values) and ALL_COLUMNS not in columns:
            found = known if known is not None else list(dict.fromkeys(key for row in rows for key in row))
            raise NoColumn(name, found, used, where)
        read[name] = [_text(value, name, row, where) for row, value in enumerate(values)]
    return read


def _all(
    rows: Sequence[Mapping[str, object]], where: str, known: Sequence[str] | None, used: Collection[str]
) -> list[str]:
    names = list(dict.fromkeys(key for row in rows for key in row) if known is None else known)
    free = [name for name in names if name not in used]
    left = [name for name in free if any(_text_of(row.get(name)) is None for row in rows)]
    kept = [name for name in free if name not in left]
    if left:
        warnings.warn(ColumnsLeftOut(left, where), stacklevel=4)
    return kept


def _text(value: object, name: str, row: int, where: str) -> str:
    if (text := _text_of(value)) is not None:
        return text
    what = f"{name!r} of question {row} holds {type(value).__name__}, not a text or a number"
    raise DataError(what, where=where, fix="columns to slice by have one value a question")


def _text_of(value: object) -> str | None:
    """One value as a text; ``None`` for what is none."""
    if isinstance(value, str):
        return value
    if given(value) is None:
        return ""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, date | time):  # a datetime is a date
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else None
