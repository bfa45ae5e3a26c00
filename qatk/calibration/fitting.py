"""Fitting to null odds: the threshold of the best F1, and a logistic curve.

Letters in shapes: n questions.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from qatk.evaluation.thresholds import gain
from qatk.statistics.classification import last_of_equals
from qatk.statistics.logistic import logistic
from qatk.types import Bool, Float64


@dataclass(frozen=True)
class Fitted:
    """A threshold on the null odds, and a logistic curve over them.

    Attributes:
        threshold: answer nothing where the null odds are above it; halfway between the odds that it parts.
        temperature, offset: the probability of no answer is the logistic function of (odds - offset) / temperature.
    """

    threshold: float
    temperature: float
    offset: float


@dataclass(frozen=True, eq=False)
class Questions:
    """What a threshold decides on: null odds, gold, and EM and F1 of the answer given below the threshold."""

    odds: Float64
    has_answer: Bool
    answered: Bool
    exact: Float64
    f1: Float64

    def take(self, rows: Bool) -> Questions:
        """Those of these rows, bool[n]."""
        return Questions(**{column.name: getattr(self, column.name)[rows] for column in fields(self)})

    @property
    def gain(self) -> Float64:
        """float64[n]: F1 of the best span less that of no answer."""
        return gain(self.f1, self.answered, self.has_answer)

    def scores(self, threshold: Float64 | float) -> tuple[Float64, Float64]:
        """EM and F1 of each question at a threshold, or at one each."""
        answers = (self.odds <= threshold) & self.answered
        nothing = (~self.has_answer).astype(np.float64)
        return np.where(answers, self.exact, nothing), np.where(answers, self.f1, nothing)


def look_like_probabilities(odds: Float64) -> bool:
    """Whether all lie from 0 to 1 and some between: then 0 is the strictest threshold of all, and no middle."""
    return bool(((odds >= 0) & (odds <= 1)).all() and ((odds > 0) & (odds < 1)).any())


def fit(questions: Questions) -> Fitted:
    """The threshold and the curve that are best on these very questions."""
    return Fitted(best_threshold(questions), *logistic(questions.odds, ~questions.has_answer))


def best_threshold(questions: Questions) -> float:
    """The threshold of the best F1, halfway between the odds on either side; of equally good ones the nearest to 0."""
    order = np.argsort(questions.odds, kind="stable")
    odds = questions.odds[order]
    gain = questions.gain[order]
    cuts = last_of_equals(odds)
    curve = np.concatenate([[0.0], np.cumsum(gain)[cuts]])
    finite = odds[np.isfinite(odds)]
    if not len(finite):
        return 0.0
    edges = np.concatenate([[finite[0] - 1], np.clip(odds[cuts], finite[0] - 1, finite[-1] + 1), [finite[-1] + 1]])
    middles = (edges[:-1] + edges[1:]) / 2
    best = np.flatnonzero(curve >= curve.max() - 1e-9)
    return float(middles[best[np.argmin(np.abs(middles[best]))]])
