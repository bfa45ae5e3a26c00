"""The verdict on two systems, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from qatk.display.numbers import METRICS, interval, p_value, points, signed
from qatk.errors import counted
from qatk.results.comparison import ALPHA, Difference, Pair, System
from qatk.types import Clusters

ONE_SEED = "With one seed each, this is about these two trained models, not about the methods."
"""Seeds of one method differ as much as methods do, and a single one of each tells nothing of that."""
ALL_ONE_SEED = "With one seed each, all of this is about these trained models, not about the methods."
SOME_ONE_SEED = "Where both have one seed, it is about these two trained models, not about the methods."


def caveat(systems: Sequence[System], pairs: Sequence[Pair]) -> str:
    """What must be said of pairs of single runs, once for all pairs; empty where there are none that differ."""
    told = [
        all(len(systems[side].evaluations) == 1 for side in (pair.baseline, pair.other))
        for pair in pairs
        if not all(_alike(d) for d in pair.differences if d.group == "all")
    ]
    if not any(told):
        return ""
    return SOME_ONE_SEED if not all(told) else ONE_SEED if len(pairs) == 1 else ALL_ONE_SEED


def verdict(baseline: System, other: System, differences: Sequence[Difference], clusters: Clusters) -> str:
    """State in one sentence what F1 over all questions shows; add another where EM shows something else.

    Args:
        baseline: the system that the differences are from.
        other: the other system.
        differences: must include EM and F1 over all questions.
        clusters: of all questions.
    """
    of = {d.metric: d for d in differences if d.group == "all"}
    if _alike(of["f1"]):
        said = f"{other.name} and {baseline.name} have the same F1 on every question."
    else:
        said = _finding(baseline.name, other.name, of["f1"], clusters)
    if of["exact"].verdict in ("better", "worse") and of["exact"].verdict != of["f1"].verdict:
        said += f" In EM {other.name} is {of['exact'].verdict} by {points(abs(of['exact'].difference))}."
    return said


def _alike(difference: Difference) -> bool:
    """Whether both systems have the same score on every question."""
    return not difference.difference and math.isnan(difference.by_question.low)


def _finding(baseline: str, other: str, f1: Difference, clusters: Clusters) -> str:
    low, high = f1.bounds
    alike = f" (the same in every {clusters.kind})" if f1.error == 0 else ""
    if f1.verdict in ("better", "worse"):
        by = f"95 % CI by seed and {clusters.kind}" if f1.two_way else f"95 % CI by {clusters.kind}"
        low, high = (low, high) if f1.difference > 0 else (-high, -low)
        known = alike or f" ({by} {interval((low, high))})"
        return f"{other} is {f1.verdict} than {baseline} by {points(abs(f1.difference))} F1{known}."
    lack = f" ({clusters.no_interval})" if clusters.no_interval else alike
    known = f" (95 % CI {interval((low, high))}{_undecided(f1, clusters)})" if low <= high else lack
    return f"No clear difference: {other} - {baseline} = {signed(f1.difference)} F1{known}.{_power(f1.detectable)}"


def _undecided(f1: Difference, clusters: Clusters) -> str:
    """What leaves a difference open whose interval excludes 0; empty for others."""
    if f1.bounds.low <= 0 <= f1.bounds.high:
        return ""
    if f1.p_adjusted >= ALPHA:
        return f"; Holm p {p_value(f1.p_adjusted)} over {counted(f1.tests, 'test')}"
    return f"; by {clusters.kind} alone {interval(f1.by_cluster)}" if f1.two_way else ""


def _power(detectable: float) -> str:
    if detectable >= 100:
        return " This data is too small to find any difference."
    found = f" With this data a true difference of {detectable:.1f} would be found 4 times in 5."
    return found if detectable > 0 else ""


def summary(system: System, clusters: Clusters) -> str:
    """State the mean of one system, over its seeds if it has several, with intervals."""
    every, means = np.ones(len(system.evaluation.examples), np.bool_), []
    for metric in ("f1", "exact"):
        mean, bounds = 100 * float(system.per_question(metric).mean()), system.interval(metric, every, clusters)
        known = f" ({interval(bounds)})" if bounds.low <= bounds.high else ""
        means.append(f"{METRICS[metric]} {points(mean)}{known}")
    seeds = len(system.evaluations)
    by = clusters.no_interval.capitalize() or f"95 % by {'seed and ' if seeds > 1 else ''}{clusters.kind}"
    return f"{system.name}{f', mean of {seeds} seeds' if seeds > 1 else ''}: {', '.join(means)}. {by}."
