"""Systems compared with a baseline: plain objects with typed fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from qatk.display.html import comparison_html
from qatk.display.keys import differing_keys, shown
from qatk.display.numbers import METRICS, interval, points, signed
from qatk.errors import counted
from qatk.files import place_of
from qatk.results.evaluation import Evaluation, clusters_within
from qatk.results.needed import Needed
from qatk.results.run import EXPORTED, PREDICTING, RunResult, StageTime
from qatk.statistics.intervals import mean_interval_over_seeds
from qatk.types import Bool, Clusters, Examples, Float64, Int64

ALPHA = 0.05
"""The level of a claim."""
UNRESOLVED = "inconclusive"
"""The verdict on a difference that may be due to chance."""


@dataclass(frozen=True, eq=False)
class System:
    """One system: a run, a predictions file, or several runs that differ only in their seed.

    Attributes:
        name: its name, unique in a comparison.
        evaluations: one per seed, all on the same examples in the same order.
        seeds: the seed of each evaluation; ``None`` if unknown.
        sources: the run folder or predictions file of each evaluation.
        facts: ``examples_per_second`` (of prediction), ``parameters`` and ``model_bytes``, as far as they are known; of
            free-text answers ``not_in_context`` (a share), ``seconds_per_1000`` and ``cost_per_1000`` questions.
        settings: what its first run was made by, by key of the recipe; empty where that is unknown.
    """

    name: str
    evaluations: Sequence[Evaluation]
    seeds: Sequence[int | None] = (None,)
    sources: Sequence[str] = ("",)
    facts: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def of_run(cls, result: RunResult) -> System:
        """A single finished run as a system."""
        source = place_of(result.url or result.folder or "")
        seed = result.manifest.get("recipe", {}).get("seed")
        return cls(result.title, [result.evaluation], [seed], [source], facts_of(result))

    @property
    def evaluation(self) -> Evaluation:
        """The first evaluation, from which examples are shown."""
        return self.evaluations[0]

    def per_question(self, metric: str) -> Float64:
        """float64[seeds, n]: the values of a per-question metric, as fractions."""
        return np.stack([evaluation.per_question[metric] for evaluation in self.evaluations])

    def interval(self, metric: str, rows: Bool, clusters: Clusters) -> Interval:
        """A 95 % confidence interval of the mean EM or F1 over some questions, in per cent; several seeds are included.

        It is computed over clusters, or over contexts if all questions are of one cluster; NaN for one context.

        Args:
            metric: the per-question metric.
            rows: bool[n], which questions.
            clusters: of all questions.
        """
        index = clusters_within(self.evaluation.examples, clusters.index, rows)
        return Interval(*mean_interval_over_seeds(self.per_question(metric)[:, rows], index))


def facts_of(result: RunResult) -> dict[str, float]:
    """``examples_per_second`` (of prediction), ``parameters`` and ``model_bytes``, if the run folder has them."""
    facts: dict[str, float] = {}
    predict = next((stage for stage in result.stages if stage.name == "predict"), StageTime("predict", 0.0))
    if seconds := predict.counts.get(PREDICTING, predict.seconds):
        answered = [result.evaluation, *result.sets.values()]
        facts["examples_per_second"] = sum(len(evaluation.examples) for evaluation in answered) / seconds
    if parameters := result.manifest.get("model", {}).get("parameters"):
        facts["parameters"] = parameters
    if (size := predict.counts.get(EXPORTED, result.model_bytes)) is not None:
        facts["model_bytes"] = size
    return facts


class Interval(NamedTuple):
    """A 95 % confidence interval, in percentage points."""

    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """The difference of two systems in one metric on a group of questions: other minus baseline, in percentage points.

    Attributes:
        metric: ``exact`` or ``f1``.
        group: ``all``, ``HasAns``, ``NoAns``, or ``slicer: name``.
        total: the number of questions in the group.
        baseline, other, difference: means over questions and seeds, in per cent.
        by_question: the 95 % bootstrap interval of the difference, resampled by question; NaN for a group of one
            question, and if all questions differ by the same amount.
        by_cluster: the 95 % interval from the standard error by cluster and Student's t distribution. Clusters are
            articles or contexts; for a group within one article they are contexts. NaN for a group of one context, and
            if all clusters differ by the same amount.
        p: the p-value of the difference divided by its standard error over clusters (with several seeds: over seeds and
            clusters), from Student's t distribution; from the sign test by cluster if ``error`` is 0; 1 for a single
            cluster.
        p_adjusted: ``p`` after Holm's correction over the family of tests (see :func:`compare_systems`), which decides
            the verdict.
        p_by_question: the p-value of a paired test that treats questions as independent: McNemar's exact test for EM,
            approximate randomisation for F1 and for means over seeds.
        detectable: the smallest true difference that such data detect with 80 % power, after Holm's correction; NaN if
            ``error`` is 0 or NaN.
        verdict: ``better``, ``worse`` or ``inconclusive``.
        two_way: with several seeds, the same from the standard error over seeds and clusters.
        cluster_count: the number of clusters in the group.
        effective_clusters: the number of clusters of equal size that would carry as much information.
        design_effect: the ratio of the variance by cluster to the variance by question; NaN if nothing varies.
        error, freedom: the standard error of the difference, in percentage points, and its degrees of freedom.
        cluster_share: the share of the variance that is due to clusters; the rest is due to seeds.
        level: the level that ``p`` must stay below for a claim to be certain: 0.05 divided by the size of the family.
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
    cluster_count: int = 0
    effective_clusters: float = 0.0
    design_effect: float = float("nan")
    error: float = float("nan")
    freedom: float = float("nan")
    cluster_share: float = 1.0
    level: float = ALPHA

    @property
    def bounds(self) -> Interval:
        """The interval to show where there is room for one: ``two_way`` with several seeds, else ``by_cluster``."""
        return self.two_way or self.by_cluster

    @property
    def tests(self) -> int:
        """The size of the family of tests that Holm's correction covers."""
        return round(ALPHA / self.level)


