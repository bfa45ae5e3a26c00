"""Means and their confidence intervals."""

from __future__ import annotations

import math

import numpy as np

from qatk.statistics.classification import sequential_sum
from qatk.statistics.significance import standard_error, two_way_error
from qatk.statistics.student import student_quantile
from qatk.types import Bool, Float64, Int64


def percent(values: Float64 | Bool) -> float:
    """The mean in per cent, summed from left to right; NaN for no values."""
    return 100.0 * sequential_sum(values) / len(values) if len(values) else float("nan")


def mean_interval(values: Float64, clusters: Int64 | None = None) -> tuple[float, float]:
    """A 95 % confidence interval of a mean, in per cent: (low, high).

    This is Wilson's score interval (Wilson 1927), which is reliable for few questions and for means near 0 and 100,
    with an effective number of questions (Korn & Graubard 1998):

    - Values between 0 and 1, such as F1, vary less than 0/1 values of the same mean. The number of questions is
      therefore multiplied by the ratio of the two variances. One value with the largest possible variance is added
      first, so that a few equal values do not look certain.
    - Questions of one cluster are correlated. The number of questions is therefore divided by the design effect (the
      variance by cluster over that by question) if it is above 1, and Student's t distribution with one degree of
      freedom fewer than there are clusters replaces the normal one.

    If values lie outside 0 to 1, the interval is the mean plus or minus a multiple of its standard error. NaN for no
    values, for one cluster, and if a value is NaN.

    Args:
        values: float64[n], as fractions.
        clusters: int64[n], the cluster of each question; ``None`` treats all questions as independent.
    """
    units = None if clusters is None else len(np.unique(clusters))
    if not len(values) or np.isnan(values).any() or (units is not None and units < 2):
        return float("nan"), float("nan")
    z = student_quantile(0.975, math.inf if units is None else units - 1)
    if values.min() < 0 or values.max() > 1:
        effect = 1.0 if clusters is None else _design_effect(values, clusters)
        mean, half = float(values.mean()), z * (float(values.var()) * effect / len(values)) ** 0.5
        return 100.0 * (mean - half), 100.0 * (mean + half)
    return _wilson(float(values.mean()), _effective_questions(values, clusters), z)


def mean_interval_over_seeds(values: Float64, clusters: Int64) -> tuple[float, float]:
    """A 95 % interval of a mean over seeds and questions, in per cent: what training again on other articles may give.

    For one seed :func:`mean_interval`. For several the same of their means, where the variance between seeds takes from
    the effective number of questions too, with the degrees of freedom of
    :func:`qatk.statistics.significance.two_way_error`. NaN where that is not known.

    Args:
        values: float64[seeds, n], from 0 to 1.
        clusters: int64[n], which questions go together.
    """
    if len(values) == 1:
        return mean_interval(values[0], clusters)
    if not values.shape[1] or len(np.unique(clusters)) < 2:
        return float("nan"), float("nan")
    means = values.mean(axis=0)
    sure = two_way_error(np.zeros_like(values), values, clusters, np.ones((1, len(means)), np.bool_))
    mean, error, freedom = float(means.mean()), float(sure.error[0]), float(sure.freedom[0])
    if not (error > 0 and freedom >= 1):
        return mean_interval(means, clusters)
    of_seeds = error**2 * (1 - float(sure.of_clusters[0]))
    n = 1 / (1 / _effective_questions(means, clusters) + of_seeds / (mean * (1 - mean)))
    return _wilson(mean, n, student_quantile(0.975, freedom))


def _effective_questions(values: Float64, clusters: Int64 | None) -> float:
    """How many independent 0/1 values of the same mean would tell as much of it, see :func:`mean_interval`."""
    n, mean = float(len(values)), float(values.mean())
    if (most := mean * (1 - mean)) > 0:
        n = max(n, n * most / (float(values.var()) + most / n))
    return n if clusters is None else n / _design_effect(values, clusters)


def _wilson(mean: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's interval of a mean of so many 0/1 values, in per cent, as wide as ``z`` standard errors."""
    centre = (mean + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (mean * (1 - mean) / n + z**2 / (4 * n**2)) ** 0.5
    return 100.0 * max(centre - half, 0.0), 100.0 * min(centre + half, 1.0)


def _design_effect(values: Float64, clusters: Int64) -> float:
    """The variance of the mean by cluster over that by question, at least 1."""
    alone, together = (float(standard_error(values[:, None], each)[0, 0]) for each in (None, clusters))
    return max(1.0, (together / alone) ** 2) if alone > 0 else 1.0
