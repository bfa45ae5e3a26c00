"""EM and F1 at every threshold on the null odds. Letters in shapes: n questions, k thresholds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qatk.evaluation.squad import exact_and_f1
from qatk.results.evaluation import Evaluation
from qatk.statistics.classification import last_of_equals
from qatk.types import Bool, Float64, Int64, Predictions


@dataclass(frozen=True, eq=False)
class Sweep:
    """EM and F1 in per cent at each threshold on the null odds: answers with higher odds become "no answer".

    A threshold can reach every point. The official ``best_exact`` and ``best_f1``, in contrast, keep abstentions as
    they are and also cut between equal odds, which no threshold can do.

    Attributes:
        threshold, exact, f1: float64[k], thresholds rising; the first one answers nothing.
        full: whether the best span of every question is known, so that the last threshold answers all questions;
            otherwise it answers those that were answered.
    """

    threshold: Float64
    exact: Float64
    f1: Float64
    full: bool

    @property
    def best_exact(self) -> int:
        """The index of the highest EM; the lowest threshold among equals."""
        return int(np.argmax(self.exact))

    @property
    def best_f1(self) -> int:
        """The index of the highest F1; the lowest threshold among equals."""
        return int(np.argmax(self.f1))


def threshold_sweep(evaluation: Evaluation) -> Sweep:
    """EM and F1 at every threshold, for an evaluation with null odds, EM and F1.

    If best spans are known, thresholds above the one in use turn abstentions into answers. Otherwise the sweep ends at
    the highest null odds of an answer.
    """
    odds, has_answer = evaluation.predictions.null_odds, evaluation.examples.has_answer
    answered, scores = best_answers(evaluation)
    full = evaluation.predictions.nbest is not None
    order = np.argsort(odds, kind="stable")
    cuts = last_of_equals(odds[order])
    if not full:
        cuts = cuts[odds[order][cuts] <= odds[answered].max(initial=-np.inf)]
    exact, f1 = (_curve(gain(score, answered, has_answer)[order], has_answer, cuts) for score in scores)
    threshold = np.concatenate([[min(0.0, float(odds[order[0]])) - 1.0], odds[order][cuts]])
    return Sweep(threshold, exact, f1, full)


def _curve(gain: Float64, has_answer: Bool, cuts: Int64) -> Float64:
    """float64[k + 1], in per cent: the score of answering nothing, and with the gain of all answers up to each cut."""
    # Before the first answer, every question without one is right.
    sums = np.cumsum(np.concatenate([[float((~has_answer).sum())], gain]))
    curve: Float64 = 100 * np.concatenate([sums[:1], sums[cuts + 1]]) / len(gain)
    return curve


def gain(score: Float64, answered: Bool, has_answer: Bool) -> Float64:
    """float64[n]: the score of answering less that of abstaining; 0 where there is no answer to give."""
    # A bool subtracts as 0 or 1: answering where there is no answer loses the point that abstaining had.
    return np.where(answered, score - ~has_answer, 0.0)


def best_answers(evaluation: Evaluation) -> tuple[Bool, tuple[Float64, Float64]]:
    """bool[n], which questions have an answer to give, and EM and F1 of it: of abstentions the best span's."""
    predictions = evaluation.predictions
    exact, f1 = evaluation.per_question["exact"], evaluation.per_question["f1"]
    answered = predictions.answered
    rows, spans = best_of_abstentions(predictions)
    if predictions.nbest is None:
        return answered, (exact, f1)
    exact, f1 = exact.copy(), f1.copy()
    best = [predictions.nbest.text[k] for k in spans.tolist()]
    several = None if predictions.several is None else predictions.several.take(rows)
    exact[rows], f1[rows] = exact_and_f1(evaluation.examples.take(rows), best, several, evaluation.normalisation)
    answered[rows] = True
    return answered, (exact, f1)


def best_of_abstentions(predictions: Predictions) -> tuple[Int64, Int64]:
    """Rows that were not answered and whose best span is known, and where in ``nbest`` each one's is."""
    if predictions.nbest is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    offsets = predictions.nbest.offsets
    rows = np.flatnonzero(~predictions.answered & (np.diff(offsets) > 0))
    return rows, offsets[rows]