@dataclass(frozen=True)
class Margin:
    """What a margin allows to claim about F1 over all questions.

    Attributes:
        margin: in percentage points.
        p_no_worse, p_no_better: the p-values of the one-sided tests that the other system is less than the margin below
            and above the baseline, after Holm's correction over the pairs.
        no_worse: whether the other system is shown to be at most the margin below the baseline (non-inferiority).
        same: whether the difference is shown to be within the margin on both sides (equivalence).
    """

    margin: float
    p_no_worse: float
    p_no_better: float
    no_worse: bool
    same: bool


@dataclass(frozen=True, eq=False, repr=False)
class Pair:
    """The baseline and one other system.

    Attributes:
        baseline, other: indices of the systems.
        differences: in EM and F1, over all questions, HasAns and NoAns.
        slices: in F1 and EM, for each slice; the clearest differences first.
        wins, losses, both_wrong: rows for which only the other system is right, only the baseline is right, or both are
            wrong in different ways; the most telling ones first.
        verdict: a sentence that sums up the pair.
        margin: what a margin allows to claim, if one was given.
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

    def __repr__(self) -> str:
        return f"<Pair of systems {self.baseline} and {self.other}: {self.verdict}>"

    @property
    def headline(self) -> Difference:
        """The difference in F1 over all questions."""
        return next(d for d in self.differences if (d.metric, d.group) == ("f1", "all"))


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Systems compared on the same questions.

    Attributes:
        examples: the questions, with gold answers.
        systems: the first is the baseline.
        pairs: the baseline with each other system, or all pairs.
        masks: bool[n] for each slicer and group.
        clusters: the clusters of ``by_cluster``: articles, contexts, or the values of a column.
        draws, seed: of the bootstrap and of the randomisation.
        summary: for a single system, a sentence with its mean over seeds; otherwise empty.
        caveat: what applies to the verdicts of all pairs, for example that the systems are single runs; the verdict of
            a single pair includes it.
        selection: which questions the wins, losses and both wrong are limited to; empty if they are not limited.
        plans: what data would find a difference, for each pair, if that was asked.
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
    plans: Sequence[Needed] = ()

    @cached_property
    def slice_names(self) -> Mapping[str, tuple[str, str]]:
        """The slicer and the name of each ``slicer: name``; both may contain colons."""
        return {f"{slicer}: {name}": (slicer, name) for slicer, groups in self.masks.items() for name in groups}

    def bounds_by(self, pairs: Sequence[Pair]) -> str:
        """What the ``bounds`` of some pairs are by: ``article`` or, with several seeds, ``seed and article``."""
        seeds = any(d.two_way for pair in pairs for d in (*pair.differences, *pair.slices))
        return f"{'seed and ' if seeds else ''}{self.clusters.kind}"

    @cached_property
    def settings(self) -> Mapping[str, Sequence[str]]:
        """By key, what the systems were made by, as text, where that differs; ``-`` where it is unknown."""
        known = [system.settings for system in self.systems if system.settings]
        return {
            key: [shown(system.settings, key) if system.settings else "-" for system in self.systems]
            for key in differing_keys(*known)
        }

    @property
    def verdicts(self) -> Sequence[str]:
        """The lines to show first: each pair's verdict, the caveat and the plans, or the summary of a single system."""
        said = [*(pair.verdict for pair in self.pairs), *filter(None, [self.caveat])] or [self.summary]
        return [*said, *(plan.text for plan in self.plans)]

    def __repr__(self) -> str:
        return "\n".join([f"<Comparison: {counted(len(self.examples), 'question')}", *self.verdicts]) + ">"

    def _repr_html_(self) -> str:
        names = [system.name for system in self.systems]
        rows = [
            [
                *(f"{names[pair.other]} - {names[pair.baseline]}", METRICS[d.metric], d.group, f"{d.total:,}"),
                *(points(d.baseline), points(d.other), signed(d.difference), interval(d.bounds), d.verdict),
            ]
            for pair in self.pairs
            for d in pair.differences
        ]
        return comparison_html(self.verdicts, rows, self.bounds_by(self.pairs))
