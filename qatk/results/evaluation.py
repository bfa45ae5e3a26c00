"""The result of an evaluation: plain objects with typed fields."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from qatk.display.html import figures_html
from qatk.display.numbers import METRICS, interval, points
from qatk.errors import counted
from qatk.languages import ENGLISH, Normalisation
from qatk.statistics.intervals import mean_interval, percent
from qatk.types import Bool, Clusters, Examples, Float64, Int8, Int32, Int64, Predictions, clusters_of, groups_of


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """Predictions scored against gold answers.

    Attributes:
        examples: the questions, with gold answers.
        predictions: one answer per question, in the order of ``examples``.
        metrics: the official script's keys (``exact``, ``f1``, ``total``, ``HasAns_*``, ``NoAns_*``, and with null odds
            ``best_exact``, ``best_exact_thresh``, ``best_f1``, ``best_f1_thresh``) and those of other metrics; scores
            in per cent.
        per_question: float64[n] for each per-question metric, as fractions.
        masks: bool[n] for each slicer and group, in the order to show them.
        reach: int8[n], whether a gold answer was possible, and if not, why: indices into
            :data:`qatk.evaluation.reachability.REACHES`; ``None`` if unknown, as for predictions files.
        windows: int32[n], the number of token windows of each question; ``None`` if unknown.
        cluster: the column that defines clusters, see :func:`qatk.types.clusters_of`; ``None`` uses articles.
        normalisation: by which normaliser the answers to each question were compared.
        data: the name of the evaluation set of a run, with that of its file or dataset, or of the file that was scored;
            empty if unknown.
    """

    examples: Examples
    predictions: Predictions
    metrics: Mapping[str, float]
    per_question: Mapping[str, Float64]
    masks: Mapping[str, Mapping[str, Bool]] = field(default_factory=dict)
    reach: Int8 | None = None
    windows: Int32 | None = None
    cluster: str | None = None
    normalisation: Normalisation = ENGLISH
    data: str = ""

    @cached_property
    def normaliser(self) -> str:
        """The name of the normaliser by which answers were compared, such as ``en``; of several, all names."""
        return self.normalisation.name_of(self.examples)

    @property
    def reachable(self) -> Bool | None:
        """bool[n]: whether a gold answer (or "no answer", if that is right) was possible; ``None`` if unknown."""
        return None if self.reach is None else self.reach == 0

    @cached_property
    def groups(self) -> Sequence[SliceRow]:
        """Figures of all questions and, if both kinds exist, of those with and without an answer; no slicer."""
        groups = groups_of(self.examples.has_answer, distinct=True)
        return [self._figures("", group.name, rows) for group, rows in groups.items()]

    @cached_property
    def slices(self) -> Sequence[SliceRow]:
        """Figures of each group in ``masks`` that has questions."""
        groups = ((slicer, name, rows) for slicer, named in self.masks.items() for name, rows in named.items())
        return [self._figures(slicer, name, rows) for slicer, name, rows in groups if rows.any()]

    @cached_property
    def clusters(self) -> Clusters:
        """The articles of the questions, their contexts or the values of a column; intervals are computed over them."""
        return clusters_of(self.examples, self.cluster)

    @property
    def interval_note(self) -> str:
        """What intervals are computed over, in a sentence or two."""
        kind = self.clusters.kind
        if lack := self.clusters.no_interval:
            return f"{lack.capitalize()}."
        by = f"95 % intervals are by {kind}: {counted(self.clusters.count, kind)}."
        return f"{by} {self.clusters.note}.".removesuffix(" .")

    def interval(self, metric: str, rows: Bool) -> tuple[float, float]:
        """A 95 % confidence interval of the mean of a per-question metric over some questions, in per cent.

        It is computed over articles, or over contexts if all questions are from one article; see
        :func:`qatk.statistics.intervals.mean_interval`. NaN if they are from one context.

        Args:
            metric: its name.
            rows: bool[n], which questions.
        """
        index = clusters_within(self.examples, self.clusters.index, rows)
        return mean_interval(self.per_question[metric][rows], index)

    def as_dict(self) -> dict[str, object]:
        """The figures as plain values, as ``qatk eval --json`` prints them.

        These are the metrics by their keys, ``normaliser``, ``intervals`` (the 95 % interval of each EM and F1 by its
        key, ``None`` for none), ``clusters`` (what they are computed over: ``kind``, ``count``, ``unnamed``), ``data``
        (``name`` and ``digest``) and ``qatk``, its version.
        """
        intervals = plain_intervals(self.examples, filter(self.per_question.__contains__, METRICS), self.interval)
        figures = {**self.metrics, "normaliser": self.normaliser, "intervals": intervals}
        return {**figures, "clusters": self.clusters.as_dict(), **made_of(self.data, self.examples)}

    def _figures(self, slicer: str, name: str, rows: Bool) -> SliceRow:
        values = {metric: column[rows] for metric, column in self.per_question.items()}
        means = {metric: percent(column) for metric, column in values.items()}
        intervals = {metric: self.interval(metric, rows) for metric in values}
        return SliceRow(slicer, name, int(rows.sum()), means, intervals)

    def __repr__(self) -> str:
        return f"<Evaluation: {self.summary}>"

    @property
    def summary(self) -> str:
        """The number of questions and the mean of each per-question metric, in per cent."""
        means = (f"{metric} {percent(column):.2f}" for metric, column in self.per_question.items())
        return ", ".join([counted(len(self.examples), "question"), *means])

    def _repr_html_(self) -> str:
        groups, slices = ([_cells(s) for s in rows] for rows in (self.groups, self.slices))
        return figures_html(self.per_question, groups, slices, self.normaliser)


def made_of(data: str, examples: Examples) -> dict[str, object]:
    """What figures were made of and by, for JSON: ``data`` (its name and the digest of the examples) and ``qatk``."""
    from importlib.metadata import version  # for JSON alone

    return {"data": {"name": data or None, "digest": examples.digest()}, "qatk": version("qatk")}


def plain_interval(bounds: tuple[float, float]) -> list[float] | None:
    """An interval as each ``--json`` has it: ``[low, high]``, or ``None`` where there is none."""
    return None if math.isnan(bounds[0]) else list(bounds)


def plain_intervals(
    examples: Examples, metrics: Iterable[str], interval: Callable[[str, Bool], tuple[float, float]]
) -> dict[str, list[float] | None]:
    """The 95 % interval of each metric under its official keys, for JSON.

    Args:
        examples: with gold.
        metrics: per-question metrics.
        interval: of a metric over some questions, bool[n].
    """
    groups, names = groups_of(examples.has_answer), list(metrics)
    return {
        f"{group.prefix}{name}": plain_interval(interval(name, rows))
        for group, rows in groups.items()
        for name in names
    }


def clusters_within(examples: Examples, clusters: Int64, rows: Bool) -> Int64:
    """The cluster of each of some questions, or its context if all of them are of one cluster."""
    index = clusters[rows]
    alone = len(index) > 0 and bool((index == index[0]).all())
    return examples.context_index[rows].astype(np.int64) if alone else index


def _cells(row: SliceRow) -> list[str]:
    bounds = {metric: f" ({interval(of)})" for metric, of in row.intervals.items()}
    figures = (f"{points(value)}{bounds.get(metric, '')}" for metric, value in row.metrics.items())
    return [f"{row.slicer}: {row.name}" if row.slicer else row.name, f"{row.total:,}", *figures]


@dataclass(frozen=True)
class SliceRow:
    """Figures of one group of questions.

    Attributes:
        slicer, name: the slicer that formed the group, and the group's name.
        total: the number of questions.
        metrics: the mean of each per-question metric, in per cent.
        intervals: the 95 % confidence interval (low, high) of each mean, in per cent.
    """

    slicer: str
    name: str
    total: int
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
