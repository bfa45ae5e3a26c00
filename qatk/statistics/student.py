"""Student's t distribution: p of a statistic, and quantiles, for any number of degrees of freedom."""

from __future__ import annotations

import math
from functools import lru_cache

from qatk.statistics.beta import incomplete_beta

NORMAL_FROM = 1e6
"""Degrees of freedom from which the normal distribution stands in: up to t = 4 p differs by less than 1e-4 of it."""


def student_p(t: float, freedom: float) -> float:
    """The two-sided p of a statistic: 2 P(T > abs(t)); fractional degrees of freedom as Satterthwaite's (1946) may be.

    By the incomplete beta function, I(freedom / 2, 1 / 2) at freedom / (freedom + t^2) (Abramowitz and Stegun 1964,
    26.7.1). NaN where the statistic or its degrees of freedom are.
    """
    if math.isnan(t) or math.isnan(freedom):
        return math.nan
    if math.isinf(t * t):
        return 0.0
    if freedom >= NORMAL_FROM:
        return math.erfc(abs(t) / math.sqrt(2))
    rest = t * t / (freedom + t * t)
    return min(1.0, incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t), rest)) if rest > 0 else 1.0


@lru_cache(maxsize=4096)
def student_quantile(share: float, freedom: float) -> float:
    """The quantile of Student's t, for a share from 0.5 on, by halving."""
    wanted, low, high = 2 * (1 - share), 0.0, 2.0
    while student_p(high, freedom) > wanted:
        low, high = high, 2 * high
    while high - low > 1e-13 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if student_p(middle, freedom) > wanted else (low, middle)
    return (low + high) / 2
