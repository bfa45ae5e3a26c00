"""From scored spans of windows to the n-best of examples: merge, rank, cut, probabilities, texts on demand."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from qatk.types import Examples, Float32, Float64, Int32, Int64, TextColumn, ragged
from qatk_builtin.decoders.best_spans import Spans, falling, join

CHUNK = 4096
"""Examples whose texts are made together."""


class Slices(TextColumn):
    """Slices of the contexts of examples, made when they are asked for: a million n-best lists need no strings.

    Args:
        examples: n examples.
        offsets: int64[n + 1] into the slices; ``None`` where each example has one.
        char_start, char_end: int32[k], end exclusive; of each slice in its example's context.
    """

    def __init__(self, examples: Examples, offsets: Int64 | None, char_start: Int32, char_end: Int32) -> None:
        self._contexts, self._context_index = examples.context, examples.context_index
        self._offsets, self._start, self._end = offsets, char_start, char_end

    def __len__(self) -> int:
        return len(self._start)

    def at(self, index: int) -> str:
        """The slice at an index from 0 on."""
        example = index if self._offsets is None else int(np.searchsorted(self._offsets, index, side="right")) - 1
        context = self._contexts[int(self._context_index[example])]
        return context[self._start[index] : self._end[index]]

    def __iter__(self) -> Iterator[str]:
        for low in range(0, len(self._context_index), CHUNK):
            context, among = self._context_index[low : low + CHUNK], slice(low, low + CHUNK)
            if self._offsets is not None:
                offsets = self._offsets[low : low + CHUNK + 1]
                context, among = np.repeat(context, np.diff(offsets)), slice(int(offsets[0]), int(offsets[-1]))
            ranges = zip(context.tolist(), self._start[among].tolist(), self._end[among].tolist(), strict=True)
            yield from [self._contexts[index][start:end] for index, start, end in ranges]


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
    # How far each is from the first of its example.
    place = np.arange(len(spans)) - np.searchsorted(spans.example, spans.example)
    return spans.take(place < n_best_size)


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
