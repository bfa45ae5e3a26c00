"""Ragged columns: the values of all rows one after the other, and int64[rows + 1] offsets that say where each begins.

The idioms of such columns, named once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qatk.types.arrays import Bool, Int32, Int64


def offsets_of(lengths: NDArray[np.integer]) -> Int64:
    """int64[rows + 1]: the offsets of rows of these lengths."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def owners(offsets: Int64) -> Int64:
    """int64[values]: the row that each value belongs to."""
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


def positions(offsets: Int64) -> Int64:
    """int64[values]: the place of each value within its row, from 0."""
    return np.arange(offsets[0], offsets[-1]) - np.repeat(offsets[:-1], np.diff(offsets))


def ranges(first: Int64, lengths: Int64) -> Int64:
    """Whole numbers from each ``first`` on, as many as its length, one range after the other."""
    offsets = offsets_of(lengths)
    # One count over all ranges, shifted in each so that it starts at its first number.
    return np.arange(offsets[-1]) + np.repeat(first - offsets[:-1], lengths)


def ragged_rows(offsets: Int64, rows: NDArray[np.integer]) -> tuple[Int64, Int64]:
    """Positions of the flat values of some rows, and the offsets of these rows among themselves.

    Args:
        offsets: int64[rows in all + 1].
        rows: indices of the rows wanted, in the order wanted.
    """
    rows = np.asarray(rows)
    first = offsets[rows]
    lengths = offsets[rows + 1] - first
    return ranges(first, lengths), offsets_of(lengths)


def begins(*columns: Int64 | Int32) -> Bool:
    """bool[t]: which rows begin a run of equal rows: the first, and every one that differs from the one before."""
    found = np.ones(len(columns[0]), np.bool_)
    found[1:] = np.any([np.diff(column) != 0 for column in columns], axis=0)
    return found
