"""The answerability score as a classifier.

The score is the probability that a question has no answer: the logistic function of its null odds, which is what a
softmax over "no answer" and the best span alone gives. It needs no n-best list, so that prediction files of other tools
can be judged too.

Letters in shapes: n questions.
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
    """Points of a curve, float64[k] each."""

    x: Float64
    y: Float64


@dataclass(frozen=True, eq=False)
class Answerability:
    """How well null odds tell questions without an answer from the others.

    Attributes:
        roc_auc: the chance that a question without an answer has the higher odds of a pair; ties count half; NaN where
            one of the two kinds is missing.
        average_precision: of finding the questions without an answer; NaN likewise.
        calibration_error: expected calibration error over bins of as many questions, a fraction (Guo et al. 2017).
        brier: the mean squared distance of the probability from the truth (Brier 1950).
        log_loss: the mean of minus the logarithm of the probability that was given to the truth.
        reliability: those bins.
        risk_coverage: share of questions kept, the surest first, and the share of them that is wrong by EM (El-Yaniv
            & Wiener 2010). Sure is what has a high probability of the decision taken, to answer or not, which need
            not be the likelier one; equally sure ones count as in the mean over their orders.
        risk_coverage_area: the mean risk over all coverages.
        precision_recall: recall and precision by ``exact``, ``f1`` and ``oracle``, as the official script draws them.
    """

    roc_auc: float
    average_precision: float
    calibration_error: float
    brier: float
    log_loss: float
    reliability: Sequence[ReliabilityBin]
    risk_coverage: Curve
    risk_coverage_area: float
    precision_recall: Mapping[str, Curve]


def answerability_of(evaluation: Evaluation) -> Answerability | None:
    """Judge the null odds of an evaluation; ``None`` where it has none, or no EM and F1."""
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
        risk_coverage_area=float(risk.y.mean()),
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
