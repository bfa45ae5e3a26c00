"""The content of a report of a comparison: plain texts and numbers, for all formats."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from qatk.display import METRICS, Mark, counted, interval, printable
from qatk.evaluation import KINDS, error_kinds_of, percent
from qatk.results import UNRESOLVED, Comparison, Difference, Evaluation, Pair, SliceRow, System
from qatk.types import GROUPS, HAS_ANSWER, NO_ANSWER, Float64, Int8, Int64, groups_of
from qatk_builtin.reporters.shared.cases import golds_near, places_said
from qatk_builtin.reporters.shared.system_figures import COSTS, KEYS, SCORES, few, figures_of, scores_of

MOST_SETTINGS = 12
"""Keys of recipes that a report names."""


@dataclass(frozen=True)
class Line:
    """A line of the table of systems.

    Attributes:
        letter: the system's; empty for one of its seeds.
        name: of the system or seed.
        cells: its figures.
        intervals: of each figure; empty where it has none.
    """

    letter: str
    name: str
    cells: Sequence[str]
    intervals: Sequence[str]

    @property
    def bounded(self) -> list[str]:
        """The figures, each with its interval in brackets."""
        both = zip(self.cells, self.intervals, strict=True)
        return [f"{cell} ({bounds})" if bounds else cell for cell, bounds in both]


@dataclass(frozen=True)
class SliceLine:
    """A slice in which two systems differ: its F1, and EM's difference where that is known."""

    f1: Difference
    exact: Difference | None


