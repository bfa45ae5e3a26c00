"""Ragged columns: the values of all rows in one flat array, and int64[rows + 1] offsets that say where each row begins.

The common operations on such columns have their names here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qatk.types.arrays import Bool, Int32, Int64


def offsets_of(lengths: NDArray[np.integer]) -> Int64:
    """int64[rows + 1]: the offsets of rows with these lengths."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def owners(offsets: Int64) -> Int64:
    """int64[values]: the row that each value belongs to."""
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


def owners_at(offsets: Int64, places: ArrayLike) -> Int64:
    """int64[places]: the row that the value at each place belongs to."""
    return np.searchsorted(offsets, places, side="right") - 1


def positions(offsets: Int64) -> Int64:
    """int64[values]: the position of each value in its row, from 0."""
    return np.arange(offsets[0], offsets[-1]) - np.repeat(offsets[:-1], np.diff(offsets))


def ranges(first: Int64, lengths: Int64) -> Int64:
    """Concatenated ranges of integers: for each row, ``length`` integers from ``first``."""
    offsets = offsets_of(lengths)
    # One count over all ranges, shifted in each so that it starts at its first number.
    return np.arange(offsets[-1]) + np.repeat(first - offsets[:-1], lengths)


def ragged_rows(offsets: Int64, rows: NDArray[np.integer]) -> tuple[Int64, Int64]:
    """Positions of the flat values of some rows, and the offsets of these rows when they are put together.

    Args:
        offsets: int64[rows + 1], of all rows.
        rows: indices of the selected rows, in the desired order.

    Returns:
        int64[selected values] and int64[selected rows + 1].
    """
    rows = np.asarray(rows)
    first = offsets[rows]
    lengths = offsets[rows + 1] - first
    return ranges(first, lengths), offsets_of(lengths)


def ragged_range(offsets: Int64, begin: int, stop: int) -> tuple[slice, Int64]:
    """As :func:`ragged_rows`, of the rows from ``begin`` up to ``stop``: a slice, which copies nothing, and offsets."""
    edges = offsets[begin : stop + 1]
    return slice(int(edges[0]), int(edges[-1])), edges - edges[0]


def tokens_of(
    owner: Int64, left: NDArray[np.integer], right: NDArray[np.integer], row: Int64, start: Int64, end: Int64
) -> tuple[Int64, Int64]:
    """For ranges of characters, the first token that ends after the start and the last that begins before the end.

    Where a row has no such token, the last comes before the first, or a token is of another row or of none.

    Args:
        owner: int64[t], the row of each token; non-decreasing.
        left: int[t], the first character of each.
        right: int[t], the end of its characters.
        row: int64[k], of each range.
        start: int64[k], its first character.
        end: int64[k], its end.
    """
    # One rising key over all rows makes it one search; the accumulations keep it rising where a normalizer has put
    # tokens out of the order of their characters.
    span = int(right.max()) + 2
    ends = np.maximum.accumulate(owner * span + right)
    starts = np.minimum.accumulate((owner * span + left)[::-1])[::-1]
    first = np.searchsorted(ends, row * span + np.minimum(start, span - 1), "right")
    return first, np.searchsorted(starts, row * span + np.minimum(end, span - 1), "left") - 1


def places_in_runs(column: NDArray[np.integer]) -> Int64:
    """int64[rows]: the place of each row, from 0, in its run of equal rows; ``column`` must not fall."""
    return np.arange(len(column)) - np.searchsorted(column, column)


def begins(*columns: Int64 | Int32) -> Bool:
    """bool[rows]: which rows begin a run of equal rows: the first, and each that differs from its predecessor."""
    found = np.ones(len(columns[0]), np.bool_)
    found[1:] = np.any([np.diff(column) != 0 for column in columns], axis=0)
    return found
