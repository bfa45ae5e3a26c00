"""How well the null odds classify questions as answerable.

The score is the probability that a question has no answer: the logistic function of its null odds, which equals a
softmax over "no answer" and the best span. It needs no n-best list, so that prediction files of other tools can be
scored too.

Letters in shapes: n questions, k points of a curve.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qatk.results.evaluation import Evaluation
from qatk.statistics.classification import (
    ReliabilityBin,
    average_precision,
    brier_score,
    calibration_error,
    last_of_equals,
    log_loss,
    precision_recall,
    reliability,
    roc_auc,
)
from qatk.statistics.logistic import no_answer_probability
from qatk.types import Bool, Float64


@dataclass(frozen=True, eq=False)
class Curve:
    """The points of a curve, float64[k] each."""

    x: Float64
    y: Float64


@dataclass(frozen=True, eq=False)
class Answerability:
    """How well null odds separate questions without an answer from the others.

    Attributes:
        roc_auc: the area under the ROC curve: the probability that a random question without an answer has higher null
            odds than a random question with one; ties count half. NaN if one of the two kinds is missing.
        average_precision: of finding the questions without an answer; NaN in the same case.
        calibration_error: the expected calibration error, a fraction, over bins with equal numbers of questions (Guo et
            al. 2017).
        brier: the Brier score: the mean squared difference between the probability and the truth (Brier 1950).
        log_loss: the mean negative logarithm of the probability given to the truth.
        reliability: the bins of the calibration error.
        risk_coverage: the share of questions kept, the most confident ones first, and the share of these that is wrong
            by EM (El-Yaniv & Wiener 2010). Confidence is the probability of the decision taken (to answer or to
            abstain), which need not be the more probable one; equal confidences are averaged over their orders.
        precision_recall: recall and precision by ``exact``, ``f1`` and ``oracle``, as in the official script.
    """

    roc_auc: float
    average_precision: float
    calibration_error: float
    brier: float
    log_loss: float
    reliability: Sequence[ReliabilityBin]
    risk_coverage: Curve
    precision_recall: Mapping[str, Curve]


def answerability_of(evaluation: Evaluation) -> Answerability | None:
    """Score the null odds of an evaluation; ``None`` if it has no null odds, EM or F1."""
    odds, scores = evaluation.predictions.null_odds, evaluation.per_question
    if not len(odds) or np.isnan(odds).any() or not {"exact", "f1"} <= set(scores):
        return None
    has_answer = evaluation.examples.has_answer
    answered = evaluation.predictions.answered
    probability = no_answer_probability(odds)
    bins = reliability(probability, ~has_answer)
    # Sure of an answer: low odds; sure of abstaining: high ones.
    risk = _risk_coverage(np.where(answered, -odds, odds), scores["exact"])
    return Answerability(
        roc_auc=roc_auc(odds, ~has_answer),
        average_precision=average_precision(odds, ~has_answer),
        calibration_error=calibration_error(bins),
        brier=brier_score(probability, ~has_answer),
        log_loss=log_loss(probability, ~has_answer),
        reliability=bins,
        risk_coverage=risk,
        precision_recall=_precision_recall(odds, has_answer, scores),
    )


def _risk_coverage(confidence: Float64, exact: Float64) -> Curve:
    order = np.argsort(-confidence, kind="stable")
    number, last = np.arange(1, len(order) + 1), last_of_equals(confidence[order])
    wrong = np.cumsum(1 - exact[order])[last]
    return Curve(number / len(order), np.interp(number, [0, *(last + 1)], [0.0, *wrong]) / number)


def _precision_recall(odds: Float64, has_answer: Bool, scores: Mapping[str, Float64]) -> dict[str, Curve]:
    if not has_answer.any():
        return {}
    order = np.argsort(odds, kind="stable")
    curves = {}
    for name, score in (("exact", scores["exact"]), ("f1", scores["f1"]), ("oracle", has_answer.astype(np.float64))):
        found = np.where(has_answer, score, 0.0)[order]
        curves[name] = Curve(*precision_recall(found, int(has_answer.sum()), odds[order]))
    return curves
