"""Systems held against a baseline: plain objects with typed fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from qatk.display.html import Compared, comparison_html
from qatk.results.evaluation import Evaluation, clusters_within
from qatk.results.run import RunResult
from qatk.statistics.intervals import mean_interval_over_seeds
from qatk.types import Bool, Clusters, Examples, Float64, Int64

UNRESOLVED = "inconclusive"
"""The verdict on a difference that may be due to chance."""


@dataclass(frozen=True, eq=False)
class System:
    """One system: a run, a predictions file, or several runs that differ in nothing but their seed.

    Attributes:
        name: what to call it; names of a comparison are distinct.
        evaluations: one a seed, all over the same examples in the same order.
        seeds: of each evaluation; ``None`` where it is not known.
        sources: the run folder or predictions file of each evaluation.
        facts: what is known of ``examples_per_second`` (prediction), ``parameters`` and ``model_bytes``.
    """

    name: str
    evaluations: Sequence[Evaluation]
    seeds: Sequence[int | None] = (None,)
    sources: Sequence[str] = ("",)
    facts: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of_run(cls, result: RunResult) -> System:
        """A finished run as a system by itself."""
        source = "" if result.folder is None else str(result.folder)
        seed = result.manifest.get("recipe", {}).get("seed")
        return cls(result.title, [result.evaluation], [seed], [source], facts_of(result))

    @property
    def evaluation(self) -> Evaluation:
        """The first evaluation: what examples are shown of."""
        return self.evaluations[0]

    def per_question(self, metric: str) -> Float64:
        """float64[seeds, n] of a per-question metric, as fractions."""
        return np.stack([evaluation.per_question[metric] for evaluation in self.evaluations])

    def interval(self, metric: str, rows: Bool, clusters: Clusters) -> Interval:
        """A 95 % interval of the mean of EM or F1 over some questions, in per cent; with several seeds over them too.

        By cluster, and by context where all are of one cluster; NaN where they are of one context.

        Args:
            metric: of each question.
            rows: bool[n].
            clusters: what questions go together by.
        """
        index = clusters_within(self.evaluation.examples, clusters.index, rows)
        return Interval(*mean_interval_over_seeds(self.per_question(metric)[:, rows], index))


def facts_of(result: RunResult) -> dict[str, float]:
    """What a run folder knows of ``examples_per_second`` (prediction), ``parameters`` and ``model_bytes``."""
    facts: dict[str, float] = {}
    seconds = next((stage.seconds for stage in result.stages if stage.name == "predict"), 0.0)
    if seconds:
        answered = [result.evaluation, *result.sets.values()]
        facts["examples_per_second"] = sum(len(evaluation.examples) for evaluation in answered) / seconds
    if parameters := result.manifest.get("model", {}).get("parameters"):
        facts["parameters"] = parameters
    if result.folder is not None and (result.folder / "model").is_dir():
        facts["model_bytes"] = sum(f.stat().st_size for f in (result.folder / "model").rglob("*") if f.is_file())
    return facts


class Interval(NamedTuple):
    """A 95 % interval, in points."""

    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """One metric of two systems over a group of questions; per cent and points, other minus baseline.

    Attributes:
        metric: ``exact`` or ``f1``.
        group: ``all``, ``HasAns``, ``NoAns``, or ``slicer: name``.
        total: questions in the group.
        baseline, other, difference: means over questions and seeds.
        by_question: 95 % bootstrap interval of the difference. NaN for a group of one question, and where none differs.
        by_cluster: 95 % interval by Student's distribution, with the standard error by cluster; clusters are articles
            or contexts, and contexts too for a group that lies in one article. NaN for a group of one context, and
            where no question differs.
        p: of the difference and its standard error by cluster, with several seeds over seeds and clusters, by Student's
            distribution; 1 for one cluster.
        p_adjusted: after Holm's correction over the family of tests, see :func:`compare_systems`; verdicts go by it.
        p_by_question: of the paired test that takes questions for independent: McNemar for EM, approximate
            randomisation for F1 and for means over seeds.
        detectable: the smallest true difference that such data detects at 80 % power, after Holm's correction; NaN
            where ``by_cluster`` is.
        verdict: ``better``, ``worse`` or ``inconclusive``.
        two_way: with several seeds, the same with the standard error over seeds and clusters.
        clusters: that the group has questions of.
        effective_clusters: clusters of equal size that would tell as much.
        design_effect: how many times as large the variance is by cluster as by question; NaN where nothing varies.
        error, freedom: the standard error of the difference, in points, and its degrees of freedom: what ``p`` is of.
        cluster_share: of the variance that comes of the clusters, the rest of the seeds.
        level: below which p is certainly small enough for a claim: 0.05 by the tests of the family.
    """

    metric: str
    group: str
    total: int
    baseline: float
    other: float
    difference: float
    by_question: Interval
    by_cluster: Interval
    p: float
    p_adjusted: float
    p_by_question: float
    detectable: float
    verdict: str
    two_way: Interval | None = None
    clusters: int = 0
    effective_clusters: float = 0.0
    design_effect: float = float("nan")
    error: float = float("nan")
    freedom: float = float("nan")
    cluster_share: float = 1.0
    level: float = 0.05


@dataclass(frozen=True)
class Margin:
    """What can be said of F1 over all questions by a margin.

    Attributes:
        margin: in points.
        p_no_worse, p_no_better: of the one-sided tests that the other system is less than the margin below and above
            the baseline, after Holm's correction over the pairs.
        no_worse: whether it is shown that the other is no worse than the baseline by more than the margin.
        same: whether it is shown both ways.
    """

    margin: float
    p_no_worse: float
    p_no_better: float
    no_worse: bool
    same: bool


@dataclass(frozen=True, eq=False)
class Pair:
    """The baseline and one other system.

    Attributes:
        baseline, other: indices into the systems.
        differences: EM and F1 over all questions, HasAns and NoAns.
        slices: F1 and EM of each slice, the clearest differences first.
        wins, losses, both_wrong: rows where only the other system is right, only the baseline is, and where both are
            wrong in different ways; the most telling first.
        verdict: one sentence for a reader who reads nothing else.
        margin: what can be said by a margin, where one was named.
    """

    baseline: int
    other: int
    differences: Sequence[Difference]
    slices: Sequence[Difference]
    wins: Int64
    losses: Int64
    both_wrong: Int64
    verdict: str
    margin: Margin | None = None

    @property
    def headline(self) -> Difference:
        """The difference in F1 over all questions."""
        return next(d for d in self.differences if (d.metric, d.group) == ("f1", "all"))


@dataclass(frozen=True, eq=False)
class Comparison:
    """Systems over the same questions.

    Attributes:
        examples: the questions, with gold.
        systems: the first is the baseline.
        pairs: the baseline with each other system.
        masks: by slicer and group, bool[n].
        clusters: what questions go together by in ``by_cluster``: articles, contexts, or what a column says.
        draws, seed: of the bootstrap and the randomisation.
        summary: of one system alone, its mean over seeds in a sentence; empty for several.
        caveat: what must be said of all verdicts of several pairs, as of single runs; of one pair its verdict says it.
        selection: which questions alone stand among the wins, losses and both wrong; nothing for all.
    """

    examples: Examples
    systems: Sequence[System]
    pairs: Sequence[Pair]
    masks: Mapping[str, Mapping[str, Bool]]
    clusters: Clusters
    draws: int
    seed: int
    selection: str = ""
    summary: str = ""
    caveat: str = ""

    @property
    def verdicts(self) -> Sequence[str]:
        """What stands first: a verdict a pair and what must be said of them all, or the summary of one system alone."""
        return [*(pair.verdict for pair in self.pairs), *filter(None, [self.caveat])] or [self.summary]

    def _repr_html_(self) -> str:
        names = [system.name for system in self.systems]
        rows = [
            Compared(
                f"{names[pair.other]} - {names[pair.baseline]}",
                *(d.metric, d.group, d.total, d.baseline, d.other, d.difference, d.by_cluster, d.verdict),
            )
            for pair in self.pairs
            for d in pair.differences
        ]
        return comparison_html(self.verdicts, rows, self.clusters.kind)
