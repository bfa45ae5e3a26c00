"""Which tokens of overlapping windows are the same, and one score out of the several that each has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qatk.types import Features, Float32, Float64, Int32, Int64, ragged


@dataclass(frozen=True, eq=False)
class Overlap:
    """The context tokens of some windows: t places, m different tokens, in the order of example and characters.

    Attributes:
        place: int64[t], where each lies among the tokens of these windows.
        token: int64[t], which of the m it is.
        weight: float64[t], 1 plus the tokens between it and the nearer edge of its window's context.
        first: int64[m], one of the t places of each token.
        example: int32[m].
    """

    place: Int64
    token: Int64
    weight: Float64
    first: Int64
    example: Int32

    @classmethod
    def of(cls, features: Features, begin: int, stop: int) -> Overlap:
        """That of the windows from ``begin`` up to ``stop``, which are whole examples."""
        tokens, offsets = ragged.ragged_range(features.token_offsets, begin, stop)
        place = np.flatnonzero(features.char_start[tokens] >= 0)
        window = ragged.owners_at(offsets, place)
        example = features.example_index[begin:stop][window]
        characters = (features.char_end[tokens][place], features.char_start[tokens][place], example)
        keys = (_ranks(window, characters), *characters)
        # lexsort sorts by the last key first: by example, then characters, then rank.
        order = np.lexsort(keys)
        begins = ragged.begins(*(key[order] for key in keys))
        token = np.empty(len(place), np.int64)
        # A running count of the runs numbers them; written back into the order of the windows.
        token[order] = np.cumsum(begins) - 1
        first = order[begins]
        return cls(place, token, _weights(window), first, example[first])


def _weights(window: Int64) -> Float64:
    """See :attr:`Overlap.weight`; ``window`` does not decrease."""
    row = np.arange(len(window))
    # Where a window's number would be inserted is where its tokens begin, or on the right side end.
    before = row - np.searchsorted(window, window)
    after = np.searchsorted(window, window, side="right") - 1 - row
    weights: Float64 = (1 + np.minimum(before, after)).astype(np.float64)
    return weights


def _ranks(window: Int64, characters: tuple[Int32, ...]) -> Int64:
    """int64[t]: the how-manieth each token is among neighbours of the same characters.

    Where a window begins amid such neighbours they are counted from the last, which it shares with other windows.

    Args:
        window: int64[t].
        characters: ``char_end``, ``char_start`` and example of each.
    """
    begin = np.flatnonzero(ragged.begins(window, *characters))
    length = np.diff(begin, append=len(window))
    if (length == 1).all():
        return np.zeros(len(window), np.int64)
    # Runs of the same characters come side by side; a running count of where they begin numbers them.
    order = np.lexsort([key[begin] for key in characters])
    alike = np.empty(len(begin), np.int64)
    alike[order] = np.cumsum(ragged.begins(*(key[begin[order]] for key in characters))) - 1
    longest = np.zeros(len(begin), np.int64)
    # at counts an index that stands several times each time; plain indexing would keep the last.
    np.maximum.at(longest, alike, length)
    # Of a run that its window's edge cuts off, what the longest run of the same characters has more is out of sight.
    hidden = np.where(ragged.begins(window[begin]), longest[alike] - length, 0)
    ranks: Int64 = np.arange(len(window)) - np.repeat(begin - hidden, length)
    return ranks


def combined(score: Float32, weight: Float64, row: Int64, size: int, how: str) -> Float32:
    """float32[size]: one score a row out of all of that row, which do not count where they are ``-inf``.

    What comes out does not depend on their order, not even in the last bit.

    Args:
        score: float32[t].
        weight: float64[t], for ``edge``.
        row: int64[t], every number below ``size`` at least once.
        size: of the result.
        how: ``max``, ``mean`` or ``edge``, the weighted mean.
    """
    if size == 0:
        return np.zeros(0, np.float32)
    weight = weight if how == "edge" else np.ones(len(score))
    # By row, and within it by value: sums then do not depend on the order in which windows came.
    order = np.lexsort((weight, score, row))
    first = np.searchsorted(row[order], np.arange(size))
    if how == "max":
        return np.maximum.reduceat(score[order], first)
    counted = score[order] != -np.inf
    # -inf times 0 would be NaN: what does not count gets weight 0 and score 0.
    weight = np.where(counted, weight[order], 0.0)
    total = np.add.reduceat(weight * np.where(counted, score[order], np.float32(0)), first)
    mass = np.add.reduceat(weight, first)
    return np.where(mass > 0, total / np.maximum(mass, 1.0), -np.inf).astype(np.float32)
