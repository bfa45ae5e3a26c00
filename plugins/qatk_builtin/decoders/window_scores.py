"""Scores of windows as log-probabilities within each of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qatk.api import Features, SpanScores
from qatk.types import Float32, Int64, Spool, ragged, release

_STRETCH = 1 << 12
"""Windows at a time, which bounds the memory."""


def by_probability(features: Features, scores: SpanScores, temperature: float) -> SpanScores:
    """Log-probabilities: of each start and each end among those of its window, or of each span and "no answer".

    It is the softmax of each window that BERT's and transformers' pipelines took, of scores divided by ``temperature``.
    Within a window, spans and "no answer" differ as before, by that scale. Columns may be memory-mapped.
    """
    if (candidates := scores.candidates) is not None:
        offsets = candidates.offsets(len(features))
        spans, null = candidates.score / temperature, scores.null / temperature
        total = np.logaddexp(_log_sums(spans, offsets), null)
        given = spans - total[candidates.feature]
        return SpanScores(null - total, candidates=replace(candidates, score=given))
    assert scores.start is not None
    assert scores.end is not None
    null = scores.null / temperature
    starts, ends = Spool(np.float32), Spool(np.float32)
    for begin in range(0, len(features), _STRETCH):
        stop = min(begin + _STRETCH, len(features))
        tokens, offsets = ragged.ragged_range(features.token_offsets, begin, stop)
        for column, part in ((scores.start, starts), (scores.end, ends)):
            values = column[tokens] / temperature
            total = _log_sums(values, offsets)
            total[np.isneginf(total)] = 0  # nothing may start here, or end: it stays so
            part.append(values - np.repeat(total, np.diff(offsets)))
            null[begin:stop] -= total
        release(scores.start, scores.end)
    return SpanScores(null, starts.column(), ends.column())


def _log_sums(values: Float32, offsets: Int64) -> Float32:
    """The logarithm of the sum of exponentials of each range; ``-inf`` where there is nothing in it."""
    total = np.full(len(offsets) - 1, -np.inf, np.float32)
    held = np.flatnonzero(np.diff(offsets))
    if len(held):  # reduceat takes no empty ranges
        total[held] = np.logaddexp.reduceat(values, offsets[held])
    return total
