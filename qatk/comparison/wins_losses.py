"""Questions that tell two systems apart: wins, losses, and those both have wrong in different ways."""

from __future__ import annotations

import numpy as np

from qatk.comparison.selection import texts_of
from qatk.results.comparison import System
from qatk.types import Bool, Float64, Int64, ragged


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
    of = [system.evaluation for system in (baseline, other)]
    texts = [each.normalisation.texts(each.examples, texts_of(each.predictions)) for each in of]
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
    order = np.argsort(np.where(predictions.answered, -odds, odds), kind="stable")
    ranks = np.empty(len(odds))
    # Writing 0, 1, 2 ... to where each stood before the sort inverts the order: ranks.
    ranks[order] = np.arange(len(odds)) / max(1, len(odds) - 1)
    return ranks


def _ranked(which: Bool, gap: Float64, sureness: Float64, clusters: Int64) -> Int64:
    rows: Int64 = np.flatnonzero(which)
    step = np.rint(gap[rows] * 10)
    # lexsort sorts by the last key first.
    rows = rows[np.lexsort((rows, -sureness[rows], -step))]
    step = np.rint(gap[rows] * 10)
    # Step and cluster in one number, which is equal only where both are.
    turn = _times_before(step * (clusters.max(initial=0) + 1) + clusters[rows])
    return rows[np.lexsort((np.arange(len(rows)), turn, -step))]


def _times_before(values: Float64) -> Int64:
    """How often each value stood there before."""
    order = np.argsort(values, kind="stable")
    # NaN differs from everything, so that the first value begins a run too.
    begins = np.flatnonzero(np.diff(values[order], prepend=np.nan) != 0)
    times = np.empty(len(values), np.int64)
    times[order] = ragged.positions(np.append(begins, len(values)))
    return times
