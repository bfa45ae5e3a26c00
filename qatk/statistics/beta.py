"""The incomplete beta function: what Student's and the binomial distribution are computed by."""

from __future__ import annotations

import math

_TINY = 1e-300
"""In the place of zero, which is to be divided by."""
_STEPS = 10_000


def incomplete_beta(a: float, b: float, x: float, rest: float) -> float:
    """The regularised incomplete beta function I(a, b) at x, where ``rest`` is 1 - x without the loss of digits."""
    logarithm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(rest)
    if x < (a + 1) / (a + b + 2):
        return math.exp(logarithm) * _fraction(a, b, x) / a
    return 1 - math.exp(logarithm) * _fraction(b, a, rest) / b


def at_most(wrong: float, count: float, share: float) -> float:
    """P(X <= wrong) of a binomial X of ``count`` draws with a chance of ``share`` each; counts may be fractions."""
    if wrong >= count:
        return 1.0
    return min(1.0, max(0.0, 1 - incomplete_beta(wrong + 1, count - wrong, share, 1 - share)))


def upper_limit(wrong: float, count: float, confidence: float) -> float:
    """The one-sided upper limit of Clopper and Pearson (1934) for ``wrong`` of ``count``; counts may be fractions."""
    low, high = 0.0, 1.0
    if count <= 0 or wrong >= count:
        return 1.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if at_most(wrong, count, middle) > 1 - confidence else (low, middle)
    return high


def lower_limit(wrong: float, count: float, confidence: float) -> float:
    """The one-sided lower limit of Clopper and Pearson."""
    return 1 - upper_limit(count - wrong, count, confidence) if count > 0 else 0.0


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function (Abramowitz and Stegun 1964, 26.5.8), by Lentz (1976)."""
    front, inverse = 1.0, 1 / ((1 - (a + b) * x / (a + 1)) or _TINY)
    value = inverse
    for m in range(1, _STEPS):
        for factor in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            inverse = 1 / ((1 + factor * inverse) or _TINY)
            front = (1 + factor / front) or _TINY
            value *= front * inverse
        if abs(front * inverse - 1) < 1e-15:
            break
    return value
