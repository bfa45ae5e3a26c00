"""Fitting to null odds: the threshold of the best F1, and a logistic curve that makes probabilities of them.

Letters in shapes: n questions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qatk.scoring import last_of_equals
from qatk.types import Bool, Float64

STEPS, LEAST, RIDGE = 100, 1e-10, 1e-9
FLATTEST = 1e-6
"""Of the slope over standardised odds: temperatures stay finite and above 0."""


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
    """What thresholds decide on: null odds, gold, and EM and F1 of the answer that stands below the threshold."""

    odds: Float64
    has_answer: Bool
    answered: Bool
    exact: Float64
    f1: Float64

    def take(self, rows: Bool) -> Questions:
        """Those of these rows, bool[n]."""
        return Questions(*(getattr(self, name)[rows] for name in ("odds", "has_answer", "answered", "exact", "f1")))

    def scores(self, threshold: Float64 | float) -> tuple[Float64, Float64]:
        """EM and F1 of each question at a threshold, or at one each."""
        answers = (self.odds <= threshold) & self.answered
        nothing = (~self.has_answer).astype(np.float64)
        return np.where(answers, self.exact, nothing), np.where(answers, self.f1, nothing)


def fit(questions: Questions) -> Fitted:
    """Threshold and curve that are best on these very questions."""
    temperature, offset = _logistic(questions.odds, ~questions.has_answer)
    return Fitted(best_threshold(questions), temperature, offset)


def best_threshold(questions: Questions) -> float:
    """The threshold of the best F1, halfway between the odds on either side; of equally good ones the nearest to 0."""
    order = np.argsort(questions.odds, kind="stable")
    odds = questions.odds[order]
    gain = np.where(questions.answered, questions.f1 - ~questions.has_answer, 0.0)[order]
    cuts = last_of_equals(odds)
    curve = np.concatenate([[0.0], np.cumsum(gain)[cuts]])
    finite = odds[np.isfinite(odds)]
    if not len(finite):
        return 0.0
    edges = np.concatenate([[finite[0] - 1], np.clip(odds[cuts], finite[0] - 1, finite[-1] + 1), [finite[-1] + 1]])
    middles = (edges[:-1] + edges[1:]) / 2
    best = np.flatnonzero(curve >= curve.max() - 1e-9)
    return float(middles[best[np.argmin(np.abs(middles[best]))]])


def _logistic(odds: Float64, no_answer: Bool) -> tuple[float, float]:
    """Temperature and offset by logistic regression on the odds.

    With the smoothed targets of Platt (1999), and Newton's method with the step halved until it gains, from the share
    without an answer on, as Lin, Lin & Weng (2007) mend his. Odds that tell the wrong way get that share alone.
    """
    right, wrong = int(no_answer.sum()), int((~no_answer).sum())
    if not right or not wrong:
        return 1.0, 0.0
    target = np.where(no_answer, (right + 1) / (right + 2), 1 / (wrong + 2))
    finite = odds[np.isfinite(odds)]
    x = np.clip(odds, finite.min() if len(finite) else 0.0, finite.max() if len(finite) else 0.0)
    middle, scale = float(x.mean()), float(x.std()) or 1.0
    start = np.array([0.0, np.log((right + 1) / (wrong + 1))])
    slope, height = _descend(np.stack([(x - middle) / scale, np.ones(len(x))]), target, start)
    if slope < FLATTEST:
        slope, height = FLATTEST, float(start[1])
    return scale / slope, middle - height * scale / slope


def _descend(table: Float64, target: Float64, weights: Float64) -> tuple[float, float]:
    """The two weights of the rows of ``table`` float64[2, n] with the least cross-entropy to ``target`` float64[n]."""

    def loss(of: Float64) -> float:
        z = of @ table
        return float((np.logaddexp(0, z) - target * z).sum())

    now = loss(weights)
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-np.clip(weights @ table, -500, 500)))
        gradient = table @ (p - target)
        step = np.linalg.solve((table * (p * (1 - p))) @ table.T + RIDGE * np.eye(2), gradient)
        size = 1.0
        while size > LEAST and loss(weights - size * step) > now - 1e-4 * size * float(gradient @ step):
            size /= 2
        if size <= LEAST:
            break
        weights = weights - size * step
        now = loss(weights)
        if np.abs(gradient).max() < 1e-8:
            break
    return float(weights[0]), float(weights[1])
