"""What to tell about two systems: the verdict in words, and the questions that show most how they differ."""

from __future__ import annotations

from collections.abc import Sequence

from qatk.results.comparison import Difference


def verdict(baseline: str, other: str, differences: Sequence[Difference], clusters: str) -> str:
    """One plain sentence about a pair, of F1 over all questions; a second where EM says something else.

    Args:
        baseline: its name.
        other: the other system's name.
        differences: EM and F1 over all questions among them.
        clusters: ``article`` or ``context``.
    """
    of = {d.metric: d for d in differences if d.group == "all"}
    f1, exact = of["f1"], of["exact"]
    bounds = f1.two_way or f1.by_cluster
    by = f"95 % by seed and {clusters}" if f1.two_way else f"95 % by {clusters}"
    if f1.verdict in ("better", "worse"):
        low, high = bounds if f1.difference > 0 else (-bounds.high, -bounds.low)
        size = f"{abs(f1.difference):.1f} F1 ({by} {low:.1f} to {high:.1f})"
        said = f"{other} is {f1.verdict} than {baseline} by {size}."
    elif f1.by_question == (0, 0) or (f1.total == 1 and not f1.difference):
        said = f"{other} and {baseline} have the same F1 on every question."
    else:
        low, high = bounds
        known = f" ({low:.1f} to {high:.1f})" if low <= high else ""
        said = (
            f"This data cannot resolve {other} from {baseline}: F1 {f1.difference:+.1f}{known}{_reach(f1.detectable)}."
        )
    if exact.verdict in ("better", "worse") and exact.verdict != f1.verdict:
        said += f" In EM {other} is {exact.verdict} by {abs(exact.difference):.1f}."
    return said


def _reach(detectable: float) -> str:
    if detectable >= 100:
        return "; it is too small to resolve any"
    return f"; differences below {detectable:.1f} are out of its reach" if detectable > 0 else ""
