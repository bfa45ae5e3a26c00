"""The figures of a report as Rich tables and texts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from qatk.api import RunResult
from qatk.results import SliceRow, StageTime
from qatk.textview import printable

GROUPS = (("", "all questions", ""), ("HasAns_", "with an answer", "HasAns"), ("NoAns_", "without", "NoAns"))
UNITS = ("questions", "contexts", "windows", "tokens")
COUNTS = {
    "questions_cut": "questions cut to max_question_length",
    "answers_unreachable": "answerable questions whose answer no window holds",
    "questions_dropped": "training questions dropped with their windows",
}
"""Counts of the featurizer that a user should see where they are not 0."""
SHORT = {"exact": "EM", "f1": "F1"}
SCALE = "F1, 0 to 100"


def headline(result: RunResult) -> list[RenderableType]:
    """EM and F1, whole and by answerability, and what they must be seen beside."""
    metrics = result.metrics
    if not {"exact", "f1", "total"} <= metrics.keys():
        return _other_metrics(metrics)
    table = plain_table("", "", "EM", "F1", "questions", SCALE, left=(0, 1, 5))
    for prefix, name, term in GROUPS:
        if f"{prefix}total" in metrics:
            exact, f1 = metrics[f"{prefix}exact"], metrics[f"{prefix}f1"]
            cells = [Text(figure(value, 1), "" if prefix else "bold") for value in (exact, f1)]
            total = f"{int(metrics[f'{prefix}total']):,}"
            table.add_row(Text(name, "" if prefix else "bold"), Text(term, "dim"), *cells, total, bar(f1))
    notes = Text("\n").join(Text(note, "dim") for note in _notes(metrics))
    return [table, *([Padding(notes, (1, 0, 0, 0), expand=False)] if notes else []), *_other_metrics(metrics)]


def _notes(metrics: Mapping[str, float]) -> Iterable[str]:
    if "NoAns_total" in metrics:
        yield f"Answering nothing at all would give {100 * metrics['NoAns_total'] / metrics['total']:.1f}."
    if "best_f1" in metrics:
        best = f"Best F1 {figure(metrics['best_f1'], 1)} at null threshold {figure(metrics['best_f1_thresh'], 2)}"
        yield f"{best}: tuned on this very set, so no headline."


def _other_metrics(metrics: Mapping[str, float]) -> list[RenderableType]:
    """The figures of further metrics, by name; those of EM and F1 stand in the headline."""
    known = {"total"} | ({"exact", "f1"} if "total" in metrics else set())
    others = [(k, v) for k, v in metrics.items() if k not in known and not k.startswith(("HasAns_", "NoAns_", "best_"))]
    shown = [(name, value) for name, value in others if not name.startswith("pr_")]
    return [Text("   ".join(f"{printable(name)} {figure(value, 3)}" for name, value in shown))] if shown else []


def facts_of_run(result: RunResult) -> Table:
    """What was run, on what, how fast."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    for name, lines in _facts(result):
        grid.add_row(name, Text("\n").join(Text(printable(line)) for line in lines))
    return grid


def _facts(result: RunResult) -> Iterable[tuple[str, list[str]]]:
    recipe, model = result.manifest.get("recipe", {}), result.manifest.get("model", {})
    counts = {key: value for stage in result.stages for key, value in stage.counts.items()}
    if recipe:
        yield "model", [str(recipe["backbone"].get("model") or recipe["backbone"]["use"])]
        parts = [recipe[name]["use"] for name in ("featurizer", "head", "trainer", "decoder") if name in recipe]
        yield "parts", [" · ".join([*parts, f"seed {recipe['seed']}"])]
    if model:
        yield "device", [f"{model['device']}, {model['precision']}, {_parameters(model['parameters'])}"]
    splits = [name for name in ("train", "dev") if f"{name}_questions" in counts]
    yield from zip(splits, ([line] for line in _aligned([_data(name, counts) for name in splits])), strict=True)
    for key, meaning in COUNTS.items():
        found = {name: int(counts.get(f"{name}_{key}", 0)) for name in ("train", "dev")}
        if any(found.values()):
            yield "note", [f"{meaning}: {', '.join(f'{n:,} in {name}' for name, n in found.items() if n)}"]
    if result.stages:
        yield "time", _aligned([_time(stage) for stage in result.stages], left=1)
    if peak := result.manifest.get("peak_memory_bytes"):
        yield "memory", [f"{peak / 2**30:.2f} GiB at its peak"]


