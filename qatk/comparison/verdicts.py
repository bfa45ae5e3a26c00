"""The verdict on two systems, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from qatk.display.numbers import METRICS
from qatk.results.comparison import Difference, System
from qatk.statistics.bootstrap import two_way_error
from qatk.statistics.student import student_quantile
from qatk.types import Clusters, Float64

ONE_SEED = " With one seed each, this is about these two trained models, not about the methods."
"""Seeds of one method differ as much as methods do, and a single one of each tells nothing of that."""


def verdict(baseline: System, other: System, differences: Sequence[Difference], clusters: str) -> str:
    """State in one sentence what F1 over all questions shows; add another where EM shows something else.

    A last one says what it is about where each system has a single run.

    Args:
        baseline: the system that the differences are from.
        other: the other system.
        differences: must include EM and F1 over all questions.
        clusters: ``article`` or ``context``.
    """
    of = {d.metric: d for d in differences if d.group == "all"}
    if _alike(of["f1"]):
        said = f"{other.name} and {baseline.name} have the same F1 on every question."
    else:
        said = _finding(baseline.name, other.name, of["f1"], clusters)
    if of["exact"].verdict in ("better", "worse") and of["exact"].verdict != of["f1"].verdict:
        said += f" In EM {other.name} is {of['exact'].verdict} by {abs(of['exact'].difference):.1f}."
    one_seed = len(baseline.evaluations) == len(other.evaluations) == 1
    return said + (ONE_SEED if one_seed and not (_alike(of["f1"]) and _alike(of["exact"])) else "")


def _alike(difference: Difference) -> bool:
    """Whether both systems have the same score on every question."""
    return not difference.difference and math.isnan(difference.by_question.low)


def _finding(baseline: str, other: str, f1: Difference, clusters: str) -> str:
    bounds = f1.two_way or f1.by_cluster
    by = f"95 % CI by seed and {clusters}" if f1.two_way else f"95 % CI by {clusters}"
    if f1.verdict in ("better", "worse"):
        low, high = bounds if f1.difference > 0 else (-bounds.high, -bounds.low)
        size = f"{abs(f1.difference):.1f} F1 ({by} {low:.1f} to {high:.1f})"
        return f"{other} is {f1.verdict} than {baseline} by {size}."
    low, high = bounds
    known = f" (95 % CI {low:.1f} to {high:.1f})" if low <= high else ""
    return f"No clear difference: {other} - {baseline} = {f1.difference:+.1f} F1{known}.{_power(f1.detectable)}"


def _power(detectable: float) -> str:
    if detectable >= 100:
        return " This data is too small to find any difference."
    found = f" With this data a true difference of {detectable:.1f} would be found 4 times in 5."
    return found if detectable > 0 else ""


def summary(system: System, clusters: Clusters) -> str:
    """State the mean of one system over its seeds, with intervals over seeds and clusters."""
    means = [f"{METRICS[metric]} {_mean(system.per_question(metric), clusters)}" for metric in ("f1", "exact")]
    return (
        f"{system.name}, mean of {len(system.evaluations)} seeds: {', '.join(means)}. 95 % by seed and {clusters.kind}."
    )


def _mean(scores: Float64, clusters: Clusters) -> str:
    """A mean over seeds and questions and its interval, in per cent."""
    sure = two_way_error(np.zeros_like(scores), scores, clusters.index, np.ones((1, scores.shape[1]), np.bool_))
    mean, error, freedom = 100 * float(scores.mean()), 100 * float(sure.error[0]), float(sure.freedom[0])
    if not (error > 0 and freedom >= 1):
        return f"{mean:.1f}"
    reach = student_quantile(0.975, freedom) * error
    return f"{mean:.1f} ({max(0.0, mean - reach):.1f} to {min(100.0, mean + reach):.1f})"
