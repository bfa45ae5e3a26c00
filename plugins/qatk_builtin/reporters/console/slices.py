"""Kinds of answers, and the slices that stand out, in the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.table import Table
from rich.text import Text

from qatk.display import METRICS, bar, counted, figure, interval, plain_table, printable, shortened, signed
from qatk.evaluation import KINDS, MEANINGS, RIGHT_KINDS, percent, right_elsewhere
from qatk.results import Evaluation, SliceRow
from qatk.types import Int8
from qatk_builtin.reporters.console.parts import LONGEST_LABEL, WIDE
from qatk_builtin.reporters.shared.facts import SCALE, main_metric

ENOUGH = 20
"""Questions from which a slice is worth a look among many others."""
FEW_METRICS = 2
"""With more metrics than these a slice shows their means only."""
HEADER = 8
"""Letters of a header that stand in one line where there are not very many metrics."""


def kinds_table(codes: Int8, width: int) -> Table:
    """How many questions there are of each kind.

    Args:
        codes: int8[n] of :func:`qatk.evaluation.error_kinds.error_kinds_of`.
        width: columns that there are; from :data:`WIDE` on the kinds are explained.
    """
    words = ["meaning"] if width >= WIDE else []
    table = plain_table("", "questions", "share", "", *words, left=(0, 3, 4))
    counts = np.bincount(codes, minlength=len(KINDS)).tolist()
    for kind, number in zip(KINDS, counts, strict=True):
        if number:
            share = 100 * number / len(codes)
            name = Text(kind, "green" if kind in RIGHT_KINDS else "red")
            meaning = [Text(MEANINGS[kind], "dim")] if words else []
            table.add_row(name, f"{number:,}", f"{share:.1f} %", bar(share), *meaning)
    return table


def kinds_note(evaluation: Evaluation) -> list[Text]:
    """A note on right answers at other positions than gold answers, if there are any."""
    if not (number := right_elsewhere(evaluation)):
        return []
    right = counted(number, "right answer", "is")
    return [Text(f"{right} at a position without a gold answer; EM compares only texts.", "dim")]


@dataclass(frozen=True)
class ShownSlice:
    """A slice, and how far its figure lies from what is expected of such questions.

    Attributes:
        row: its figures.
        difference: its mean less the expected one, in points; NaN where that is not known.
        excess: how far its interval lies from the expected mean, in points; negative where it holds that.
    """

    row: SliceRow
    difference: float = math.nan
    excess: float = math.nan


def pick_slices(
    evaluation: Evaluation, most: int, rows: Sequence[SliceRow] | None = None
) -> tuple[list[ShownSlice], str]:
    """The slices to show, and what to say of the others.

    All of them where there are no more than ``most``; else those of :data:`ENOUGH` questions whose main figure differs
    most clearly from what is expected. Expected is the mean of all questions with as many answerable ones among them:
    a slice of dates is not told from the whole for having answers only. Of slices of the same questions the first
    counts.

    Args:
        evaluation: with the scores and masks of the slices.
        most: how many to show.
        rows: the figures of the slices; ``None`` takes those of the evaluation.
    """
    rows = evaluation.slices if rows is None else rows
    each = _against_expected(evaluation, rows)
    if len(rows) <= most:
        return [each.get((row.slicer, row.name), ShownSlice(row)) for row in rows], ""
    enough = (shown for shown in each.values() if shown.excess > 0 and shown.row.total >= ENOUGH)
    clear = sorted(enough, key=lambda shown: -shown.excess)
    if not clear:
        return [], f"none of {len(rows):,} stands out"
    first = f"the clearest {most} of " if len(clear) > most else ""
    return clear[:most], f"{first}{len(clear):,} that stand out, among {len(rows):,}"


def _against_expected(evaluation: Evaluation, rows: Sequence[SliceRow]) -> dict[tuple[str, str], ShownSlice]:
    """The distinct slices by slicer and name, all but those of all questions or of just those with an answer or not."""
    metric = main_metric(rows)
    if metric not in evaluation.per_question or not evaluation.examples.has_gold:
        return {}
    values, has_answer = evaluation.per_question[metric], evaluation.examples.has_answer
    with_answer, without = (percent(values[kind]) if kind.any() else 0.0 for kind in (has_answer, ~has_answer))
    seen = {kind.tobytes() for kind in (has_answer, ~has_answer, np.ones_like(has_answer))}
    found = {}
    for row in rows:
        mask = evaluation.masks.get(row.slicer, {}).get(row.name)
        if mask is None or mask.tobytes() in seen:
            continue
        seen.add(mask.tobytes())
        share = float(has_answer[mask].mean())
        expected = share * with_answer + (1 - share) * without
        low, high = row.intervals.get(metric, (-math.inf, math.inf))
        excess = max(low - expected, expected - high)
        found[row.slicer, row.name] = ShownSlice(row, row.metrics[metric] - expected, excess)
    return found


def slices_table(slices: Sequence[ShownSlice], width: int) -> Table:
    """All figures of each slice; with few metrics the interval of the main one, and its difference from the expected.

    Args:
        slices: with the same metrics each.
        width: columns that there are; from :data:`WIDE` on there is a bar.
    """
    rows = [shown.row for shown in slices]
    names, metric = list(rows[0].metrics), main_metric(rows)
    headers = [METRICS.get(name, printable(name)) for name in names]
    full = len(names) <= FEW_METRICS
    more = [f"95 % of {METRICS.get(metric, printable(metric))}", "+/-"] if full else []
    with_bar = [SCALE] if full and metric == "f1" and width >= WIDE else []
    table = plain_table("", *headers, *more, "n", *with_bar, left=(0, len(headers) + len(more) + 2))
    for shown in slices:
        row = shown.row
        cells: list[str | Text] = [figure(row.metrics.get(name), 1) for name in names]
        cells += [_interval(row, metric), _signed(shown.difference)] if full else []
        bars = [bar(row.metrics[metric])] if with_bar else []
        table.add_row(Text(_label(row)), *cells, f"{row.total:,}", *bars)
    room = HEADER if len(names) <= HEADER // 2 else 0
    for column in table.columns[1:]:
        column.no_wrap = full
        column.width = None if full else max(*map(len, map(str, column.cells)), min(len(str(column.header)), room))
    return table


def slices_note(slices: Sequence[ShownSlice]) -> list[Text]:
    """What the differences are from, where there are any."""
    if not any(math.isfinite(shown.difference) for shown in slices):
        return []
    name = METRICS.get(metric := main_metric([shown.row for shown in slices]), printable(metric))
    return [Text(f"+/-: {name} compared with all questions at the same share of answerable ones", "dim")]


def _label(row: SliceRow) -> str:
    return printable(shortened(f"{row.slicer.replace('-', ' ')}: {row.name}", LONGEST_LABEL))


def _interval(row: SliceRow, metric: str) -> str:
    return interval(row.intervals.get(metric, (math.nan, math.nan)))


def _signed(difference: float) -> Text:
    return Text(signed(difference), "" if math.isnan(difference) else "green" if difference > 0 else "red")
