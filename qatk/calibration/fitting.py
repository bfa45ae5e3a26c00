"""Fitting to null odds: the weight of a verifier in them, the threshold of the best F1, and a logistic curve.

Letters in shapes: n questions.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from qatk.statistics.classification import last_of_equals
from qatk.statistics.logistic import FLATTEST, logistic, regress, standardised
from qatk.types import Bool, Float64


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
    temperature, offset = logistic(weighed.odds, ~weighed.has_answer)
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
    (odds, _, odds_scale), (added, _, added_scale) = (standardised(c) for c in (questions.odds, questions.verifier))
    slope, more, _ = regress(gain < 0, np.abs(gain), odds, added)
    return max(0.0, 1.0 + float(more / added_scale * odds_scale / slope)) if slope >= FLATTEST else 1.0
