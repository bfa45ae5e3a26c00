"""Means and their intervals."""

from __future__ import annotations

import numpy as np

from qatk.statistics.classification import sequential_sum
from qatk.types import Bool, Float64

_Z = 1.959963984540054
"""95 % of a normal distribution lie within so many standard deviations."""


def percent(values: Float64 | Bool) -> float:
    """The mean in per cent, summed left to right; NaN of nothing."""
    return 100.0 * sequential_sum(values) / len(values) if len(values) else float("nan")


def mean_interval(values: Float64) -> tuple[float, float]:
    """A 95 % interval of the mean of independent questions, in per cent: (low, high).

    Wilson's score interval (Wilson 1927), which stays sound for few questions and for means near 0 and 100. Values
    between 0 and 1, such as F1, spread less than yes-or-no ones of the same mean and tell as much as more of those:
    their number is raised by the ratio of the two variances (the effective sample size of Korn & Graubard 1998), where
    one value of the largest variance is added to their own, lest a few equal values look certain. Outside of 0 to 1
    it is the mean and 1.96 standard errors. NaN of nothing, and where a value is NaN.

    Args:
        values: float64[n], as fractions.
    """
    n = float(len(values))
    if n == 0 or np.isnan(values).any():
        return float("nan"), float("nan")
    mean, variance = float(values.mean()), float(values.var())
    if values.min() < 0 or values.max() > 1:
        half = _Z * (variance / n) ** 0.5
        return 100.0 * (mean - half), 100.0 * (mean + half)
    most = mean * (1 - mean)
    if most > 0:
        n = max(n, n * most / (variance + most / n))
    centre = (mean + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * (most / n + _Z**2 / (4 * n**2)) ** 0.5
    return 100.0 * max(centre - half, 0.0), 100.0 * min(centre + half, 1.0)
