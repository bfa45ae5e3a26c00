"""What data it takes to find a difference: articles and seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qatk.errors import UsageError
from qatk.results.comparison import Difference, Pair, System
from qatk.statistics.student import student_quantile

MOST_CLUSTERS = 1_000_000
SEEDS = (3, 5, 10)
"""Of each system, besides as many as there are."""


@dataclass(frozen=True)
class Needed:
    """What finding a true difference in F1 takes, 4 times in 5 and after Holm's correction.

    Attributes:
        baseline, other: names of the systems.
        difference: that is to be found, in points.
        kind: of the clusters.
        now: clusters that there are, and ``seeds_now`` of each system.
        clusters: by the number of seeds of each system, how many clusters of this size; ``None`` where a million do not
            do. With one seed each the seeds' part is not known, and there is only that number.
    """

    baseline: str
    other: str
    difference: float
    kind: str
    now: int
    seeds_now: int
    clusters: Mapping[int, int | None]

    @property
    def text(self) -> str:
        """It in a sentence."""
        if not self.clusters:
            return f"{self.other} and {self.baseline} answer alike: nothing says what it takes to tell them apart."
        counts = [
            f"{'more than a million' if count is None else f'{count:,}'} {self.kind}s"
            + (f" with {seeds} seed{'s' * (seeds > 1)} each" if self.seeds_now > 1 else "")
            for seeds, count in self.clusters.items()
        ]
        what = f"To find a true difference of {self.difference:g} F1 4 times in 5, {self.other} against {self.baseline}"
        said = f"{what} takes {'; or '.join(counts)} (now {self.now:,}"
        if self.seeds_now > 1:
            return f"{said} with {self.seeds_now})."
        return f"{said}). One seed each tells nothing of how seeds differ: several (--seeds) say how many it takes."


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
        UsageError: for a difference that is not above 0.
    """
    if not 0 < difference < math.inf:
        raise UsageError(f"detect {difference}: expected points of F1 above 0", fix="for example --detect 1.0")
    found = []
    for pair in pairs:
        d, sides = pair.headline, (systems[pair.baseline], systems[pair.other])
        now = min((n for n in (len(side.evaluations) for side in sides) if n > 1), default=1)
        seeds = sorted({*SEEDS, now}) if now > 1 else [1]
        clusters = {each: _clusters(d, now, each, difference) for each in seeds} if d.error > 0 else {}
        found.append(Needed(sides[0].name, sides[1].name, difference, kind, d.clusters, now, clusters))
    return found


def _clusters(d: Difference, now: int, seeds: int, wanted: float) -> int | None:
    """The least number of clusters by which the difference is detected; ``None`` for more than a million."""
    if _detectable(d, now, seeds, MOST_CLUSTERS) > wanted:
        return None
    wanted *= 1 + 1e-9
    low, high = 1, MOST_CLUSTERS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _detectable(d, now, seeds, middle) <= wanted else (middle, high)
    return high


def _detectable(d: Difference, now: int, seeds: int, clusters: int) -> float:
    """The difference that so many clusters and seeds detect, in points."""
    of_clusters = d.error**2 * d.cluster_share * d.clusters / clusters
    of_seeds = d.error**2 * (1 - d.cluster_share) * now / seeds
    total = of_clusters + of_seeds
    free = of_clusters**2 / max(clusters - 1, 1) + (of_seeds**2 / (2 * (seeds - 1)) if of_seeds and seeds > 1 else 0.0)
    freedom = max(1.0, total**2 / free)
    return (student_quantile(1 - d.level / 2, freedom) + student_quantile(0.8, freedom)) * math.sqrt(total)
