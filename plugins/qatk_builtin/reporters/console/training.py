"""The training curve: the loss as a small chart, and a table by epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from rich.table import Table
from rich.text import Text

from qatk.api import TrainEvent
from qatk.display import figure, in_blocks, interval, plain_table
from qatk_builtin.reporters.console.parts import EIGHTHS

HEIGHT = 4
"""Lines of the chart."""
AXIS = 13
"""Columns that its axis takes."""
MOST_EPOCHS = 12
"""How many epochs the table shows; of more, the first half and the last."""
SHARES = ("start_accuracy", "end_accuracy", "both_accuracy")


def loss_chart(events: Sequence[TrainEvent], width: int) -> Text | None:
    """The training loss from 0 to its highest, over the steps; ``None`` for fewer than two finite losses.

    Args:
        events: the events of a run; those of kind ``step`` count.
        width: columns that the chart may take, its axis included.
    """
    steps = [event for event in events if event.kind == "step" and math.isfinite(event.loss)]
    if len(steps) < 2:
        return None
    bars = _resample([event.loss for event in steps], max(10, width - AXIS))
    top = max(bars)
    if top <= 0:
        return None
    labels = [figure(top, 2), *[""] * (HEIGHT - 2), "0"]
    chart = Text()
    for level, label in zip(reversed(range(HEIGHT)), labels, strict=True):
        chart.append(f"{'loss' if label == labels[0] else '':4}{label:>7} ┤", "dim")
        chart.append("".join(_block(HEIGHT * bar / top - level) for bar in bars).rstrip() + "\n", "cyan")
    first, last = f"step {steps[0].step:,}", f"step {steps[-1].step:,}: {figure(steps[-1].loss, 2)}"
    gap = max(2, len(bars) - len(first) - len(last))
    return chart.append(f"{'':{AXIS}}{first}{' ' * gap}{last}", "dim")


def epochs(
    events: Sequence[TrainEvent], best: Mapping[str, object] | None = None, width: int = 200
) -> list[Table | Text]:
    """A table with a row an epoch and the dev figures after it, and what its columns mean; empty without epochs.

    Args:
        events: the events of a run; those of kind ``epoch`` count.
        best: ``metric`` and ``value`` of the epoch that was kept, as in the manifest.
        width: columns that there are; what is wider goes on below.
    """
    rows = [event for event in events if event.kind == "epoch"]
    if not rows:
        return []
    kept_column = [""] if len(rows) > 1 else []
    table = plain_table("epoch", "step", "loss", "dev\nloss", "start", "end", "both", "EM", "F1", *kept_column)
    table.padding = (0, 0, 0, 1)
    metric, value = (str(best["metric"]), best["value"]) if best else ("", None)
    kept = next((i for i, event in enumerate(rows) if best and event.metrics.get(metric) == value), -1)
    half = MOST_EPOCHS // 2
    for i, event in enumerate(rows):
        if len(rows) <= MOST_EPOCHS or i < half or i >= len(rows) - half or i == kept:
            mark = ["kept" if i == kept else ""] if len(rows) > 1 else []
            table.add_row(*_cells(event), *mark, style="bold" if mark == ["kept"] else "")
        elif i == half:
            table.add_row("…")
    if not any(name in event.metrics for event in rows for name in SHARES):
        return [*in_blocks(table, width)]
    return [*in_blocks(table, width), Text("start, end, both: per cent of dev windows that have it right", "dim")]


def _cells(event: TrainEvent) -> list[str | Text]:
    dev = event.metrics
    epoch = f"{event.epoch:g}" if event.epoch == int(event.epoch) else f"{event.epoch:.2f}"
    shares = [figure(100 * dev[name] if name in dev else None, 1) for name in SHARES]
    losses = [figure(event.loss, 2), figure(dev.get("dev_loss"), 2)]
    scores = [Text(figure(dev.get(name), 1)) for name in ("exact", "f1")]
    for name, cell in zip(("exact", "f1"), scores, strict=True):
        low, high = (dev.get(f"{name}_{end}", math.nan) for end in ("low", "high"))
        cell.append(f"\n{interval((low, high))}" if low <= high else "", "not bold dim")
    return [epoch, f"{event.step:,}", *losses, *shares, *scores]


def _resample(values: Sequence[float], width: int) -> list[float]:
    """Means of equal shares of the values, or each value several times: at most ``width`` of them."""
    n = len(values)
    if n <= width:
        return [value for value in values for _ in range(min(4, width // n))]
    edges = [n * i // width for i in range(width + 1)]
    return [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]


def _block(filled: float) -> str:
    return EIGHTHS[min(8, max(0, math.ceil(8 * filled)))]
