"""How many of the answers that a null threshold gives are wrong, here and on data like these.

Questions of one article go together, so limits count an effective number of answers (Korn and Graubard 1998): the
number of answers over a design effect, and fewer where articles are few.

Letters in shapes: n questions, g thresholds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qatk.evaluation.thresholds import best_answers
from qatk.results.evaluation import Evaluation
from qatk.statistics.beta import at_most as binomial_tail
from qatk.statistics.beta import lower_limit, upper_limit
from qatk.statistics.student import student_quantile
from qatk.types import Bool, Float64, Int64

GRID = 200
"""The most thresholds that are looked at."""


@dataclass(frozen=True)
class Point:
    """A threshold, what it answers, and how much of that is wrong.

    Attributes:
        threshold: on the null odds.
        answered: share of the questions that get an answer.
        wrong: share of the answers that are wrong, here.
        low, high: one-sided limits of that share on data like this, each at the promise's confidence, for this point
            alone.
    """

    threshold: float
    answered: float
    wrong: float
    low: float
    high: float


def risk_curve(evaluation: Evaluation, number: int) -> Sequence[Point]:
    """Wrong answers by the share of questions that get one: ``qatk calibrate --at-most`` chooses a point of it.

    Args:
        evaluation: with null odds and EM. An answer is wrong if it equals no gold answer.
        number: of points, at most; the limits of each have a confidence of 0.9, for it alone.
    """
    answered, (exact, _) = best_answers(evaluation)
    walk = Walk.over(evaluation.predictions.null_odds, answered, exact <= 0, evaluation.clusters.index)
    return [walk.point(at, 0.9) for at in walk.rows(number)]


@dataclass(frozen=True, eq=False)
class Walk:
    """Thresholds from strict to loose, each with the answers that it gives.

    Attributes:
        thresholds: float64[g].
        answers, wrong: int64[g]: how many answers each gives, how many of them are wrong.
        effect: float64[g], the design effect.
        articles: int64[g], how many articles have an answer.
        questions: how many there are in all.
    """

    thresholds: Float64
    answers: Int64
    wrong: Int64
    effect: Float64
    articles: Int64
    questions: int

    @classmethod
    def over(cls, odds: Float64, answered: Bool, is_wrong: Bool, clusters: Int64) -> Walk:
        """The thresholds that part n questions.

        Args:
            odds: float64[n], null odds.
            answered: bool[n], which questions have an answer to give.
            is_wrong: bool[n], where that answer is wrong.
            clusters: int64[n], the article of each question.
        """
        questions, rows = len(odds), np.flatnonzero(answered & np.isfinite(odds))
        rows = rows[np.argsort(odds[rows], kind="stable")]
        odds, cluster, is_wrong = odds[rows], np.unique(clusters[rows], return_inverse=True)[1], is_wrong[rows]
        last = np.flatnonzero(np.append(np.diff(odds) > 0, True)) if len(odds) else np.zeros(0, np.int64)
        cuts = last[np.unique(np.linspace(0, len(last) - 1, min(GRID, len(last))).round().astype(np.int64))]
        part = np.searchsorted(cuts, np.arange(len(odds)))  # the strictest threshold that gives this answer
        shape = (int(cluster.max(initial=-1)) + 1, len(cuts))
        answers, mistakes = np.zeros(shape), np.zeros(shape)
        np.add.at(answers, (cluster, part), 1)
        np.add.at(mistakes, (cluster, part), is_wrong)
        answers, mistakes = answers.cumsum(1), mistakes.cumsum(1)
        # Halfway to the next odds, so that rounding of what is stored moves no question over it.
        after = np.append(odds, odds[-1:] + 1)[cuts + 1]
        return cls(
            thresholds=(odds[cuts] + after) / 2,
            answers=answers.sum(0).astype(np.int64),
            wrong=mistakes.sum(0).astype(np.int64),
            effect=_design_effects(answers, mistakes),
            articles=(answers > 0).sum(0),
            questions=questions,
        )

    def loosest(self, start: int, at_most: float, confidence: float) -> int:
        """The last threshold, from ``start`` on, before the first that may be wrong in more than that; -1: none."""
        for at in range(start, len(self.thresholds)):
            if binomial_tail(*self._effective(at, confidence), at_most) > 1 - confidence:
                return at - 1 if at > start else -1
        return len(self.thresholds) - 1

    def point(self, at: int, confidence: float) -> Point:
        """What there is to say of a threshold, by its place."""
        wrong, count = self._effective(at, confidence)
        return Point(
            threshold=float(self.thresholds[at]),
            answered=int(self.answers[at]) / self.questions,
            wrong=int(self.wrong[at]) / int(self.answers[at]),
            low=lower_limit(wrong, count, confidence),
            high=upper_limit(wrong, count, confidence),
        )

    def rows(self, number: int) -> list[int]:
        """The places of so many thresholds, in even steps of the share that is answered."""
        wanted = self.answers.max(initial=0) * np.arange(1, number + 1) / number
        rows: list[int] = np.unique(np.searchsorted(self.answers, wanted.round())).tolist()
        return rows if len(self.answers) else []

    def _effective(self, at: int, confidence: float) -> tuple[float, float]:
        """How many answers are wrong, of how many, if articles did not matter."""
        answers, articles = int(self.answers[at]), int(self.articles[at])
        if articles < 2:
            return 0.0, 0.0
        few = student_quantile(confidence, math.inf) / student_quantile(confidence, articles - 1)
        count = answers / float(self.effect[at]) * few**2
        return count * int(self.wrong[at]) / answers, count


def _design_effects(answers: Float64, wrong: Float64) -> Float64:
    """float64[g]: the larger of two, at least 1: the one seen at a threshold, and the one by all answers.

    The first is the variance of the share by article over that by question. Where few answers are wrong it is seen to
    be too small; the second is 1 + (m - 1) r, with r the correlation within an article over all answers (Fleiss 1981,
    by the analysis of variance) and m the mean size of an answer's article.
    """
    count: Float64 = answers.sum(0)
    if not len(count):
        return count
    share = wrong.sum(0) / count
    there = (answers > 0).sum(0)
    apart = ((wrong - share * answers) ** 2).sum(0) * there / np.maximum(there - 1, 1) / count**2
    alone = share * (1 - share) / count
    seen = np.divide(apart, alone, out=np.ones_like(apart), where=alone > 0)
    size = (answers**2).sum(0) / count
    effect: Float64 = np.maximum(1.0, np.maximum(seen, 1 + (size - 1) * _correlation(answers[:, -1], wrong[:, -1])))
    return effect


def _correlation(answers: Float64, wrong: Float64) -> float:
    """How much more alike two answers of one article are than two of different ones: 0 (not at all) to 1."""
    count, articles = answers.sum(), len(answers)
    within = (wrong * (1 - wrong / answers)).sum() / max(count - articles, 1)
    between = (answers * (wrong / answers - wrong.sum() / count) ** 2).sum() / max(articles - 1, 1)
    size = (count - (answers**2).sum() / count) / max(articles - 1, 1)
    whole = between + (size - 1) * within
    return float(np.clip((between - within) / whole, 0, 1)) if whole > 0 else 0.0
