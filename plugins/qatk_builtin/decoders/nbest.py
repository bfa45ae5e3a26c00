"""From scored spans of windows to the n-best of examples: merge, rank, cut, probabilities."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from qatk.api import Examples, NBest
from qatk.types import Float32, Float64, Int32, Int64, Slices, ragged
from qatk_builtin.decoders.best_spans import Spans, falling, join


def merge(spans: Spans, mixed: Int64, n_best_size: int) -> Spans:
    """The best spans of each example, of different characters: by example, then best first.

    Equal scores go by ``char_start``, then ``char_end``.

    Args:
        spans: scored spans; those of an example that is not mixed are in order already, and no more than wanted.
        mixed: examples whose spans may come in any order, any number, and repeated.
        n_best_size: how many to keep.
    """
    # Most examples have one window, whose spans are in order: only the others are sorted.
    unordered = np.isin(spans.example, mixed)
    if unordered.any():
        spans = join([spans.take(~unordered), rank(spans.take(unordered), n_best_size)])
    return spans.take(np.argsort(spans.example, kind="stable"))


def rank(spans: Spans, n_best_size: int) -> Spans:
    """As :func:`merge`, of spans in any order, any number, and repeated."""
    # lexsort sorts by the last key first.
    keys = (falling(spans.score), spans.char_end, spans.char_start, spans.example)
    spans = spans.take(np.lexsort(keys))
    spans = spans.take(ragged.begins(spans.example, spans.char_start, spans.char_end))
    # falling takes 32 bits: example and score fit side by side into one integer.
    spans = spans.take(np.argsort((spans.example << 32) + falling(spans.score), kind="stable"))
    return spans.take(ragged.places_in_runs(spans.example) < n_best_size)


def apart(spans: Spans, size: int | None = None) -> Spans:
    """Spans that do not overlap, the best first: each of these that shares no character with a better one.

    Args:
        spans: by example, then best first.
        size: how many to keep of each example; ``None`` keeps all.
    """
    left, kept = np.arange(len(spans)), [np.zeros(0, np.int64)]
    while len(left) and (size is None or len(kept) <= size):
        # In each round the best that is left of every example is kept, and what overlaps it goes.
        heads = np.flatnonzero(ragged.begins(spans.example[left]))
        kept.append(left[heads])
        better = np.repeat(left[heads], np.diff(heads, append=len(left)))
        before = spans.char_end[left] <= spans.char_start[better]
        left = left[(left != better) & (before | (spans.char_start[left] >= spans.char_end[better]))]
    return spans.take(np.sort(np.concatenate(kept)))


def best_apart(find: Callable[[int], Spans], n_best_size: int) -> Spans:
    """As :func:`apart`, of all spans there are; ``find`` gives the so many best of each example."""
    size = 4 * n_best_size
    while True:
        spans = find(size)
        found = apart(spans, n_best_size)
        n = int(spans.example.max(initial=-1)) + 1
        # An example has all its places, or all of its spans were looked at.
        enough = np.bincount(found.example, minlength=n) == n_best_size
        if (enough | (np.bincount(spans.example, minlength=n) < size)).all():
            return found
        size *= 4


def best_of(examples: Examples, spans: Spans, null_score: Float32) -> tuple[Int32, Int32, Float32, NBest]:
    """Start, end and score of the best span of each example (-1, -1 and ``-inf`` without one), and all as its n-best.

    Args:
        examples: n of them.
        spans: by example, then best first.
        null_score: float32[n], of "no answer".
    """
    n = len(examples)
    offsets = ragged.offsets_of(np.bincount(spans.example, minlength=n))
    filled = np.flatnonzero(np.diff(offsets))
    best = offsets[filled]
    start, end = np.full((2, n), -1, np.int32)
    score = np.full(n, -np.inf, np.float32)
    start[filled], end[filled], score[filled] = spans.char_start[best], spans.char_end[best], spans.score[best]
    text = Slices(examples, offsets, spans.char_start, spans.char_end)
    probability = probabilities(offsets, spans.score, null_score)
    return start, end, score, NBest(offsets, text, spans.char_start, spans.char_end, spans.score, probability)


def probabilities(offsets: Int64, score: Float32, null_score: Float32) -> Float32:
    """Softmax over each example's spans (best first, ragged) and its null score; what is missing to 1 is the null's."""
    filled = np.flatnonzero(np.diff(offsets))
    example = ragged.owners(offsets)
    # The highest exponent is subtracted from all: no exponential can overflow, and the ratios stay.
    top = null_score.astype(np.float64)
    top[filled] = np.maximum(top[filled], score[offsets[filled]])
    weight: Float64 = np.exp(score - top[example])
    total = np.zeros(len(top))
    # reduceat sums from each offset up to the next; an empty example would get its neighbour's value.
    total[filled] = np.add.reduceat(weight, offsets[filled]) + np.exp(null_score[filled] - top[filled])
    return (weight / total[example]).astype(np.float32)
