"""The answerability score as a classifier, and what thresholds on it would give.

The score is the probability that a question has no answer: the logistic function of its null odds, which is what a
softmax over "no answer" and the best span alone gives. It needs no n-best list, so that prediction files of other tools
can be judged too.

Letters in shapes: n questions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qatk.results import Evaluation
from qatk.types import Bool, Float64, Int64

BINS = 10


@dataclass(frozen=True)
class ReliabilityBin:
    """Questions of like probability: the mean probability of no answer, the share without one, how many."""

    probability: float
    share: float
    count: int


@dataclass(frozen=True, eq=False)
class Curve:
    """Points of a curve, float64[k] each."""

    x: Float64
    y: Float64


@dataclass(frozen=True, eq=False)
class Sweep:
    """EM and F1 in per cent at each threshold on the null odds: answers above it become "no answer".

    Attributes:
        threshold, exact, f1: float64[k], thresholds rising; the first answers nothing.
    """

    threshold: Float64
    exact: Float64
    f1: Float64


@dataclass(frozen=True, eq=False)
class Answerability:
    """How well null odds tell questions without an answer from the others.

    Attributes:
        roc_auc: the chance that a question without an answer has the higher odds of a pair; ties count half; NaN where
            one of the two kinds is missing.
        average_precision: of finding the questions without an answer; NaN likewise.
        calibration_error: expected calibration error over bins of as many questions, a fraction (Guo et al. 2017).
        reliability: those bins.
        risk_coverage: share of questions answered, the surest first, and the share of them that is wrong by EM.
        risk_coverage_area: the mean risk over all coverages.
        precision_recall: recall and precision by ``exact``, ``f1`` and ``oracle``, as the official script draws them.
        sweep: EM and F1 by threshold.
    """

    roc_auc: float
    average_precision: float
    calibration_error: float
    reliability: Sequence[ReliabilityBin]
    risk_coverage: Curve
    risk_coverage_area: float
    precision_recall: Mapping[str, Curve]
    sweep: Sweep


def answerability(evaluation: Evaluation) -> Answerability | None:
    """Judge the null odds of an evaluation; ``None`` where it has none, or no EM and F1."""
    odds, scores = evaluation.predictions.null_odds, evaluation.per_question
    if not len(odds) or np.isnan(odds).any() or not {"exact", "f1"} <= set(scores):
        return None
    has_answer = evaluation.examples.has_answer
    answered = np.array([text != "" for text in evaluation.predictions.text], np.bool_)
    probability = no_answer_probability(odds)
    bins = reliability(probability, ~has_answer)
    risk = _risk_coverage(np.abs(odds), scores["exact"])
    return Answerability(
        roc_auc=roc_auc(odds, ~has_answer),
        average_precision=average_precision(odds, ~has_answer),
        calibration_error=sum(b.count * abs(b.probability - b.share) for b in bins) / len(odds),
        reliability=bins,
        risk_coverage=risk,
        risk_coverage_area=float(risk.y.mean()),
        precision_recall=_precision_recall(odds, has_answer, scores),
        sweep=_sweep(odds, has_answer, answered, scores),
    )


def no_answer_probability(odds: Float64, temperature: float = 1.0) -> Float64:
    """float64[n]: the logistic function of the null odds over a temperature."""
    with np.errstate(over="ignore"):
        probability: Float64 = 1 / (1 + np.exp(-odds / temperature))
    return probability


def roc_auc(score: Float64, positive: Bool) -> float:
    """Area under the ROC curve by ranks (Mann and Whitney 1947); NaN where one kind is missing."""
    right, wrong = int(positive.sum()), int((~positive).sum())
    if not right or not wrong:
        return float("nan")
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return float((ranks[place][positive].sum() - right * (right + 1) / 2) / (right * wrong))


def average_precision(score: Float64, positive: Bool) -> float:
    """Sum of precision times the rise of recall, equal scores taken together; NaN without positives."""
    if not positive.any():
        return float("nan")
    order = np.argsort(-score, kind="stable")
    found = np.cumsum(positive[order])
    last = _last_of_equals(score[order])
    precision, recall = found[last] / (last + 1), found[last] / positive.sum()
    return float((precision * np.diff(recall, prepend=0.0)).sum())


def _last_of_equals(ordered: Float64) -> Int64:
    """Where a threshold can fall: the last of each run of equal scores."""
    return np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))


def reliability(probability: Float64, positive: Bool) -> list[ReliabilityBin]:
    """Bins of as many questions each, so that none is too small to tell: probability and truth of each."""
    parts = np.array_split(np.argsort(probability, kind="stable"), min(BINS, len(probability)))
    return [ReliabilityBin(float(probability[p].mean()), float(positive[p].mean()), len(p)) for p in parts]


def _risk_coverage(confidence: Float64, exact: Float64) -> Curve:
    order = np.argsort(-confidence, kind="stable")
    number = np.arange(1, len(order) + 1)
    return Curve(number / len(order), np.cumsum(1 - exact[order]) / number)


def _precision_recall(odds: Float64, has_answer: Bool, scores: Mapping[str, Float64]) -> dict[str, Curve]:
    if not has_answer.any():
        return {}
    order = np.argsort(odds, kind="stable")
    last = _last_of_equals(odds[order])
    curves = {}
    for name, score in (("exact", scores["exact"]), ("f1", scores["f1"]), ("oracle", has_answer.astype(np.float64))):
        right = np.cumsum(np.where(has_answer, score, 0.0)[order])[last]
        curves[name] = Curve(right / has_answer.sum(), right / (last + 1))
    return curves


def _sweep(odds: Float64, has_answer: Bool, answered: Bool, scores: Mapping[str, Float64]) -> Sweep:
    order = np.argsort(odds, kind="stable")
    last = _last_of_equals(odds[order])
    curves = []
    for name in ("exact", "f1"):
        gain = np.where(has_answer, scores[name], np.where(answered, -1.0, 0.0))[order]
        sums = np.cumsum(np.concatenate([[float((~has_answer).sum())], gain]))
        curves.append(100 * np.concatenate([sums[:1], sums[last + 1]]) / len(odds))
    threshold = np.concatenate([[min(0.0, float(odds[order[0]])) - 1.0], odds[order][last]])
    return Sweep(threshold, *curves)
