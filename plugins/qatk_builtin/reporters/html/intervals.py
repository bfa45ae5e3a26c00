"""Charts of named rows: differences and slices with their intervals, and the kinds of right and wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from qatk.display import METRICS, counted, figure, interval, p_value, points, signed
from qatk.evaluation import KINDS, MEANINGS, error_kinds_of
from qatk.results import UNRESOLVED, Comparison, Difference, Pair, SliceRow, System
from qatk_builtin.reporters.html.charts import Chart, Spec, View, bars, intervals, short
from qatk_builtin.reporters.shared.comparison import Contrast, count_kinds, labels_of, letter_of
from qatk_builtin.reporters.shared.facts import main_metric

MOST = 30
"""Rows of a chart of slices."""


def slices_chart(slices: Sequence[SliceRow]) -> Iterator[Chart]:
    """F1 of each group of questions with its interval, a view a slicer; EM where there is no F1."""
    rows = [row for row in slices if row.metrics]
    views = []
    for slicer in dict.fromkeys(row.slicer for row in rows):
        groups = [row for row in rows if row.slicer == slicer][:MOST]
        metric = main_metric(groups)
        shown = METRICS.get(metric, metric)
        drawn = [_slice(row, metric) for row in groups if math.isfinite(row.metrics[metric])]
        if drawn:
            told = [_told(row, metric) for row in groups]
            spec = intervals(drawn, f"{shown}, per cent")
            views.append(View(slicer.replace("-", " "), spec, ["", "questions", shown, "95 %"], told))
    if views:
        said = "The mean of each group of questions with its 95 % interval. The list below can be filtered by group."
        yield Chart("slices", "Slices", said, views)


def _slice(row: SliceRow, metric: str) -> Spec:
    low, high = row.intervals.get(metric, (math.nan, math.nan))
    value = row.metrics[metric]
    ends = (low, high) if math.isfinite(low) and math.isfinite(high) else (value, value)
    return {
        "name": row.name,
        "value": short(value),
        "low": short(ends[0]),
        "high": short(ends[1]),
        "questions": row.total,
    }


def _told(row: SliceRow, metric: str) -> list[str]:
    bounds = row.intervals.get(metric, (math.nan, math.nan))
    return [row.name, f"{row.total:,}", figure(row.metrics[metric], 1), interval(bounds)]


def kinds_chart(systems: Sequence[System]) -> Chart:
    """How many questions of each kind of right and wrong, side by side; means over seeds."""
    names = labels_of(systems) if len(systems) > 1 else [""]
    counts = np.stack([count_kinds([error_kinds_of(each) for each in system.evaluations]) for system in systems])
    known = [i for i in range(len(KINDS)) if counts[:, i].any()]
    drawn: list[Spec] = [
        {
            "name": KINDS[i],
            **({"s": name} if name else {}),
            "value": short(float(counts[k, i])),
            "meaning": MEANINGS[KINDS[i]],
        }
        for i in known
        for k, name in enumerate(names)
    ]
    told = [[KINDS[i], MEANINGS[KINDS[i]], *(f"{counts[k, i]:,.0f}" for k in range(len(systems)))] for i in known]
    headers = ["kind", "meaning", *(name or "questions" for name in names)]
    view = View("", bars(drawn, "questions", names if len(names) > 1 else ()), headers, told)
    said = "The kind of each outcome; the first kind that applies counts."
    return Chart("kinds", "Right and wrong, by kind", said, [view])


def differences(comparison: Comparison) -> Chart:
    """Each system less the baseline in EM and F1, over all questions and by answerability."""
    many, names = len(comparison.pairs) > 1, labels_of(comparison.systems)
    every = any(pair.baseline for pair in comparison.pairs)
    drawn, told = [], []
    for pair in comparison.pairs:
        name = names[pair.other]
        for d in pair.differences:
            label = f"{METRICS[d.metric]}, {d.group if d.group != 'all' else 'all questions'}"
            label = f"{letter_of(pair.other)} - {letter_of(pair.baseline)}: {label}" if every else label
            drawn.append(_difference(label, name, d))
            told.append([*([name] if many else []), label, *_figures(d)])
    by = comparison.bounds_by(comparison.pairs)
    headers = [*(["system"] if many else []), "", "difference", f"95 % by {by}", "Holm p", "verdict"]
    above = "Differences in points" if every else f"Difference from A, {comparison.systems[0].name}, in points"
    said = (
        f"{above}. The line is the 95 % interval by {by}, the broad band the one by question. "
        "An interval that contains 0 leaves open which system is better. "
        f"{Contrast(comparison).holm_note}."
    )
    spec = intervals(drawn, "difference in points", series=names[1:], names=names, zero=True)
    return Chart("differences", "Differences", said, [View("", spec, headers, told)])


def slice_differences(comparison: Comparison) -> Iterator[Chart]:
    """The difference of F1 in each slice with its interval; a view of the clearest ones, and one a slicer."""
    views, kind, names = [], comparison.clusters.kind, comparison.slice_names
    for pair in comparison.pairs:
        found = [d for d in pair.slices if d.metric == "f1" and d.total and math.isfinite(d.difference)]
        against = f" - {letter_of(pair.baseline)}" if pair.baseline else ""
        name = f"{letter_of(pair.other)}{against}: " if len(comparison.pairs) > 1 else ""
        draw = partial(_slice_view, comparison=comparison, pair=pair)
        views += [draw(f"{name}the clearest", found[:15])] if found else []
        for slicer in dict.fromkeys(names[d.group][0] for d in found):
            of = [d for d in found if names[d.group][0] == slicer][:MOST]
            views.append(draw(f"{name}{slicer.replace('-', ' ')}", of))
    if views:
        said = (
            "Difference from the baseline in F1, in points, for each group of questions, with 95 % intervals as above"
        )
        said += "." if kind == "context" else f"; by context for a group within one {kind}."
        if tests := sorted({pair.slices[0].tests for pair in comparison.pairs if pair.slices}):
            counts = f"{tests[0]} to {tests[-1]}" if len(tests) > 1 else counted(tests[0], "test")
            said += f" Holm p: corrected for the tests of all slices of a pair, {counts}."
        yield Chart("slices", "Slices", said, views)


def _slice_view(title: str, found: Sequence[Difference], *, comparison: Comparison, pair: Pair) -> View:
    headers = ["", "questions", "difference", f"95 % by {comparison.bounds_by([pair])}", "Holm p", "verdict"]
    told = [[d.group, f"{d.total:,}", *_figures(d)] for d in found]
    apart = [comparison.slice_names[d.group] for d in found]
    several = len({slicer for slicer, _ in apart}) > 1
    systems = labels_of(comparison.systems)
    system = systems[pair.other]
    drawn = [_difference(d.group if several else name, system, d) for (_, name), d in zip(apart, found, strict=True)]
    spec = intervals(drawn, "difference of F1 in points", series=[system], names=systems, zero=True)
    return View(title, spec, headers, told)


def _difference(label: str, series: str, d: Difference) -> Spec:
    outer, inner = _known(d.bounds, d.by_question, d.difference)
    return {
        "name": label,
        "s": series,
        "value": short(d.difference),
        "low": short(outer[0]),
        "high": short(outer[1]),
        "inner_low": short(inner[0]),
        "inner_high": short(inner[1]),
        "questions": d.total,
        "Holm p": p_value(d.p_adjusted),
        "verdict": d.verdict,
    }


def _known(
    outer: tuple[float, float], inner: tuple[float, float], middle: float
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Both intervals, where one is not known in place of it the other, or the point."""
    inner = inner if all(map(math.isfinite, inner)) else (middle, middle)
    return (outer if all(map(math.isfinite, outer)) else inner), inner


def _figures(d: Difference) -> list[str]:
    power = f" (detects {points(d.detectable)})" if d.verdict == UNRESOLVED and math.isfinite(d.detectable) else ""
    verdict = f"{d.verdict}{power}"
    return [signed(d.difference), interval(d.bounds), p_value(d.p_adjusted), verdict]
