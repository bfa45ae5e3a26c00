"""The verdict on two systems, in words."""

from __future__ import annotations

from collections.abc import Sequence

from qatk.results.comparison import Difference


def verdict(baseline: str, other: str, differences: Sequence[Difference], clusters: str) -> str:
    """State in one sentence what F1 over all questions shows; add a second where EM shows something else.

    Args:
        baseline: name of the baseline.
        other: name of the other system.
        differences: must include EM and F1 over all questions.
        clusters: ``article`` or ``context``.
    """
    of = {d.metric: d for d in differences if d.group == "all"}
    f1, exact = of["f1"], of["exact"]
    bounds = f1.two_way or f1.by_cluster
    by = f"95 % CI by seed and {clusters}" if f1.two_way else f"95 % CI by {clusters}"
    if f1.verdict in ("better", "worse"):
        low, high = bounds if f1.difference > 0 else (-bounds.high, -bounds.low)
        size = f"{abs(f1.difference):.1f} F1 ({by} {low:.1f} to {high:.1f})"
        said = f"{other} is {f1.verdict} than {baseline} by {size}."
    elif f1.by_question == (0, 0) or (f1.total == 1 and not f1.difference):
        said = f"{other} and {baseline} have the same F1 on every question."
    else:
        low, high = bounds
        known = f" (95 % CI {low:.1f} to {high:.1f})" if low <= high else ""
        said = f"No clear difference: {other} - {baseline} = {f1.difference:+.1f} F1{known}.{_power(f1.detectable)}"
    if exact.verdict in ("better", "worse") and exact.verdict != f1.verdict:
        said += f" In EM {other} is {exact.verdict} by {abs(exact.difference):.1f}."
    return said


def _power(detectable: float) -> str:
    if detectable >= 100:
        return " This data is too small to find any difference."
    found = f" With this data a true difference of {detectable:.1f} would be found 4 times in 5."
    return found if detectable > 0 else ""
