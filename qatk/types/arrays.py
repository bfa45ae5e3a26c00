"""What the column types are made of: array kinds, their checks, and rows of ragged columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Int8 = NDArray[np.int8]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]


def freeze(owner: object, name: str, dtype: type, length: int | None = None) -> None:
    """Replace the array ``owner.name`` by a read-only view. Raises ``TypeError`` or ``ValueError`` for another form."""
    value = getattr(owner, name)
    where = f"{type(owner).__name__}.{name}"
    if not isinstance(value, np.ndarray) or value.dtype != dtype or value.ndim != 1:
        seen = f"{value.dtype}{list(value.shape)}" if isinstance(value, np.ndarray) else type(value).__name__
        raise TypeError(f"{where} must be a flat {np.dtype(dtype)} array, not {seen}")
    if length is not None and len(value) != length:
        raise ValueError(f"{where} has {len(value)} values where {length} are due")
    view = value.view()
    view.flags.writeable = False
    object.__setattr__(owner, name, view)


def check_offsets(owner: object, name: str, rows: int, values: int) -> None:
    """As :func:`freeze`, for offsets int64[rows + 1] that rise from 0 to ``values``."""
    freeze(owner, name, np.int64, rows + 1)
    offsets = getattr(owner, name)
    if offsets[0] != 0 or offsets[-1] != values or (np.diff(offsets) < 0).any():
        raise ValueError(f"{type(owner).__name__}.{name} must rise from 0 to {values}")


def check_rows(owner: object, name: str, rows: int) -> None:
    """Check that the sequence ``owner.name`` has this many items. Raises ``ValueError``."""
    if len(getattr(owner, name)) != rows:
        raise ValueError(f"{type(owner).__name__}.{name} has {len(getattr(owner, name))} rows where {rows} are due")


def ragged_rows(offsets: Int64, rows: NDArray[Any]) -> tuple[Int64, Int64]:
    """Positions of the flat values of some rows, and the offsets of these rows among themselves.

    Args:
        offsets: int64[rows in all + 1].
        rows: indices of the rows wanted, in the order wanted.
    """
    rows = np.asarray(rows)
    begin = offsets[rows]
    lengths = offsets[rows + 1] - begin
    new = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(lengths, out=new[1:])
    positions = np.arange(new[-1]) + np.repeat(begin - new[:-1], lengths)
    return positions, new
