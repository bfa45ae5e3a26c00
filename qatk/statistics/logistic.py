"""Logistic regression in plain numpy."""

from __future__ import annotations

import numpy as np

from qatk.types import Bool, Float64

STEPS, LEAST, RIDGE = 100, 1e-10, 1e-9
FLATTEST = 1e-6
"""Of the slope over standardised odds: temperatures stay finite and above 0."""


def logistic(odds: Float64, no_answer: Bool) -> tuple[float, float]:
    """Temperature and offset by logistic regression; odds that tell the wrong way get the share without an answer."""
    if no_answer.all() or not no_answer.any():
        return 1.0, 0.0
    x, middle, scale = _standardised(odds)
    slope, height = _regress(no_answer, x).tolist()
    if slope < FLATTEST:
        slope, height = FLATTEST, _log_odds(no_answer)
    return scale / slope, middle - height * scale / slope


def _standardised(column: Float64) -> tuple[Float64, float, float]:
    """The column with mean 0 and deviation 1, and what both were; what is not finite is the least or most that is."""
    finite = column[np.isfinite(column)]
    x = np.clip(column, finite.min() if len(finite) else 0.0, finite.max() if len(finite) else 0.0)
    middle, scale = float(x.mean()), float(x.std()) or 1.0
    return (x - middle) / scale, middle, scale


def _log_odds(which: Bool) -> float:
    """The log-odds of being among ``which``, with one more counted on either side."""
    return float(np.log((which.sum() + 1) / ((~which).sum() + 1)))


def _regress(which: Bool, column: Float64) -> Float64:
    """Slope and intercept of the logistic curve over a column with the least cross-entropy to ``which``.

    Uses the smoothed targets of Platt (1999), and Newton's method with backtracking, started from the overall
    log-odds, as Lin, Lin & Weng (2007) improve on his.
    """
    right, wrong = int(which.sum()), int((~which).sum())
    target = np.where(which, (right + 1) / (right + 2), 1 / (wrong + 2))
    table = np.stack([column, np.ones(len(target))])
    weights: Float64 = np.array([0.0, _log_odds(which)])

    def loss(of: Float64) -> float:
        z = of @ table
        return float((np.logaddexp(0, z) - target * z).sum())

    now = loss(weights)
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-np.clip(weights @ table, -500, 500)))
        gradient = table @ (p - target)
        step = np.linalg.solve((table * (p * (1 - p))) @ table.T + RIDGE * np.eye(len(weights)), gradient)
        size = 1.0
        while size > LEAST and loss(weights - size * step) > now - 1e-4 * size * float(gradient @ step):
            size /= 2
        if size <= LEAST:
            break
        weights = weights - size * step
        now = loss(weights)
        if np.abs(gradient).max() < 1e-8:
            break
    return weights


def no_answer_probability(odds: Float64, temperature: float = 1.0) -> Float64:
    """float64[n]: the logistic function of the null odds over a temperature."""
    with np.errstate(over="ignore"):
        probability: Float64 = 1 / (1 + np.exp(-odds / temperature))
    return probability
