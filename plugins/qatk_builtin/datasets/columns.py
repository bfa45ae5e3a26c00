"""Further columns of data sets: values that say something of a question beside what a model and a metric read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from qatk.api import DataError

_SHOWN = 12


def column_values(
    rows: Sequence[Mapping[str, object]], columns: Sequence[str], where: str, known: Sequence[str] | None = None
) -> dict[str, list[str]]:
    """The values of some keys as texts: numbers, true and false as JSON writes them, ``""`` for null or nothing.

    Args:
        rows: one a question, whatever keys they have.
        columns: the keys to read.
        where: the data set, for messages.
        known: the keys that there are; ``None`` looks for them in the rows.

    Raises:
        DataError: where no row has the key, or one has a list or an object there.
    """
    read = {}
    for name in columns:
        values = [row.get(name) for row in rows]
        if all(value is None for value in values):
            found = known if known is not None else list(dict.fromkeys(key for row in rows for key in row))
            there = ", ".join(sorted(set(found))[:_SHOWN]) or "none"
            what = f"no question has a value for {name!r} (keys found: {there})"
            raise DataError(what, where=where, fix="mend or leave out its name in `columns`")
        read[name] = [_text(value, name, row, where) for row, value in enumerate(values)]
    return read


def _text(value: object, name: str, row: int, where: str) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    what = f"{name!r} of question {row} holds {type(value).__name__}, not a text or a number"
    raise DataError(what, where=where, fix="columns to slice by have one value a question")
