"""Fitting to null odds: the weight of a verifier in them, the threshold of the best F1, and a logistic curve.

Letters in shapes: n questions.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

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
        verifier_factor: how many times what the verifier adds to the odds is to count, in all of the above; 1 where
            there is no verifier.
    """

    threshold: float
    temperature: float
    offset: float
    verifier_factor: float = 1.0


@dataclass(frozen=True, eq=False)
class Questions:
    """What thresholds decide on: null odds, gold, and EM and F1 of the answer that stands below the threshold.

    ``verifier`` is what a verifier adds to the odds, where there is one.
    """

    odds: Float64
    has_answer: Bool
    answered: Bool
    exact: Float64
    f1: Float64
    verifier: Float64 | None = None

    def take(self, rows: Bool) -> Questions:
        """Those of these rows, bool[n]."""
        columns = {column.name: getattr(self, column.name) for column in fields(self)}
        return Questions(**{name: column[rows] for name, column in columns.items() if column is not None})

    def weighed(self, factor: Float64 | float) -> Questions:
        """The same where the verifier counts so many times as much, all alike or each question by its own factor."""
        return self if self.verifier is None else replace(self, odds=self.odds + (factor - 1) * self.verifier)

    @property
    def gain(self) -> Float64:
        """float64[n]: F1 of the best span less that of no answer."""
        return np.where(self.answered, self.f1 - ~self.has_answer, 0.0)

    def scores(self, threshold: Float64 | float) -> tuple[Float64, Float64]:
        """EM and F1 of each question at a threshold, or at one each."""
        answers = (self.odds <= threshold) & self.answered
        nothing = (~self.has_answer).astype(np.float64)
        return np.where(answers, self.exact, nothing), np.where(answers, self.f1, nothing)


def fit(questions: Questions) -> Fitted:
    """Verifier's factor, threshold and curve that are best on these very questions."""
    factor = _verifier_factor(questions)
    weighed = questions.weighed(factor)
    temperature, offset = _logistic(weighed.odds, ~weighed.has_answer)
    return Fitted(best_threshold(weighed), temperature, offset, factor)


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


def _verifier_factor(questions: Questions) -> float:
    """How many times the verifier should count, never less than 0: by logistic regression on odds and verifier.

    What it learns is on which questions the best span is worse than no answer, each weighed by how much F1 hangs on it:
    whether there is an answer at all is not the point where the best span is wrong. 1 where the odds tell nothing, so
    that there is nothing to weigh the verifier against.
    """
    if questions.verifier is None:
        return 1.0
    gain = questions.gain
    if not (gain < 0).any() or not (gain > 0).any():
        return 1.0
    (odds, _, odds_scale), (added, _, added_scale) = (_standardised(c) for c in (questions.odds, questions.verifier))
    slope, more, _ = _regress(gain < 0, np.abs(gain), odds, added)
    return max(0.0, 1.0 + float(more / added_scale * odds_scale / slope)) if slope >= FLATTEST else 1.0


def _logistic(odds: Float64, no_answer: Bool) -> tuple[float, float]:
    """Temperature and offset by logistic regression; odds that tell the wrong way get the share without an answer."""
    if no_answer.all() or not no_answer.any():
        return 1.0, 0.0
    x, middle, scale = _standardised(odds)
    each = np.ones(len(x))
    slope, height = _regress(no_answer, each, x).tolist()
    if slope < FLATTEST:
        slope, height = FLATTEST, _share(no_answer, each)[2]
    return scale / slope, middle - height * scale / slope


def _standardised(column: Float64) -> tuple[Float64, float, float]:
    """The column with mean 0 and deviation 1, and what both were; what is not finite is the least or most that is."""
    finite = column[np.isfinite(column)]
    x = np.clip(column, finite.min() if len(finite) else 0.0, finite.max() if len(finite) else 0.0)
    middle, scale = float(x.mean()), float(x.std()) or 1.0
    return (x - middle) / scale, middle, scale


def _share(which: Bool, weight: Float64) -> tuple[float, float, float]:
    """The weight of those that are and of those that are not, and the log-odds of the two with one more of either."""
    right, wrong = float(weight[which].sum()), float(weight[~which].sum())
    return right, wrong, float(np.log((right + 1) / (wrong + 1)))


def _regress(which: Bool, weight: Float64, *columns: Float64) -> Float64:
    """Slopes of the columns and the height of the logistic curve with the least weighted cross-entropy to ``which``.

    With the smoothed targets of Platt (1999), and Newton's method with the step halved until it gains, from the share
    on, as Lin, Lin & Weng (2007) mend his.
    """
    right, wrong, share = _share(which, weight)
    target = np.where(which, (right + 1) / (right + 2), 1 / (wrong + 2))
    table = np.stack([*columns, np.ones(len(target))])
    weights: Float64 = np.array([*[0.0] * len(columns), share])

    def loss(of: Float64) -> float:
        z = of @ table
        return float((weight * (np.logaddexp(0, z) - target * z)).sum())

    now = loss(weights)
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-np.clip(weights @ table, -500, 500)))
        gradient = table @ (weight * (p - target))
        step = np.linalg.solve((table * (weight * p * (1 - p))) @ table.T + RIDGE * np.eye(len(weights)), gradient)
        size = 1.0
        while size > LEAST and loss(weights - size * step) > now - 1e-4 * size * float(gradient @ step):
            size /= 2
        if size <= LEAST:
            break
        weights = weights - size * step
        now = loss(weights)
        if np.abs(gradient).max() < 1e-8:
            break
    return weights
