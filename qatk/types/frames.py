"""What a program has at hand, in whatever form, as an Arrow table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from qatk.errors import DataError, UsageError, first_line
from qatk.types.missing import given

_FIX = "a pandas or polars frame, a datasets.Dataset, an Arrow table, a list of dicts, or a dict of columns"


def arrow_table(data: object, where: str) -> pa.Table:
    """A ``pyarrow.Table`` of rows at hand.

    Args:
        data: what speaks Arrow's PyCapsule interface (``__arrow_c_stream__``: frames of pandas and polars, tables of
            pyarrow and others), a ``datasets.Dataset``, a list of mappings, or a mapping of columns. NaN, NaT and NA
            in pandas, and in lists of mappings or of values, are null.
        where: what messages call it.

    Raises:
        UsageError: for anything else.
        DataError: where a column holds values of different types.
    """
    try:
        return _converted(data)
    except UnicodeEncodeError as error:
        what, fix = f"half of a surrogate pair in {error.object[:60]!r}", "surrogates come in pairs"
        raise DataError(what, where=where, fix=fix) from error
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError) as error:
        reason = first_line(error)
        raise DataError(f"the columns cannot be read: {reason}", where=where, fix="one type a column") from error
    except TypeError as error:
        raise UsageError(f"no rows can be read from an object of type {_name(data)}", where=where, fix=_FIX) from error


def by_column(rows: Sequence[Mapping[Any, Any]]) -> dict[str, list[Any]]:
    """Rows as columns: all keys that any row has, with ``None`` where a row lacks one or has NaN, NaT or NA."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {str(name): [_taken(row.get(name)) for row in rows] for name in names}


def _converted(data: Any) -> pa.Table:
    if isinstance(data, pa.Table):
        return data
    if hasattr(data, "__arrow_c_stream__"):
        table = pa.table(data)  # of pandas by Table.from_pandas, which takes NaN for null
        return table.drop_columns([name for name in table.column_names if name.startswith("__index_level_")])
    if hasattr(data, "with_format"):
        return _converted(data.with_format("arrow")[:])  # a datasets.Dataset, whatever it selects of its rows
    if isinstance(data, Sequence) and not isinstance(data, str | bytes) and all(isinstance(r, Mapping) for r in data):
        return pa.table(by_column(data))
    if isinstance(data, Mapping):
        return pa.table({str(name): [_taken(value) for value in column] for name, column in data.items()})
    raise TypeError


def _taken(value: Any) -> Any:
    """The value as Arrow takes it, in lists and mappings too: ``None`` where it is missing, days of NumPy as texts."""
    if isinstance(value, Mapping):
        return {name: _taken(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_taken(each) for each in value]
    value = given(value)
    return str(value) if isinstance(value, np.datetime64) and np.datetime_data(value.dtype)[0] in "YMWDhm" else value


def _name(data: object) -> str:
    kind = type(data)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
