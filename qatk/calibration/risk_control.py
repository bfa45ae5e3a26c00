"""A null threshold with a promise: of the answers that it gives, at most so many are wrong.

Learn then test (Angelopoulos et al. 2021), by a fixed sequence: thresholds are tested from strict to loose, each
against the hypothesis that more than the promised share of its answers is wrong, and the last before the first that is
not rejected is kept. With the stated confidence, the promise holds on new articles like those that it was tested on.

Questions of one article go together, so a test counts an effective number of answers, see :mod:`qatk.evaluation.risk`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal, get_args

import numpy as np

from qatk.arguments import one_of, real
from qatk.calibration.fitting import Questions
from qatk.errors import DataError, UsageError, counted
from qatk.evaluation.risk import Point, Walk
from qatk.types import Clusters

Wrong = Literal["exact", "overlap"]
"""When an answer is wrong: it equals no gold answer; or it shares no word with one."""
WRONG_ANSWERS: Mapping[Wrong, str] = {"exact": "are wrong", "overlap": "share no word with a right answer"}
"""What is said of such answers."""
ROWS = 10
"""Rows of the curve."""
START, START_AT_LEAST, START_SHARE = 8, 2, 0.25
"""The walk begins at so many times the answers that it takes where all are right, or at a share of all answers where
these are fewer: later, it would miss models that know little; earlier, a few mistakes by chance would end it."""
FEWEST_CLUSTERS = 6


@dataclass(frozen=True)
class Ask:
    """What is to be promised: the share of wrong answers, the confidence, and when an answer is wrong.

    Attributes:
        at_most: above 0 and below 1.
        confidence: above one half, as less promises nothing, and below 1.
        wrong: see :data:`Wrong`.

    Raises:
        UsageError: for other shares, and another word for ``wrong``.
    """

    at_most: float
    confidence: float = 0.9
    wrong: Wrong = "exact"

    def __post_init__(self) -> None:
        for name in ("at_most", "confidence"):
            real(getattr(self, name), name, "give a share, such as 0.05")
        one_of(self.wrong, "wrong", get_args(Wrong))
        if not 0 < self.at_most < 1:
            what = f"at most {percent_text(self.at_most)} wrong answers cannot be promised"
            raise UsageError(what, fix="ask for more than 0% and less than 100%")
        if not 0.5 < self.confidence < 1:
            why = "cannot be had" if self.confidence >= 1 else "promises nothing"
            what = f"a confidence of {percent_text(self.confidence)} {why}"
            raise UsageError(what, fix="ask for more than 50% and less than 100%")


@dataclass(frozen=True)
class KeptPromise:
    """What a model answers by: a null threshold, and the error rate that it was calibrated to keep.

    Attributes:
        threshold: answer nothing where the null odds are above it.
        at_most, confidence: fractions.
        wrong: when an answer counts as wrong, see :data:`Wrong`.
        on: the evaluation set that it was calibrated on: it holds on data like that.
        precision: in which the null odds that it was calibrated on were computed; ``""`` where nothing says.
    """

    threshold: float
    at_most: float
    confidence: float
    wrong: Wrong = "exact"
    on: str = "dev"
    precision: str = field(default="", compare=False)

    @classmethod
    def of(cls, calibration: object, precision: str = "") -> KeptPromise | None:
        """That of a ``calibration.json``; ``None`` without one. Raises ``ValueError`` where it is malformed."""
        held = calibration.get("promise") if isinstance(calibration, dict) else None
        if held is None:
            return None
        try:
            threshold, at_most, confidence = held["chosen"]["threshold"], held["at_most"], held["confidence"]
            wrong = next(known for known in WRONG_ANSWERS if known == held.get("wrong", "exact"))
            return cls(
                float(threshold), float(at_most), float(confidence), wrong, str(held.get("on", "dev")), precision
            )
        except (KeyError, TypeError, ValueError, StopIteration):
            raise ValueError("the promise lacks a threshold, a share, a confidence or a known kind of wrong") from None

    def holds_in(self, precision: str) -> bool:
        """Whether it holds for odds computed in this precision: the same, or fp32, which bf16 and fp16 round."""
        return precision == self.precision or (precision == "fp32" and self.precision in ("", "bf16", "fp16"))

    @property
    def says(self) -> str:
        """The promise in a sentence."""
        share, confidence = percent_text(self.at_most), percent_text(self.confidence)
        are_wrong = WRONG_ANSWERS[self.wrong]
        return f"at most {share} of the answers {are_wrong}, on data like {self.on} (confidence {confidence})"


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
        on: the name of the data.
    """

    at_most: float
    confidence: float
    wrong: Wrong
    chosen: Point
    curve: Sequence[Point]
    questions: int
    clusters: int
    kind: str
    on: str = "dev"

    @property
    def threshold(self) -> float:
        """Answer nothing where the null odds are above it."""
        return self.chosen.threshold

    def as_dict(self) -> dict[str, object]:
        """Everything as plain types, as ``calibration.json`` holds it beside the clusters of the whole calibration."""
        plain = {name: value for name, value in asdict(self).items() if name not in ("clusters", "kind")}
        return {**plain, "says": self.says}

    @property
    def says(self) -> str:
        """The promise in a sentence."""
        return KeptPromise(self.threshold, self.at_most, self.confidence, self.wrong, self.on).says


