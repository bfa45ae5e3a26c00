"""A null threshold with a promise: of the answers that it gives, at most so many are wrong.

Learn then test (Angelopoulos et al. 2021), by a fixed sequence: thresholds are tested from strict to loose, each
against the hypothesis that more than the promised share of its answers is wrong, and the last before the first that is
not rejected is kept. With the stated confidence, the promise holds on new articles like those that it was tested on.

Questions of one article go together, so a test counts an effective number of answers (Korn and Graubard 1998): the
number of answers over a design effect, and fewer where articles are few.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from qatk.calibration.fitting import Questions
from qatk.errors import DataError, UsageError, counted
from qatk.statistics.beta import at_most as binomial_tail
from qatk.statistics.beta import lower_limit, upper_limit
from qatk.statistics.student import student_quantile
from qatk.types import Bool, Clusters, Float64, Int64

Wrong = Literal["exact", "overlap"]
"""When an answer is wrong: it equals no gold answer; or it shares no word with one."""
GRID, ROWS = 200, 10
"""Thresholds that are tested, and rows of the curve."""
START, START_AT_LEAST, START_SHARE = 8, 2, 0.25
"""The walk begins at so many times the answers that it takes where all are right, or at a share of all answers where
these are fewer: later, it would miss models that know little; earlier, a few mistakes by chance would end it."""
FEWEST_CLUSTERS = 6


@dataclass(frozen=True)
class Ask:
    """What is to be promised: the share of wrong answers, the confidence, and when an answer is wrong.

    Attributes:
        at_most: above 0 and below 1.
        confidence: likewise; one half or less promises nothing.
        wrong: see :data:`Wrong`.

    Raises:
        UsageError: for a confidence of one half or less.
    """

    at_most: float
    confidence: float = 0.9
    wrong: Wrong = "exact"

    def __post_init__(self) -> None:
        if self.confidence <= 0.5:
            raise UsageError(
                f"a confidence of {percent_text(self.confidence)} promises nothing", fix="ask for more than 50%"
            )


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


@dataclass(frozen=True)
class KeptPromise:
    """What a model answers by: a null threshold, and the error rate that it was calibrated to keep.

    Attributes:
        threshold: answer nothing where the null odds are above it.
        at_most, confidence: fractions.
    """

    threshold: float
    at_most: float
    confidence: float

    @classmethod
    def of(cls, calibration: object) -> KeptPromise | None:
        """That of a ``calibration.json``; ``None`` without one. Raises ``ValueError`` where it is malformed."""
        held = calibration.get("promise") if isinstance(calibration, dict) else None
        if held is None:
            return None
        try:
            numbers = [float(held["chosen"]["threshold"]), float(held["at_most"]), float(held["confidence"])]
        except (KeyError, TypeError, ValueError):
            raise ValueError("the promise lacks a threshold, a share or a confidence") from None
        return cls(*numbers)

    @property
    def says(self) -> str:
        """The promise in a sentence."""
        share, confidence = percent_text(self.at_most), percent_text(self.confidence)
        return f"wrong in at most {share}, on data like dev (confidence {confidence})"


@dataclass(frozen=True)
class Promise:
    """At most ``at_most`` of the answers are wrong, with this confidence, on data like those it was fitted on.

    Attributes:
        at_most, confidence: fractions.
        wrong: when an answer counts as wrong, see :data:`Wrong`.
        chosen: the threshold that keeps the promise.
        curve: from few answers to all, see :class:`Point`.
        questions: how many it was fitted on.
        clusters: how many articles they are of, or what else was kept together.
        kind: what these clusters are.
    """

    at_most: float
    confidence: float
    wrong: Wrong
    chosen: Point
    curve: Sequence[Point]
    questions: int
    clusters: int
    kind: str

    @property
    def threshold(self) -> float:
        """Answer nothing where the null odds are above it."""
        return self.chosen.threshold

    def as_dict(self) -> dict[str, object]:
        """Everything as plain types: what ``calibration.json`` holds."""
        return {**asdict(self), "curve": [asdict(point) for point in self.curve], "says": self.says}

    @property
    def says(self) -> str:
        """The promise in a sentence."""
        return KeptPromise(self.threshold, self.at_most, self.confidence).says


def percent_text(share: float) -> str:
    """A share in per cent, as short as it can be told: ``5 %``."""
    return f"{100 * share:.3g} %"


def control_risk(questions: Questions, clusters: Clusters, ask: Ask) -> Promise:
    """The loosest threshold at which at most so many of the answers are wrong.

    Args:
        questions: with null odds, and EM and F1 of the best spans.
        clusters: of the questions.
        ask: what to promise.

    Raises:
        DataError: the data cannot promise it: too few articles or answers, or too many of them are wrong.
    """
    at_most, confidence = ask.at_most, ask.confidence
    if clusters.count < FEWEST_CLUSTERS:
        what = f"{counted(clusters.count, clusters.kind, 'is')} too few to promise anything about others"
        raise DataError(what, fix=f"calibrate on {FEWEST_CLUSTERS} {clusters.kind}s or more")
    walk = _Walk.over(questions, clusters.index, ask.wrong)
    least = math.ceil(math.log(1 - confidence) / math.log(1 - at_most))
    total = int(walk.answers[-1]) if len(walk.answers) else 0
    if total < least:
        what = f"{counted(total, 'answer', 'is')} too few to promise that at most {percent_text(at_most)} are wrong"
        raise DataError(what, fix=f"that takes {least} answers even where all are right; calibrate on more questions")
    # Where the walk begins depends on numbers of answers alone, never on which of them are wrong.
    first = max(START_AT_LEAST * least, min(START * least, int(START_SHARE * total)))
    best = walk.loosest(int(np.searchsorted(walk.answers, min(first, total))), at_most, confidence)
    curve = [walk.point(at, confidence, len(questions.odds)) for at in walk.rows()]
    if best < 0:
        lowest = min(curve, key=lambda point: point.high)
        what = f"these data cannot promise that at most {percent_text(at_most)} of the answers are wrong"
        known = f"{percent_text(lowest.wrong)} are where {percent_text(lowest.answered)} of the questions get an answer"
        raise DataError(
            f"{what}: {known}, and up to {percent_text(lowest.high)} may be", fix="promise less, or use more data"
        )
    chosen = walk.point(best, confidence, len(questions.odds))
    return Promise(at_most, confidence, ask.wrong, chosen, curve, len(questions.odds), clusters.count, clusters.kind)


@dataclass(frozen=True, eq=False)
class _Walk:
    """Thresholds from strict to loose. Letters in shapes: g thresholds.

    Attributes:
        thresholds: float64[g].
        answers, wrong: int64[g]: how many answers each gives, how many of them are wrong.
        effect: float64[g], the design effect.
        articles: int64[g], how many articles have an answer.
    """

    thresholds: Float64
    answers: Int64
    wrong: Int64
    effect: Float64
    articles: Int64

    @classmethod
    def over(cls, questions: Questions, clusters: Int64, wrong: Wrong) -> _Walk:
        rows = np.flatnonzero(questions.answered & np.isfinite(questions.odds))
        rows = rows[np.argsort(questions.odds[rows], kind="stable")]
        odds, cluster = questions.odds[rows], np.unique(clusters[rows], return_inverse=True)[1]
        score = questions.exact if wrong == "exact" else questions.f1
        is_wrong: Bool = score[rows] <= 0
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
        )

    def loosest(self, start: int, at_most: float, confidence: float) -> int:
        """The last threshold, from ``start`` on, before the first that may be wrong in more than that; -1: none."""
        for at in range(start, len(self.thresholds)):
            if binomial_tail(*self._effective(at, confidence), at_most) > 1 - confidence:
                return at - 1 if at > start else -1
        return len(self.thresholds) - 1

    def point(self, at: int, confidence: float, questions: int) -> Point:
        wrong, count = self._effective(at, confidence)
        return Point(
            threshold=float(self.thresholds[at]),
            answered=int(self.answers[at]) / questions,
            wrong=int(self.wrong[at]) / int(self.answers[at]),
            low=lower_limit(wrong, count, confidence),
            high=upper_limit(wrong, count, confidence),
        )

    def rows(self) -> list[int]:
        """The thresholds of the curve: even steps of the share that is answered."""
        wanted = self.answers[-1] * np.arange(1, ROWS + 1) / ROWS
        rows: list[int] = np.unique(np.searchsorted(self.answers, wanted.round())).tolist()
        return rows

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
    count = answers.sum(0)
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
