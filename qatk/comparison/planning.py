"""What data it takes to find a difference: articles and seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence

from qatk.comparison.alignment import refuse_no_pair, refuse_no_points
from qatk.results.comparison import Difference, Pair, System
from qatk.results.needed import Needed
from qatk.statistics.student import student_quantile

MOST_CLUSTERS = 1_000_000
SEEDS = (3, 5, 10)
"""Of each system, besides as many as there are."""


def needed(pairs: Sequence[Pair], systems: Sequence[System], difference: float, kind: str) -> list[Needed]:
    """How many clusters and seeds it takes to find a true difference in F1 over all questions, for each pair.

    The variance of what was seen has a part that falls with the clusters and one that falls with the seeds; degrees of
    freedom follow Satterthwaite (1946), the level is that of Holm's correction for the comparison as it was made.

    Args:
        pairs: of a comparison.
        systems: that they are of.
        difference: in points.
        kind: what the clusters are.

    Raises:
        UsageError: for a difference that is not above 0; where there is no pair.
    """
    refuse_no_points("detect", difference)
    refuse_no_pair(len(systems))
    found = []
    for pair in pairs:
        d, sides = pair.headline, (systems[pair.baseline], systems[pair.other])
        now = len(sides[0].evaluations), len(sides[1].evaluations)
        seeds = sorted({*SEEDS, *now} - {1}) if max(now) > 1 else [1]
        each = 2 / (1 / now[0] + 1 / now[1])  # so many seeds of both tell as much, see `two_way_error`
        unknown = _unknown(d, kind)
        clusters = {} if unknown else {count: _clusters(d, each, count, difference) for count in seeds}
        found.append(Needed(sides[0].name, sides[1].name, difference, kind, d.cluster_count, now, clusters, unknown))
    return found


def _unknown(d: Difference, kind: str) -> str:
    """Why nothing says what it takes; empty where something does."""
    if d.cluster_count < 2:
        return f"answer questions of one {kind}"
    if d.error > 0:
        return ""
    return f"differ by the same in every {kind}" if d.difference else "answer alike"


def _clusters(d: Difference, now: float, seeds: int, wanted: float) -> int | None:
    """The least number of clusters by which the difference is detected; ``None`` for more than a million."""
    if _detectable(d, now, seeds, MOST_CLUSTERS) > wanted:
        return None
    wanted *= 1 + 1e-9
    low, high = 1, MOST_CLUSTERS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _detectable(d, now, seeds, middle) <= wanted else (middle, high)
    return high


def _detectable(d: Difference, now: float, seeds: int, clusters: int) -> float:
    """The difference that so many clusters and seeds detect, in points."""
    of_clusters = d.error**2 * d.cluster_share * d.cluster_count / clusters
    of_seeds = d.error**2 * (1 - d.cluster_share) * now / seeds
    total = of_clusters + of_seeds
    free = of_clusters**2 / max(clusters - 1, 1) + (of_seeds**2 / (2 * (seeds - 1)) if of_seeds and seeds > 1 else 0.0)
    freedom = max(1.0, total**2 / free)
    return (student_quantile(1 - d.level / 2, freedom) + student_quantile(0.8, freedom)) * math.sqrt(total)
