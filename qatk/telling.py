"""What to tell about two systems: the verdict in words, and the questions that show most how they differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qatk.evaluation.squad import normalise_answers
from qatk.results.comparison import Difference, System
from qatk.types import Bool, Float64, Int64


def rank_questions(baseline: System, other: System, clusters: Int64) -> tuple[Int64, Int64, Int64]:
    """Rows where only the other is right, only the baseline is, and where both are wrong in different ways.

    Right is an exact match; with several seeds, in half of the runs or more. Wrong in different ways means that the
    texts of the first runs differ when normalised. The most telling come first: by how far apart the two are in F1
    (means over seeds, in steps of 0.1), then by how sure the system that is wrong was, by the rank of its odds among
    all of its own (the null odds where it abstained, their opposite where it answered; of both systems where both are
    wrong). Among questions equally far apart each article (or context) gives one before any gives a second.

    Args:
        baseline: the one system.
        other: the other, over the same examples.
        clusters: int64[n], the article or context of each question.
    """
    scores = [system.per_question("f1").mean(axis=0) for system in (baseline, other)]
    right = [system.per_question("exact").mean(axis=0) >= 0.5 for system in (baseline, other)]
    sure = [_sureness(system) for system in (baseline, other)]
    gap: Float64 = np.abs(scores[1] - scores[0])
    texts = [normalise_answers(system.evaluation.predictions.text) for system in (baseline, other)]
    differ: Bool = np.fromiter(map(str.__ne__, *texts), np.bool_, len(gap))
    return (
        _ranked(right[1] & ~right[0], gap, sure[0], clusters),
        _ranked(right[0] & ~right[1], gap, sure[1], clusters),
        _ranked(~right[0] & ~right[1] & differ, gap, sure[0] + sure[1], clusters),
    )


def _sureness(system: System) -> Float64:
    """float64[n] from 0 to 1: the rank of how far a system's odds stood on the side of what it said; 0 without odds.

    With several seeds, of the first run, whose answers are shown.
    """
    predictions = system.evaluation.predictions
    odds = predictions.null_odds
    if not len(odds) or np.isnan(odds).any():
        return np.zeros(len(odds))
    answered = np.fromiter(map(bool, predictions.text), np.bool_, len(odds))
    order = np.argsort(np.where(answered, -odds, odds), kind="stable")
    ranks = np.empty(len(odds))
    ranks[order] = np.arange(len(odds)) / max(1, len(odds) - 1)
    return ranks


def _ranked(which: Bool, gap: Float64, sureness: Float64, clusters: Int64) -> Int64:
    rows: Int64 = np.flatnonzero(which)
    step = np.rint(gap[rows] * 10)
    rows = rows[np.lexsort((rows, -sureness[rows], -step))]
    step = np.rint(gap[rows] * 10)
    turn = _times_before(step * (clusters.max(initial=0) + 1) + clusters[rows])
    return rows[np.lexsort((np.arange(len(rows)), turn, -step))]


def _times_before(values: Float64) -> Int64:
    """How often each value stood there before."""
    order = np.argsort(values, kind="stable")
    begins = np.flatnonzero(np.diff(values[order], prepend=np.nan) != 0)
    lengths = np.diff(np.append(begins, len(values)))
    times = np.empty(len(values), np.int64)
    times[order] = np.arange(len(values)) - np.repeat(begins, lengths)
    return times


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