class Contrast:
    """A comparison, ready to be shown.

    Attributes:
        comparison: as it was made.
        letters: a short name a system: A is the baseline.
    """

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison
        self.letters = [letter_of(i) for i in range(len(comparison.systems))]

    @property
    def title(self) -> str:
        """The names of the systems."""
        names = [system.name for system in self.comparison.systems]
        if len(names) <= 2:
            return " against ".join(names)
        return f"{len(names)} systems, {'all pairs' if self.all_pairs else f'baseline {names[0]}'}"

    @property
    def all_pairs(self) -> bool:
        """Whether not all pairs have the first system as baseline."""
        return any(pair.baseline for pair in self.comparison.pairs)

    def label(self, pair: Pair) -> str:
        """What to call a pair where others stand beside it: its letter where the baseline is A, else both."""
        a, b = self.letters[pair.baseline], self.letters[pair.other]
        return f"{b} - {a}" if self.all_pairs else b

    @property
    def basis(self) -> str:
        """What the numbers rest on: data, questions, articles, draws."""
        comparison = self.comparison
        clusters = comparison.clusters
        seeds = {len(system.evaluations) for system in comparison.systems}
        parts = [data] if (data := printable(comparison.systems[0].evaluation.data)) else []
        parts += [counted(len(comparison.examples), "question"), counted(clusters.count, clusters.kind)]
        parts += [f"{' or '.join(map(str, sorted(seeds)))} seeds"] if seeds != {1} else []
        parts += [f"normaliser {comparison.systems[0].evaluation.normaliser}"]
        parts += [f"{comparison.draws:,} bootstrap draws, seed {comparison.seed}"] if comparison.pairs else []
        return " · ".join([*parts, *([clusters.note] if clusters.note else [])])

    @cached_property
    def headers(self) -> list[str]:
        """The columns of the table of systems that any system fills; further metrics between scores and costs."""
        known = dict.fromkeys(name for figures in self._figures for name in figures)
        further = [name for name in known if name not in SCORES + COSTS]
        return [name for name in (*SCORES, *further, *COSTS) if name in known]

    @property
    def long_headers(self) -> list[str]:
        """The headers, with the metric of those that name a group of questions only."""
        return [f"{name} F1" if name in (HAS_ANSWER.name, NO_ANSWER.name) else name for name in self.headers]

    @cached_property
    def _figures(self) -> list[dict[str, str]]:
        return figures_of(self.comparison.systems)

    def lines(self) -> Iterator[Line]:
        """The table of systems, with a line for every seed where there are several."""
        several = any(len(system.evaluations) > 1 for system in self.comparison.systems)
        for letter, system, figures in zip(self.letters, self.comparison.systems, self._figures, strict=True):
            yield Line(letter, system.name, [figures.get(name, "-") for name in self.headers], self._intervals(system))
            if several and system.seeds[0] is not None:
                for seed, evaluation in zip(system.seeds, system.evaluations, strict=True):
                    cells, alone = scores_of([evaluation]), System(system.name, [evaluation])
                    shown = [cells.get(name, "") for name in self.headers]
                    yield Line("", f"seed {seed}", shown, self._intervals(alone))

    def _intervals(self, system: System) -> list[str]:
        """Those of EM and F1, by the header of each figure; empty for others."""
        has_answer = system.evaluation.examples.has_answer
        rows = {group.name: mask for group, mask in groups_of(has_answer).items()}
        clusters, found = self.comparison.clusters, []
        for name in self.headers:
            metric = KEYS.get(name, "").rpartition("_")[2]
            mask = rows.get(name, np.ones(len(has_answer), np.bool_))
            known = metric and mask.any()
            found.append(interval(system.interval(metric, mask, clusters)) if known else "")
        return found

    @property
    def settings(self) -> list[tuple[str, Sequence[str]]]:
        """By key of the recipe, what the systems were made by, where that differs; of many keys the first ones."""
        found = [*self.comparison.settings.items()]
        more = len(found) - MOST_SETTINGS
        return [*found[:MOST_SETTINGS], *([(f"{more} more", [""] * len(self.letters))] if more > 0 else [])]

    @property
    def intervals_note(self) -> str:
        """What the intervals of the table of systems go by, or why there are none."""
        if lack := self.comparison.clusters.no_interval:
            return lack
        seeds = any(len(system.evaluations) > 1 for system in self.comparison.systems)
        return f"95 % intervals by {'seed and ' if seeds else ''}{self.comparison.clusters.kind}"

    def differences(self, pair: Pair) -> list[Difference]:
        """By metric, over all questions, then over those with and those without an answer."""
        groups = [group.name for group in GROUPS]
        return sorted(pair.differences, key=lambda d: (list(METRICS).index(d.metric), groups.index(d.group)))

    @property
    def holm_note(self) -> str:
        """How many tests Holm's correction of the differences covers."""
        pairs = self.comparison.pairs
        return f"Holm p: corrected for {counted(pairs[0].headline.tests, 'test')}{', of all pairs' * (len(pairs) > 1)}"

    def design_note(self, pairs: Sequence[Pair]) -> str:
        """How much clusters take from the questions in F1 over all of them; empty where nothing differs.

        The design effect is the variance by cluster over that by question.
        """
        of = [pair.headline for pair in pairs]
        effects = sorted(d.design_effect for d in of if d.design_effect > 0)
        if not effects:
            return ""
        low, high = f"{effects[0]:.1f}", f"{effects[-1]:.1f}"
        worth = counted(max(1, round(of[0].total / effects[-1])), "independent one")
        clusters = counted(of[0].cluster_count, self.comparison.clusters.kind)
        return (
            f"design effect {low if low == high else f'{low} to {high}'}: {counted(of[0].total, 'question')} carry "
            f"{'as much' if low == high else 'at least as much'} information as {worth}; {clusters} "
            f"{'count' if of[0].cluster_count > 1 else 'counts'} as {few(of[0].effective_clusters)} of equal size"
        )

    def slices_note(self, pair: Pair, lines: Sequence[SliceLine]) -> str:
        """What the intervals of these slices are drawn by, where it is not what the heading says; empty else."""
        clusters = self.comparison.clusters
        named = [self.comparison.slice_names[line.f1.group] for line in lines]
        masks = [self.comparison.masks[slicer][name] for slicer, name in named]
        alone = any(len(np.unique(clusters.index[mask])) == 1 for mask in masks)
        if not alone or clusters.kind == "context":
            return ""
        by = self.comparison.bounds_by([pair])
        return f"by {by}; by {by.removesuffix(clusters.kind)}context for a slice within one {clusters.kind}"

    def slices(self, pair: Pair, most: int) -> tuple[list[SliceLine], int, int]:
        """The slices in which the two differ, the clearest first; how many do, and how many there are."""
        exact = {d.group: d for d in pair.slices if d.metric == "exact"}
        lines = [SliceLine(d, exact.get(d.group)) for d in pair.slices if d.metric == "f1"]
        telling = [line for line in lines if line.f1.verdict != UNRESOLVED or _resolved(line.exact)]
        return telling[:most], len(telling), len(lines)

    def slices_alone(self) -> list[SliceRow]:
        """The slices of a single system, with means over seeds; none where systems are compared."""
        system, clusters, found = self.comparison.systems[0], self.comparison.clusters, []
        scores = {metric: system.per_question(metric).mean(axis=0) for metric in METRICS}
        for slicer, named in ({} if self.comparison.pairs else self.comparison.masks).items():
            for name, rows in named.items():
                means = {metric: percent(values[rows]) for metric, values in scores.items()}
                bounds = {metric: system.interval(metric, rows, clusters) for metric in scores}
                found.append(SliceRow(slicer, name, int(rows.sum()), means, bounds))
        return found

    def alone(self) -> Evaluation:
        """A single system as an evaluation, with means over seeds."""
        system = self.comparison.systems[0]
        means = {metric: system.per_question(metric).mean(axis=0) for metric in METRICS}
        return replace(system.evaluation, per_question=means, masks=self.comparison.masks)

    @cached_property
    def kinds(self) -> dict[str, Float64]:
        """By kind of error (right ones first), the number of questions of each system: float64[systems], seed means."""
        counts = np.stack([count_kinds(codes) for codes in self._codes], axis=1)
        return {kind: counts[i] for i, kind in enumerate(KINDS) if counts[i].any()}

    @cached_property
    def _codes(self) -> list[list[Int8]]:
        """Of each system and seed the kind of each question, as an index into the kinds."""
        return [[error_kinds_of(evaluation) for evaluation in system.evaluations] for system in self.comparison.systems]

    def cases(self, pair: Pair) -> list[tuple[str, Int64]]:
        """The three sorts of telling questions, each with what it is called."""
        a, b = self.letters[pair.baseline], self.letters[pair.other]
        among = f" {self.comparison.selection}" if self.comparison.selection else ""
        return [
            (f"{b} right, {a} wrong{among}", pair.wins),
            (f"{a} right, {b} wrong{among}", pair.losses),
            (f"{a} and {b} wrong in different ways{among}", pair.both_wrong),
        ]

    def kind(self, system: int, row: int) -> str:
        """The kind of a system's answer, with several seeds that of the first."""
        return KINDS[int(self._codes[system][0][row])]

    def f1(self, system: int, row: int) -> float:
        """F1 of a question, the mean over seeds, as a fraction."""
        return float(self._f1[system][row])

    @cached_property
    def _f1(self) -> list[Float64]:
        return [system.per_question("f1").mean(axis=0) for system in self.comparison.systems]

    def marks(self, pair: Pair, row: int, styles: Mapping[int, str]) -> list[Mark]:
        """Both answers and the gold answer nearest to them, or all spans that are due, in the order of their starts.

        Args:
            pair: the two systems.
            row: the question.
            styles: by system, of its mark.
        """
        marks, spans = [], []
        for system, style in styles.items():
            places = places_said(self.comparison.systems[system].evaluation, row)
            spans += places
            marks += [Mark(*place, style, f"{self.letters[system]}«", "»") for place in places]
        baseline = self.comparison.systems[pair.baseline].evaluation
        known = golds_near(baseline, row, spans or [(0, 0)])
        if known and baseline.examples.spans_due[row] < 2:
            known = [next((gold for gold in known if gold in spans), known[0])]
        marks += [Mark(*gold, "bold green", "[", "]") for gold in known]
        return sorted(marks, key=lambda mark: mark.start)


def letter_of(index: int) -> str:
    """A to Z, then S27, S28 ..."""
    return string.ascii_uppercase[index] if index < 26 else f"S{index + 1}"


def labels_of(systems: Sequence[System]) -> list[str]:
    """What charts call systems: the letter and the name of each."""
    return [f"{letter_of(i)} {system.name}" for i, system in enumerate(systems)]


def _resolved(difference: Difference | None) -> bool:
    return difference is not None and difference.verdict != UNRESOLVED


def count_kinds(codes: Sequence[Int8]) -> Float64:
    """float64[kinds]: how many questions are of each kind, the mean over seeds."""
    counts = [np.bincount(each, minlength=len(KINDS)) for each in codes]
    means: Float64 = np.mean(np.stack(counts), axis=0)
    return means
