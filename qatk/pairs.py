"""What is said of two systems of a comparison: plain objects with typed fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from qatk.types import Int64


class Interval(NamedTuple):
    """A 95 % interval, in points."""

    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """One metric of two systems over a group of questions; per cent and points, other minus baseline.

    Attributes:
        metric: ``exact`` or ``f1``.
        group: ``all``, ``HasAns``, ``NoAns``, or ``slicer: name``.
        total: questions in the group.
        baseline, other, difference: means over questions and seeds.
        by_question, by_cluster: 95 % bootstrap intervals of the difference; clusters are articles or contexts, and
            contexts too for a group that lies in one article. NaN for a group of one question, or one context.
        p: of the paired test (McNemar for EM, approximate randomisation for F1 and for means over seeds).
        p_adjusted: after Holm's correction over the family of tests, see :func:`compare_systems`.
        detectable: the smallest difference that this data resolves at 80 % power; NaN where ``by_cluster`` is.
        verdict: ``better``, ``worse`` or ``cannot resolve``.
        two_way: with several seeds, the 95 % interval when seeds and clusters are drawn together.
    """

    metric: str
    group: str
    total: int
    baseline: float
    other: float
    difference: float
    by_question: Interval
    by_cluster: Interval
    p: float
    p_adjusted: float
    detectable: float
    verdict: str
    two_way: Interval | None = None


@dataclass(frozen=True, eq=False)
class Pair:
    """The baseline and one other system.

    Attributes:
        baseline, other: indices into the systems.
        differences: EM and F1 over all questions, HasAns and NoAns.
        slices: F1 and EM of each slice, the clearest differences first.
        wins, losses, both_wrong: rows where only the other system is right, only the baseline is, and where both are
            wrong in different ways; the most telling first.
        verdict: one sentence for a reader who reads nothing else.
    """

    baseline: int
    other: int
    differences: Sequence[Difference]
    slices: Sequence[Difference]
    wins: Int64
    losses: Int64
    both_wrong: Int64
    verdict: str
