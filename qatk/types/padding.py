"""Windows as models take them: batches of like length, padded to one length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qatk.types.arrays import Bool, Int32, Int64
from qatk.types.features import Features
from qatk.types.ragged import ragged_rows

MULTIPLE = 16
"""Padded lengths are multiples of this, which kernels for matrices are made for."""


@dataclass(frozen=True, eq=False)
class PaddedWindows:
    """Where the tokens of B windows lie in a table of L columns.

    Attributes:
        rows: int64[B], the windows.
        positions: int64[t], their tokens in the flat columns of the features.
        offsets: int64[B + 1], where each window begins among these.
        shift: int64[B], the columns of padding on the left of each.
        token_mask: bool[B, L], true for all tokens except padding.
    """

    rows: Int64
    positions: Int64
    offsets: Int64
    shift: Int64
    token_mask: Bool

    def table(self, values: NDArray[np.generic], fill: int) -> Int64:
        """int64[B, L]: a flat column of the features, padded."""
        table = np.full(self.token_mask.shape, fill, np.int64)
        # A mask is filled row by row, in the order in which the ragged values lie.
        table[self.token_mask] = values[self.positions]
        return table

    def place(self, values: Int32) -> Int64:
        """int64[B]: positions within windows as columns of the table."""
        return values[self.rows] + self.shift

    def inputs(self, features: Features, *, pad_id: int, has_type_ids: bool) -> dict[str, NDArray[Any]]:
        """What models are given of these windows, by name: token ids and types, masks, and places of "no answer"."""
        types = {"token_type_ids": self.table(features.type_ids, 0)} if has_type_ids else {}
        return {
            "input_ids": self.table(features.input_ids, pad_id),
            "attention_mask": self.token_mask.astype(np.int64),
            **types,
            "context_mask": self.table(features.char_start, -1) >= 0,
            "null_index": self.place(features.null_index),
        }


def pad_windows(
    features: Features, rows: Int64, *, left: bool, least: int = MULTIPLE, most: int | None = None
) -> PaddedWindows:
    """Pad some windows to one length.

    Args:
        features: all windows.
        rows: those to pad, to the longest of them.
        left: whether padding stands on the left.
        least: columns, if the windows are shorter.
        most: columns that the model takes, where its limit is no multiple of :data:`MULTIPLE`.
    """
    positions, offsets = ragged_rows(features.token_offsets, rows)
    lengths = np.diff(offsets)
    longest = int(lengths.max())
    width = -(-longest // MULTIPLE) * MULTIPLE
    width = max(width if most is None else min(width, most), longest, least)
    shift = width - lengths if left else np.zeros_like(lengths)
    columns = np.arange(width)
    # Each row's tokens are the columns from its shift on, as many as it has.
    token_mask = (columns >= shift[:, None]) & (columns < (shift + lengths)[:, None])
    return PaddedWindows(rows, positions, offsets, shift, token_mask)


def batches_by_length(lengths: Int64, tokens: int) -> list[Int64]:
    """All windows, longest first, in batches of at most ``tokens`` positions with padding (or of one window)."""
    order = np.argsort(-lengths, kind="stable")
    batches = []
    begin = 0
    while begin < len(order):
        size = max(1, tokens // int(lengths[order[begin]]))
        batches.append(order[begin : begin + size])
        begin += size
    return batches
