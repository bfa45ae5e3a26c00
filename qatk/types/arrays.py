"""The array types that columns are made of, and their checks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qatk.errors import counted

Int8 = NDArray[np.int8]
"""An array of int8."""
Int32 = NDArray[np.int32]
"""An array of int32."""
Int64 = NDArray[np.int64]
"""An array of int64."""
Float32 = NDArray[np.float32]
"""An array of float32."""
Float64 = NDArray[np.float64]
"""An array of float64."""
Bool = NDArray[np.bool_]
"""An array of bool."""


def row_number(row: int) -> str:
    """What a message calls a row of which no file is known; the first is 0."""
    return f"row {row}"


def freeze(owner: object, name: str, dtype: type, length: int | None = None) -> None:
    """Replace the array ``owner.name`` by a read-only view.

    Args:
        owner: the object that has the array.
        name: the attribute.
        dtype: the required dtype; the array must be flat.
        length: the required length, if any.

    Raises:
        TypeError: if it is not a flat array of this dtype.
        ValueError: if it has another length.
    """
    value = getattr(owner, name)
    where = f"{type(owner).__name__}.{name}"
    if not isinstance(value, np.ndarray) or value.dtype != dtype or value.ndim != 1:
        seen = f"{value.dtype}{list(value.shape)}" if isinstance(value, np.ndarray) else type(value).__name__
        raise TypeError(f"{where} must be a flat {np.dtype(dtype)} array, not {seen}")
    if length is not None and len(value) != length:
        raise ValueError(f"{where} has {counted(len(value), 'value')}, expected {length}")
    # A view can be read-only while the caller's own array stays writable.
    view = value.view()
    view.flags.writeable = False
    # The way around a frozen dataclass, for use before anybody else has seen it.
    object.__setattr__(owner, name, view)


def row_numbers(rows: NDArray[np.generic] | Sequence[int], total: int) -> Int64:
    """The numbers of rows that are chosen by their numbers, in any order, or by a bool for each row.

    Raises:
        IndexError: for a number that is no row's, and a mask of another length.
        TypeError: for neither numbers nor bools.
    """
    found = np.asarray(rows)
    if found.dtype == np.bool_:
        if found.shape != (total,):
            raise IndexError(f"a mask of the shape {list(found.shape)} chooses among {counted(total, 'row')}")
        return np.flatnonzero(found)
    if found.ndim != 1 or (found.dtype.kind not in "iu" and len(found)):
        raise TypeError(f"rows are chosen by a list of numbers or of bools, not by {found.dtype}{list(found.shape)}")
    numbers = found.astype(np.int64)
    if len(outside := numbers[(numbers < 0) | (numbers >= total)]):
        raise IndexError(f"there is no row {outside[0]}: there are {counted(total, 'row')}, from 0")
    return numbers


def check_offsets(owner: object, name: str, rows: int, values: int) -> None:
    """Like :func:`freeze`, for offsets int64[rows + 1] that rise from 0 to ``values``."""
    freeze(owner, name, np.int64, rows + 1)
    offsets = getattr(owner, name)
    if offsets[0] != 0 or offsets[-1] != values or (np.diff(offsets) < 0).any():
        raise ValueError(f"{type(owner).__name__}.{name} must rise from 0 to {values}")


def check_rows(owner: object, name: str, rows: int) -> None:
    """Check that the sequence ``owner.name`` has this many items.

    Raises:
        ValueError: if it has not.
    """
    if len(getattr(owner, name)) != rows:
        raise ValueError(
            f"{type(owner).__name__}.{name} has {counted(len(getattr(owner, name)), 'row')}, expected {rows}"
        )
