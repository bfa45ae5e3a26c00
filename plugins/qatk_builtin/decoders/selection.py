"""Which of an example's spans are its answer: those above a threshold that do not overlap, with small gaps closed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qatk.api import Examples, Predictions
from qatk.types import Float32, Int64, Slices, ragged
from qatk.types import Spans as AnswerSpans
from qatk_builtin.decoders.best_spans import Spans, join
from qatk_builtin.decoders.nbest import best_of


@dataclass(frozen=True, eq=False)
class Selection:
    """The spans of answers, those of each example in the order of the text; all of them are the answer.

    Attributes:
        spans: kept, none overlapping; at least one of each example that has candidates.
        others: the candidates, for the n-best.
    """

    spans: Spans
    others: Spans

    def predictions(self, examples: Examples, null_score: Float32, threshold: float, n_best_size: int) -> Predictions:
        """The answers. The null decision comes first: without an answer where the odds against it are above."""
        # Kept spans come before candidates of equal score, so that the first of the n-best is the best that is kept.
        last = np.repeat([0, 1], [len(self.spans), len(self.others)])
        ranked = ranked_once(join([self.spans, self.others]), last, n_best_size)
        start, end, score, nbest = best_of(examples, ranked, null_score)
        dropped = null_score.astype(np.float64) - score > threshold
        start[dropped] = end[dropped] = -1
        text = Slices(examples, None, start, end)
        return Predictions(text, start, end, score, null_score, nbest, self._answers(examples))

    def _answers(self, examples: Examples) -> AnswerSpans:
        kept, offsets = self.spans, ragged.offsets_of(np.bincount(self.spans.example, minlength=len(examples)))
        text = Slices(examples, offsets, kept.char_start, kept.char_end)
        return AnswerSpans(offsets, text, kept.char_start, kept.char_end, kept.score)


def ranked_once(spans: Spans, last_key: Int64, n_best_size: int) -> Spans:
    """Spans of different characters by example, best first; of equal scores by ``last_key``, then by characters."""
    order = np.lexsort((spans.char_end, spans.char_start, last_key, -spans.score, spans.example))
    spans = spans.take(order)
    # The first of the same characters stays: the order by characters is stable.
    same = np.lexsort((spans.char_end, spans.char_start, spans.example))
    new = ragged.begins(spans.example[same], spans.char_start[same], spans.char_end[same]) if len(same) else same > 0
    spans = spans.take(np.sort(same[new]))
    return spans.take(ragged.places_in_runs(spans.example) < n_best_size)


def in_order(spans: Spans) -> Spans:
    """Spans by example, then in the order of the text."""
    return spans.take(np.lexsort((spans.char_end, spans.char_start, spans.example)))


def closed(spans: Spans, gap: int) -> Spans:
    """Spans in the order of the text, those with at most so many characters between them made one, of the best score.

    Args:
        spans: in order, none overlapping.
        gap: in characters; 0 leaves all as they are.
    """
    if not gap or not len(spans):
        return spans
    new = np.ones(len(spans), np.bool_)
    new[1:] = (np.diff(spans.example) != 0) | (spans.char_start[1:] - spans.char_end[:-1] > gap)
    first = np.flatnonzero(new)
    last = np.append(first[1:], len(spans)) - 1
    score = np.maximum.reduceat(spans.score, first)
    return Spans(spans.example[first], spans.char_start[first], spans.char_end[last], score)


def best_few(spans: Spans, number: int | None) -> Spans:
    """At most so many spans of each example, the best, in the order of the text; ``None`` keeps all."""
    if number is None:
        return spans
    best = spans.take(np.lexsort((spans.char_start, -spans.score, spans.example)))
    return in_order(best.take(ragged.places_in_runs(best.example) < number))
