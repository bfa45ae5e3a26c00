"""Scores as a classifier: ranks, precision and recall, reliability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qatk.types import Bool, Float64, Int64


def sequential_sum(values: Float64 | Bool) -> float:
    """The sum as additions from left to right give it, without numpy's pairwise order or compensation."""
    return float(np.cumsum(values, dtype=np.float64)[-1]) if len(values) else 0.0


def precision_recall(found: Float64, wanted: int, odds: Float64) -> tuple[Float64, Float64]:
    """Recall and precision, as fractions, at each threshold; none falls between equal odds.

    Args:
        found: float64[m], what answering each question finds, in the order in which they are answered.
        wanted: how much there is to find.
        odds: float64[m], by which that order was made; m is at least 1.

    Returns:
        Two float64[k], for k distinct odds.
    """
    last = last_of_equals(odds)
    right = np.cumsum(found)[last]
    return right / wanted, right / (last + 1)


def last_of_equals(ordered: Float64) -> Int64:
    """int64[k]: the last of each run of equal numbers."""
    return np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))


def step_area(recall: Float64, precision: Float64) -> float:
    """Area under precision-recall steps, a fraction: the official average precision."""
    return sequential_sum(precision * np.diff(recall, prepend=0.0))


BINS = 10


@dataclass(frozen=True)
class ReliabilityBin:
    """Questions of like probability: the mean probability of no answer, the share without one, how many."""

    probability: float
    share: float
    count: int


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
    return step_area(*precision_recall(positive[order].astype(np.float64), int(positive.sum()), score[order]))


def reliability(probability: Float64, positive: Bool) -> list[ReliabilityBin]:
    """Bins of about as many questions each, so that none is too small to tell: probability and truth of each.

    Equal probabilities stay together, so that the order of the questions does not matter: a bin ends with the last of
    those that it would part, and there may be fewer than :data:`BINS`.
    """
    order = np.argsort(probability, kind="stable")
    ends = last_of_equals(probability[order]) + 1
    wanted = len(order) * np.arange(1, min(BINS, len(order)) + 1) // min(BINS, len(order))
    cuts = np.unique(ends[np.searchsorted(ends, wanted)])
    return [_bin(probability[rows], positive[rows]) for rows in np.split(order, cuts[:-1])]


def _bin(probability: Float64, positive: Bool) -> ReliabilityBin:
    return ReliabilityBin(float(probability.mean()), float(positive.mean()), len(probability))


def brier_score(probability: Float64, positive: Bool) -> float:
    """The mean squared distance of probability from truth (Brier 1950): 0 is best, 0.25 what one half always gives."""
    return float(((probability - positive) ** 2).mean())


def log_loss(probability: Float64, positive: Bool) -> float:
    """The mean of minus the logarithm of the probability that was given to the truth; at most 36.7, for certainty.

    Probabilities closer to 0 or 1 than a float64 can tell from 1 count as that close.
    """
    given = np.where(positive, probability, 1 - probability)
    return float(-np.log(np.maximum(given, np.finfo(np.float64).eps / 2)).mean())


def calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Expected calibration error: how far probability is from truth, the mean over questions (Guo et al. 2017)."""
    return sum(b.count * abs(b.probability - b.share) for b in bins) / sum(b.count for b in bins)
