"""Means and their intervals."""

from __future__ import annotations

import math

import numpy as np

from qatk.statistics.classification import sequential_sum
from qatk.statistics.significance import standard_error, two_way_error
from qatk.statistics.student import student_quantile
from qatk.types import Bool, Float64, Int64


def percent(values: Float64 | Bool) -> float:
    """The mean in per cent, summed left to right; NaN of nothing."""
    return 100.0 * sequential_sum(values) / len(values) if len(values) else float("nan")


def mean_interval(values: Float64, clusters: Int64 | None = None) -> tuple[float, float]:
    """A 95 % interval of a mean, in per cent: (low, high).

    Wilson's score interval (Wilson 1927), which stays sound for few questions and for means near 0 and 100, over an
    effective number of questions (Korn & Graubard 1998). Values between 0 and 1, such as F1, spread less than yes-or-no
    ones of the same mean and tell as much as more of those: their number is raised by the ratio of the two variances,
    where one value of the largest variance is added to their own, lest a few equal values look certain. Questions of
    one cluster go together and tell less: their number is divided by the design effect, the variance by cluster over
    that by question, where that is above 1, and Student's distribution with a degree of freedom less than there are
    clusters takes the place of the normal one. Outside of 0 to 1 it is the mean and so many standard errors. NaN of
    nothing, of one cluster, and where a value is NaN.

    Args:
        values: float64[n], as fractions.
        clusters: int64[n], which questions go together; ``None`` takes all for independent and many.
    """
    n, units = float(len(values)), None if clusters is None else len(np.unique(clusters))
    if n == 0 or np.isnan(values).any() or (units is not None and units < 2):
        return float("nan"), float("nan")
    z = student_quantile(0.975, math.inf if units is None else units - 1)
    mean, variance = float(values.mean()), float(values.var())
    effect = 1.0 if clusters is None else _design_effect(values, clusters)
    if values.min() < 0 or values.max() > 1:
        half = z * (variance * effect / n) ** 0.5
        return 100.0 * (mean - half), 100.0 * (mean + half)
    most = mean * (1 - mean)
    if most > 0:
        n = max(n, n * most / (variance + most / n))
    n /= effect
    centre = (mean + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (most / n + z**2 / (4 * n**2)) ** 0.5
    return 100.0 * max(centre - half, 0.0), 100.0 * min(centre + half, 1.0)


def mean_interval_over_seeds(values: Float64, clusters: Int64) -> tuple[float, float]:
    """A 95 % interval of a mean over seeds and questions, in per cent: what training again on other articles may give.

    For one seed :func:`mean_interval`. For several the standard error over both, see
    :func:`qatk.statistics.significance.two_way_error`, by Student's distribution. NaN where that is not known.

    Args:
        values: float64[seeds, n], from 0 to 1.
        clusters: int64[n], which questions go together.
    """
    if len(values) == 1:
        return mean_interval(values[0], clusters)
    if not values.shape[1] or len(np.unique(clusters)) < 2:
        return float("nan"), float("nan")
    sure = two_way_error(np.zeros_like(values), values, clusters, np.ones((1, values.shape[1]), np.bool_))
    mean, error, freedom = float(values.mean()), float(sure.error[0]), float(sure.freedom[0])
    if not (error > 0 and freedom >= 1):
        return mean_interval(values.mean(axis=0), clusters)
    half = student_quantile(0.975, freedom) * error
    return 100.0 * max(mean - half, 0.0), 100.0 * min(mean + half, 1.0)


def _design_effect(values: Float64, clusters: Int64) -> float:
    """The variance of the mean by cluster over that by question, at least 1."""
    if not values.std() > 0:
        return 1.0
    alone, together = (float(standard_error(values[:, None], each)[0, 0]) for each in (None, clusters))
    return max(1.0, (together / alone) ** 2)
