"""What a run or an evaluation gives back: plain objects with typed fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from qatk.display.html import Row, figures_html
from qatk.statistics.intervals import mean_interval, percent
from qatk.types import Bool, Clusters, Examples, Float64, Int8, Int32, Int64, Predictions, clusters_of, groups_of


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Predictions held against gold.

    Attributes:
        examples: the questions, with gold.
        predictions: one answer a question, row by row with ``examples``.
        metrics: the official script's keys (``exact``, ``f1``, ``total``, ``HasAns_*``, ``NoAns_*``, and with null
            odds ``best_exact``, ``best_exact_thresh``, ``best_f1``, ``best_f1_thresh``) and those of other metrics;
            rates in per cent.
        per_question: float64[n] for each per-question metric, as fractions.
        masks: groups of questions, by slicer and name, in the order to show them: bool[n].
        reach: int8[n], whether a gold answer could have been given at all, and if not why: codes of
            :data:`qatk.evaluation.reachability.REACHES`; ``None`` where it is not known, as of prediction files.
        windows: int32[n], windows of tokens that each question was read in; ``None`` where it is not known.
        cluster: the column that intervals go by, see :func:`qatk.types.clusters_of`; ``None`` is the article.
    """

    examples: Examples
    predictions: Predictions
    metrics: Mapping[str, float]
    per_question: Mapping[str, Float64]
    masks: Mapping[str, Mapping[str, Bool]] = field(default_factory=dict)
    reach: Int8 | None = None
    windows: Int32 | None = None
    cluster: str | None = None

    @property
    def reachable(self) -> Bool | None:
        """bool[n]: whether a gold answer, or no answer where that is right, could have been given."""
        return None if self.reach is None else self.reach == 0

    @cached_property
    def groups(self) -> Sequence[SliceRow]:
        """Figures of all questions, and of those with and without an answer where there are both; no slicer."""
        groups = groups_of(self.examples.has_answer, distinct=True)
        return [self._figures("", group.name, rows) for group, rows in groups.items()]

    @cached_property
    def slices(self) -> Sequence[SliceRow]:
        """Figures of each group in ``masks`` that holds any question."""
        groups = ((slicer, name, rows) for slicer, named in self.masks.items() for name, rows in named.items())
        return [self._figures(slicer, name, rows) for slicer, name, rows in groups if rows.any()]

    @cached_property
    def clusters(self) -> Clusters:
        """The articles of the questions, their contexts, or what a column says: what intervals go by."""
        return clusters_of(self.examples, self.cluster)

    def interval(self, metric: str, rows: Bool) -> tuple[float, float]:
        """A 95 % interval of the mean of a per-question metric over some questions, in per cent.

        By article, and by context where all are of one article, see :func:`qatk.statistics.intervals.mean_interval`;
        NaN where they are of one context.

        Args:
            metric: its name.
            rows: bool[n].
        """
        index = clusters_within(self.examples, self.clusters.index, rows)
        return mean_interval(self.per_question[metric][rows], index)

    def _figures(self, slicer: str, name: str, rows: Bool) -> SliceRow:
        values = {metric: column[rows] for metric, column in self.per_question.items()}
        means = {metric: percent(column) for metric, column in values.items()}
        intervals = {metric: self.interval(metric, rows) for metric in values}
        return SliceRow(slicer, name, int(rows.sum()), means, intervals)

    def _repr_html_(self) -> str:
        groups, slices = ([_row(s) for s in rows] for rows in (self.groups, self.slices))
        return figures_html(self.per_question, groups, slices)


def clusters_within(examples: Examples, clusters: Int64, rows: Bool) -> Int64:
    """The cluster of each of some questions; its context where all are of one cluster."""
    index = clusters[rows]
    alone = len(index) > 0 and bool((index == index[0]).all())
    return examples.context_index[rows].astype(np.int64) if alone else index


def _row(row: SliceRow) -> Row:
    name = f"{row.slicer}: {row.name}" if row.slicer else row.name
    return Row(name, row.total, [(value, row.intervals.get(metric)) for metric, value in row.metrics.items()])


@dataclass(frozen=True)
class SliceRow:
    """Figures of one group of questions.

    Attributes:
        slicer, name: who made the group, and its name.
        total: how many questions it has.
        metrics: mean of each per-question metric, in per cent.
        intervals: 95 % interval of each mean (low, high), in per cent.
    """

    slicer: str
    name: str
    total: int
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
