"""What data it takes to find a difference, for a pair of systems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Needed:
    """What finding a true difference in F1 takes, 4 times in 5 and after Holm's correction.

    Attributes:
        baseline, other: names of the systems.
        difference: that is to be found, in points.
        kind: of the clusters.
        now: clusters that there are.
        seeds_now: of the baseline and of the other.
        clusters_needed: by the number of seeds of each system, how many clusters of this size; ``None`` where a
            million do not do. With one seed each the seeds' part is not known, and there is only that number.
        unknown: why nothing can be said, after the names of both; then there are no ``clusters_needed``. Else empty.
    """

    baseline: str
    other: str
    difference: float
    kind: str
    now: int
    seeds_now: tuple[int, int]
    clusters_needed: Mapping[int, int | None]
    unknown: str = ""

    @property
    def text(self) -> str:
        """It in a sentence."""
        if self.unknown:
            return f"{self.other} and {self.baseline} {self.unknown}: nothing says what it takes to tell them apart."
        several = max(self.seeds_now) > 1
        counts = [
            f"{'more than a million' if count is None else f'{count:,}'} {self.kind}s"
            + (f" with {seeds} seeds each" if several else "")
            for seeds, count in self.clusters_needed.items()
        ]
        what = f"To find a true difference of {self.difference:g} F1 4 times in 5, {self.other} against {self.baseline}"
        said = f"{what} takes {'; or '.join(counts)} (now {self.now:,}"
        first, second = self.seeds_now
        if several:
            with_seeds = f"{first}" if first == second else f"{second} of {self.other} and {first} of {self.baseline}"
            return f"{said} with {with_seeds})."
        return f"{said}). One seed each tells nothing of how seeds differ: several say how many it takes."
