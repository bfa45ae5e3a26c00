"""The figures of a report as Rich tables and texts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from qatk.api import RunResult, TrainEvent
from qatk.results import SliceRow, StageTime
from qatk.textview import printable

BARS = "▁▂▃▄▅▆▇█"
GROUPS = (("", "all questions"), ("HasAns_", "with an answer"), ("NoAns_", "without"))
COUNTS = {
    "questions_cut": "questions cut to max_question_length",
    "answers_unreachable": "answerable questions whose answer no window holds",
    "questions_dropped": "training questions dropped with their windows",
}
"""Counts of the featurizer that a user should see where they are not 0."""


def headline(result: RunResult) -> list[RenderableType]:
    """EM and F1, whole and by answerability, and what they must be seen beside."""
    metrics = result.metrics
    table = _table("", "EM", "F1", "questions", "")
    for prefix, name in GROUPS:
        if f"{prefix}total" in metrics:
            exact, f1 = metrics[f"{prefix}exact"], metrics[f"{prefix}f1"]
            style = "bold" if not prefix else ""
            total = f"{int(metrics[f'{prefix}total']):,}"
            table.add_row(Text(name, style), Text(f"{exact:.1f}", style), Text(f"{f1:.1f}", style), total, bar(f1))
    parts: list[RenderableType] = [table] if table.row_count else []
    if "NoAns_total" in metrics:
        nothing = 100 * metrics["NoAns_total"] / metrics["total"]
        parts.append(Text(f"Answering nothing at all would give {nothing:.1f}.", "dim"))
    if "best_f1" in metrics:
        best = f"At the best null threshold, {metrics['best_f1_thresh']:.2f}, F1 would be {metrics['best_f1']:.1f}:"
        parts.append(Text(f"{best} tuned on these very questions, so no headline.", "dim"))
    parts += _other_metrics(metrics)
    return parts


def _other_metrics(metrics: Mapping[str, float]) -> list[RenderableType]:
    """The figures of further metrics, by name."""
    known = ("HasAns_", "NoAns_", "best_", "pr_", "exact", "f1", "total")
    others = {name: value for name, value in metrics.items() if not name.startswith(known)}
    return [Text("   ".join(f"{name} {value:.3f}" for name, value in others.items()))] if others else []


def facts_of_run(result: RunResult) -> Table:
    """What was run, on what, how fast."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    for name, value in _facts(result):
        grid.add_row(name, Text(printable(value)))
    return grid


def _facts(result: RunResult) -> list[tuple[str, str]]:
    recipe, model = result.manifest.get("recipe", {}), result.manifest.get("model", {})
    counts = {key: value for stage in result.stages for key, value in stage.counts.items()}
    rows = []
    if recipe:
        backbone = recipe["backbone"].get("model", recipe["backbone"]["use"])
        parts = [backbone, *(recipe[name]["use"] for name in ("featurizer", "head", "decoder"))]
        rows.append(("system", " · ".join([*parts, f"seed {recipe['seed']}"])))
    if model:
        rows.append(("device", f"{model['device']}, {model['precision']}, {_parameters(model['parameters'])}"))
    rows += [(name, _data(name, counts)) for name in ("train", "dev") if f"{name}_questions" in counts]
    for key, meaning in COUNTS.items():
        found = {name: int(counts.get(f"{name}_{key}", 0)) for name in ("train", "dev")}
        if any(found.values()):
            rows.append(("note", f"{meaning}: {', '.join(f'{n:,} in {name}' for name, n in found.items() if n)}"))
    rows += [("time", " · ".join(_time(stage) for stage in result.stages))] if result.stages else []
    if peak := result.manifest.get("peak_memory_bytes"):
        rows.append(("memory", f"{peak / 2**30:.2f} GiB at its peak"))
    return rows


def _data(name: str, counts: Mapping[str, float]) -> str:
    parts = [
        f"{int(counts[f'{name}_{what}']):,} {what}"
        for what in ("questions", "contexts", "windows", "tokens")
        if f"{name}_{what}" in counts
    ]
    return ", ".join(parts)


def _time(stage: StageTime) -> str:
    if stage.skipped:
        return f"{stage.name} skipped ({stage.seconds:.1f} s then)"
    speed = stage.counts.get("windows_per_second")
    return f"{stage.name} {stage.seconds:.1f} s" + (f" ({speed:,.0f} windows/s)" if speed else "")


def loss_curve(events: Sequence[TrainEvent]) -> Text | None:
    """The training loss over all steps, as one line of bars."""
    losses = [event.loss for event in events if event.kind == "step" and math.isfinite(event.loss)]
    if len(losses) < 2:
        return None
    width = 48
    per = max(1, math.ceil(len(losses) / width))
    means = [sum(part) / len(part) for part in (losses[i : i + per] for i in range(0, len(losses), per))]
    top = max(means) or 1.0
    line = "".join(BARS[min(7, int(8 * max(0.0, mean) / top))] for mean in means)
    return Text.assemble(("loss ", "dim"), f"{means[0]:.2f} ", (line, "cyan"), f" {means[-1]:.2f}")


def epochs(events: Sequence[TrainEvent]) -> Table | None:
    """A row an epoch, with the dev figures after it."""
    rows = [event for event in events if event.kind == "epoch"]
    if not rows:
        return None
    shares = ("start_accuracy", "end_accuracy", "both_accuracy")
    table = _table("epoch", "step", "loss", "dev loss", "start", "end", "both", "EM", "F1")
    best = max((event.metrics.get("f1", -1.0) for event in rows), default=-1.0)
    for event in rows:
        m = event.metrics
        cells = [f"{event.epoch:g}" if event.epoch == int(event.epoch) else f"{event.epoch:.2f}", f"{event.step:,}"]
        cells += [_figure(event.loss, 2), _figure(m.get("dev_loss"), 2)]
        cells += [_figure(100 * m[name] if name in m else None, 1) for name in shares]
        cells += [_figure(m.get("exact"), 1), _figure(m.get("f1"), 1)]
        table.add_row(*cells, style="bold" if m.get("f1") == best and len(rows) > 1 else "")
    return table


def slices(rows: Sequence[SliceRow]) -> dict[str, Table]:
    """A table for each slicer, in the order of the rows."""
    tables: dict[str, Table] = {}
    for row in rows:
        if row.slicer not in tables:
            tables[row.slicer] = _table(
                "", *("EM" if n == "exact" else "F1" if n == "f1" else n for n in row.metrics), "n", ""
            )
        cells = [f"{value:.1f}" for value in row.metrics.values()]
        shown = row.metrics.get("f1", next(iter(row.metrics.values()), 0.0))
        tables[row.slicer].add_row(Text(printable(row.name)), *cells, f"{row.total:,}", bar(shown))
    return tables


def bar(percent: float, width: int = 20) -> Text:
    """A share of ``width`` characters, in eighths."""
    eighths = round(8 * width * percent / 100) if math.isfinite(percent) else 0
    return Text("█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip(), "cyan")


def _figure(value: float | None, digits: int) -> str:
    return "-" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim", padding=(0, 1))
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 or not column else "right", no_wrap=i > 0)
    return table


def _parameters(number: int) -> str:
    return f"{number / 1e6:.1f} M parameters" if number >= 1e6 else f"{number:,} parameters"