def _data(name: str, counts: Mapping[str, float]) -> list[str]:
    return [f"{int(counts[f'{name}_{unit}']):,} {unit}" if f"{name}_{unit}" in counts else "" for unit in UNITS]


def _time(stage: StageTime) -> list[str]:
    if stage.skipped:
        return [stage.name, "skipped", f"({stage.seconds:,.1f} s then)"]
    speed = stage.counts.get("windows_per_second")
    return [stage.name, f"{stage.seconds:,.1f} s", f"({speed:,.0f} windows/s)" if speed else ""]


def _aligned(rows: Sequence[Sequence[str]], left: int = 0) -> list[str]:
    """Rows of cells as lines with aligned columns; the first ``left`` columns to the left, the others to the right."""
    columns = []
    for i, column in enumerate(zip(*rows, strict=True)):
        width = max(map(len, column))
        columns.append([cell.ljust(width) if i < left else cell.rjust(width) for cell in column])
    return ["  ".join(cells).rstrip() for cells in zip(*columns, strict=True)]


def slices(rows: Sequence[SliceRow]) -> list[Group]:
    """A table with its title for each slicer, in the order of the rows."""
    width = max((len(row.name) for row in rows), default=0)
    groups = []
    for slicer in dict.fromkeys(row.slicer for row in rows):
        table = _slice_table([row for row in rows if row.slicer == slicer], min(width, 24))
        title = Text(f"By {printable(slicer.replace('-', ' '))}", "bold cyan")
        groups.append(Group(title, Padding(table, (0, 0, 0, 2), expand=False)))
    return groups


def _slice_table(rows: Sequence[SliceRow], width: int) -> Table:
    names = list(rows[0].metrics)
    with_bar = "f1" in names and len(names) <= 4
    headers = [SHORT.get(name, printable(name)) for name in names]
    table = plain_table("", *headers, "n", *([SCALE] if with_bar else []), left=(0, len(names) + 2))
    table.columns[0].min_width = width if with_bar else None
    for row in rows:
        cells = [figure(row.metrics.get(name), 1) for name in names]
        bars = [bar(row.metrics["f1"])] if with_bar else []
        table.add_row(Text(printable(row.name)), *cells, f"{row.total:,}", *bars)
    for column in [] if with_bar else table.columns[1:]:
        column.width = max(map(len, map(str, column.cells)))
    return table


def bar(percent: float, width: int = 16) -> Text:
    """A share of ``width`` characters, to half a character, on a dim track."""
    halves = round(2 * width * min(max(percent, 0), 100) / 100) if math.isfinite(percent) else 0
    filled = "━" * (halves // 2) + "╾" * (halves % 2)
    return Text.assemble((filled, "cyan"), ("─" * (width - len(filled)), "dim"), no_wrap=True)


def figure(value: float | None, digits: int) -> str:
    """A number with so many digits after the point; ``-`` where it is unknown."""
    if value is None or not math.isfinite(value):
        return "-"
    return f"{value:.{digits}f}" if abs(value) < 1e6 else f"{value:.1e}"


def plain_table(*columns: str, left: tuple[int, ...] = (0,)) -> Table:
    """A table without frame, numbers to the right; the columns at ``left`` to the left. No number is ever cut."""
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim", border_style="dim", padding=(0, 1)
    )
    for i, column in enumerate(columns):
        table.add_column(Text(column), justify="left" if i in left else "right", overflow="fold")
    return table


def _parameters(number: int) -> str:
    return f"{number / 1e6:.1f} M parameters" if number >= 1e6 else f"{number:,} parameters"