def percent_text(share: float) -> str:
    """A share in per cent, as short as it can be told: ``5 %``."""
    return f"{100 * share:.3g} %"


def control_risk(questions: Questions, clusters: Clusters, ask: Ask, on: str = "dev") -> Promise:
    """The loosest threshold at which at most so many of the answers are wrong.

    Args:
        questions: with null odds, and EM and F1 of the best spans.
        clusters: of the questions.
        ask: what to promise.
        on: the name of the data.

    Raises:
        DataError: the data cannot promise it: too few articles or answers, or too many of them are wrong.
    """
    at_most, confidence = ask.at_most, ask.confidence
    if clusters.count < FEWEST_CLUSTERS:
        what = f"{counted(clusters.count, clusters.kind, 'is')} too few to promise anything about others"
        raise DataError(what, fix=f"calibrate on {FEWEST_CLUSTERS} {clusters.kind}s or more")
    is_wrong = (questions.exact if ask.wrong == "exact" else questions.f1) <= 0
    walk = Walk.over(questions.odds, questions.answered, is_wrong, clusters.index)
    least = math.ceil(math.log(1 - confidence) / math.log(1 - at_most))
    total = int(walk.answers[-1]) if len(walk.answers) else 0
    if total < least:
        what = f"{counted(total, 'answer', 'is')} too few to promise that at most {percent_text(at_most)} are wrong"
        raise DataError(what, fix=f"that takes {least} answers even where all are right; calibrate on more questions")
    # Where the walk begins depends on numbers of answers alone, never on which of them are wrong.
    first = max(START_AT_LEAST * least, min(START * least, int(START_SHARE * total)))
    start = int(np.searchsorted(walk.answers, min(first, total)))
    best = walk.loosest(start, at_most, confidence)
    curve = [walk.point(at, confidence) for at in walk.rows(ROWS)]
    if best < 0:
        lowest = min(curve, key=lambda point: point.high)
        if lowest.high <= at_most:  # a looser threshold would do, but the walk to it ended where it began
            lowest = walk.point(start, confidence)
        what = f"these data cannot promise that at most {percent_text(at_most)} of the answers are wrong"
        known = f"{percent_text(lowest.wrong)} are where {percent_text(lowest.answered)} of the questions get an answer"
        raise DataError(
            f"{what}: {known}, and up to {percent_text(lowest.high)} may be", fix="promise less, or use more data"
        )
    chosen = walk.point(best, confidence)
    counts = len(questions.odds), clusters.count, clusters.kind
    return Promise(at_most, confidence, ask.wrong, chosen, curve, *counts, on)
