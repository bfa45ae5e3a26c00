"""The progress of a sweep on standard error: lines, or in a terminal one table over all its runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from qatk.cli.progress import is_live
from qatk.display.live import Works
from qatk.display.numbers import METRICS, clock, figure, headline
from qatk.display.tables import plain_table
from qatk.display.text import printable
from qatk.errors import counted
from qatk.sweeps.events import (
    Advanced,
    Begun,
    EpochEnded,
    Failed,
    Finished,
    Queued,
    Reused,
    RunEvent,
    StageBegun,
    Started,
    SweepEvent,
    Warned,
)

if TYPE_CHECKING:
    from qatk.sweeps.events import Listener

_STYLES = {"running": "cyan", "queued": "yellow", "finished": "green", "reused": "green", "failed": "red"}
_BESIDE = 4
"""Lines of a terminal that the rows of the table leave: its head, the line below it, and the prompt's."""


@contextmanager
def show_sweep() -> Iterator[Listener]:
    """Show the events of a sweep; one that has nothing to make shows nothing."""
    console = Console(stderr=True)
    if not is_live(console):
        yield _Lines()
        return
    table = RunTable()
    with Live(table, console=console, transient=True, refresh_per_second=4) as live:
        yield _Above(table, live.console)


@dataclass
class _Row:
    """What is known of a run."""

    state: str = "waiting"
    epoch: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    works: Works = field(default_factory=Works)

    def hear(self, event: RunEvent) -> None:
        """Take in what happened."""
        if isinstance(event, Queued | Reused | Started | Finished | Failed):
            self.state = "running" if isinstance(event, Started) else type(event).__name__.lower()
        if isinstance(event, Started | Queued | Finished | Failed):
            self.works = Works()
        if isinstance(event, StageBegun):
            self.works.progress(event.stage, 0, None)
        elif isinstance(event, Advanced):
            self.works.progress(event.what, event.done, event.total)
        elif isinstance(event, EpochEnded):
            self.epoch = event.epoch
        if isinstance(event, EpochEnded | Finished):
            self.metrics = event.metrics or self.metrics

    def left(self, now: float) -> float | None:
        """Seconds until the longest of its work is done, where somebody knows."""
        known = [left for work in self.works.works.values() if (left := work.left(now)) is not None]
        return max(known, default=None)

    def doing(self) -> str:
        """The stage that goes on."""
        return next(iter(self.works.works), "")


class RunTable:
    """All runs of a sweep: their states, epochs, EM and F1 so far, and the time that is left."""

    def __init__(self) -> None:
        self.rows: dict[str, _Row] = {}

    def __call__(self, event: SweepEvent) -> None:
        """Take in an event."""
        if isinstance(event, Begun):
            if any(not run.finished for run in event.runs):
                self.rows = {run.name: _Row() for run in event.runs}
        elif event.run.name in self.rows:
            self.rows[event.run.name].hear(event)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it; where there are more runs than lines, those at work first, and how many are not shown."""
        if not self.rows:
            return
        most = max(1, console.size.height - _BESIDE)
        order = sorted(self.rows, key=lambda name: self.rows[name].state not in ("running", "queued", "failed"))
        shown = set(order[:most])
        now = time.time()
        table = plain_table("run", "state", "epoch", *METRICS.values(), "left", left=(0, 1))
        for name, row in self.rows.items():
            if name in shown:
                table.add_row(
                    Text(printable(name), "bold" if row.state == "running" else ""),
                    Text(" ".join(filter(None, (row.state, row.doing()))), _STYLES.get(row.state, "dim")),
                    "" if row.epoch is None else f"{row.epoch:g}",
                    *(figure(row.metrics.get(key), 1) if key in row.metrics else "" for key in METRICS),
                    clock(left) if (left := row.left(now)) else "",
                )
        yield table
        yield Text(self.summary(len(self.rows) - len(shown)), "dim")

    def summary(self, hidden: int = 0) -> str:
        """How many runs are in which state."""
        states = [row.state for row in self.rows.values()]
        said = [f"{states.count(state)} {state}" for state in dict.fromkeys(sorted(states))]
        return ", ".join([counted(len(states), "run"), *said, *([f"{hidden} not shown"] if hidden else [])])


class _Above:
    """The table, with what should stay printed above it."""

    def __init__(self, table: RunTable, console: Console) -> None:
        self.table, self.console = table, console

    def __call__(self, event: SweepEvent) -> None:
        self.table(event)
        if isinstance(event, Begun | Failed | Warned) and (text := _text(event)):
            self.console.print(printable(text), markup=False, highlight=False)


class _Lines:
    """A line for each event but the steps within a stage."""

    def __init__(self) -> None:
        self.table = RunTable()

    def __call__(self, event: SweepEvent) -> None:
        self.table(event)
        if text := _text(event):
            left = self.table.rows[event.run.name].left(time.time()) if isinstance(event, EpochEnded) else None
            sys.stderr.write(f"{printable(text)}{f', {clock(left)} left' if left else ''}\n")
            sys.stderr.flush()


def _text(event: SweepEvent) -> str:
    """What a line says of an event; nothing of the steps within a stage."""
    if isinstance(event, Begun):
        there = sum(run.finished for run in event.runs)
        missing = len(event.runs) - there
        return f"{len(event.runs)} runs, {there} of them there already, {missing} to make" if missing else ""
    if isinstance(event, Failed):
        return f"failed: {event.run.name}: {event.message}"
    said = ""
    if isinstance(event, StageBegun):
        said = event.stage
    elif isinstance(event, Queued):
        said = f"queued: {event.why}" if event.why else "queued"
    elif isinstance(event, EpochEnded):
        said = ", ".join([f"epoch {event.epoch:g}", *headline(event.metrics)])
    elif isinstance(event, Warned):
        said = f"warning: {event.message}"
    elif isinstance(event, Finished):
        said = "finished"
    return f"{event.run.name}: {said}" if said else ""
