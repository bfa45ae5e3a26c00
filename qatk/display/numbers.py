"""How all reports format numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

METRICS = {"exact": "EM", "f1": "F1"}
"""The usual names of the official metrics; other metrics show under their own names."""
_MOST_DIGITS = 6
ANSWER_NOTHING = "answer nothing"
"""Shown instead of a threshold if the best score answers nothing."""


def detects(value: float) -> str:
    """A detectable difference; ``>100`` if it is more than any two systems can differ."""
    return ">100" if value > 100 else figure(value, 1)


def threshold_text(value: float, digits: int) -> str:
    """A threshold on the null odds; an infinite one with its effect."""
    if math.isinf(value):
        return "inf (answers all)" if value > 0 else "-inf (answers nothing)"
    return figure(value, digits)


def best_threshold(metrics: Mapping[str, float], metric: str, digits: int) -> str:
    """The official best threshold of a metric, or "answer nothing", for which the official script prints 0.

    Args:
        metrics: with the official keys.
        metric: ``exact`` or ``f1``.
        digits: after the decimal point.
    """
    at, best = metrics[f"best_{metric}_thresh"], metrics[f"best_{metric}"]
    nothing = 100 * metrics.get("NoAns_total", 0) / metrics["total"]
    if at == 0 and math.isclose(best, nothing, rel_tol=1e-9, abs_tol=1e-9):
        return ANSWER_NOTHING
    return threshold_text(at, digits)


def headline(metrics: Mapping[str, float]) -> list[str]:
    """``EM 70.0`` and ``F1 75.0``, as far as they are known, for a line on how a run stands."""
    return [f"{name} {metrics[key]:.1f}" for key, name in METRICS.items() if key in metrics]


def points(value: float) -> str:
    """A score in per cent. Rounding hides differences in the last bits that come from the order of summation."""
    return figure(round(value, 9), 1)


def signed(value: float, digits: int = 1) -> str:
    """A difference with its sign; 0 has none."""
    if not math.isfinite(value):
        return "-"
    text = f"{round(value, 9):+.{digits}f}"
    return text[1:] if float(text) == 0 else text


def interval(bounds: tuple[float, float], digits: int = 1) -> str:
    """``-0.8 to 3.7``; ``-`` if unknown; with more digits if both ends would otherwise look the same."""
    if not all(map(math.isfinite, bounds)):
        return "-"
    while round(bounds[0], digits) == round(bounds[1], digits) and bounds[0] < bounds[1] and digits < _MOST_DIGITS:
        digits += 1
    # Adding 0.0 turns -0.0 into 0.0, which prints no sign.
    low, high = (round(bound, digits) + 0.0 for bound in bounds)
    return f"{low:.{digits}f} to {high:.{digits}f}"


def p_value(p: float) -> str:
    """A p-value with three digits, or ``<0.001``."""
    if not math.isfinite(p):
        return "-"
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def scaled(value: float, units: Sequence[str]) -> str:
    """A size in the largest unit in which it is at least 1; each unit is 1,000 times the previous one."""
    power = 0
    while value >= 1000 and power < len(units) - 1:
        value, power = value / 1000, power + 1
    return f"{value:.0f}{units[power]}" if value >= 100 or power == 0 else f"{value:.1f}{units[power]}"


def byte_size(number: float) -> str:
    """``91.0 MB``."""
    return scaled(number, (" B", " kB", " MB", " GB", " TB"))


def figure(value: float | None, digits: int) -> str:
    """A number with ``digits`` digits after the decimal point; ``-`` if unknown."""
    if value is None or not math.isfinite(value):
        return "-"
    return f"{value:.{digits}f}" if abs(value) < 1e6 else f"{value:.1e}"


def clock(seconds: float | None) -> str:
    """A duration as clocks show it: ``4:05``, ``1:02:03``; ``-`` if unknown."""
    if seconds is None or not math.isfinite(seconds):
        return "-"
    minutes, rest = divmod(max(round(seconds), 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def parameter_count(number: int) -> str:
    """``22.7 M parameters``."""
    return f"{number / 1e6:.1f} M parameters" if number >= 1e6 else f"{number:,} parameters"
