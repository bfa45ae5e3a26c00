"""The progress of a sweep on standard error: lines, or in a terminal a bar for each run in progress."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from qatk.display.numbers import METRICS
from qatk.display.text import printable
from qatk.sweeps.events import (
    Advanced,
    Begun,
    EpochEnded,
    Failed,
    Finished,
    RunEvent,
    StageBegun,
    SweepEvent,
    Warned,
)

if TYPE_CHECKING:
    from qatk.sweeps.events import Listener


@contextmanager
def show_sweep() -> Iterator[Listener]:
    """Show the events of a sweep; one that has nothing to make shows nothing."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _show_line
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Bars(progress)


def _show_line(event: SweepEvent) -> None:
    if text := _text(event):
        sys.stderr.write(f"{printable(text)}\n")
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
    elif isinstance(event, EpochEnded):
        figures = [f"{name} {event.metrics[key]:.1f}" for key, name in METRICS.items() if key in event.metrics]
        said = ", ".join([f"epoch {event.epoch:g}", *figures])
    elif isinstance(event, Warned):
        said = f"warning: {event.message}"
    elif isinstance(event, Finished):
        said = "finished"
    return f"{event.run.name}: {said}" if said else ""


class _Bars:
    """A bar for each run in progress; what should stay is printed above them."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.tasks: dict[str, TaskID] = {}

    def __call__(self, event: SweepEvent) -> None:
        if isinstance(event, Begun | Failed | Warned) and (text := _text(event)):
            self.progress.console.print(printable(text), markup=False, highlight=False)
        if isinstance(event, Finished | Failed):
            self.progress.update(self._task(event), visible=False)
        elif isinstance(event, StageBegun):
            self._show(event, event.stage, 0, None)
        elif isinstance(event, Advanced):
            self._show(event, event.what, event.done, event.total)

    def _show(self, event: RunEvent, what: str, done: int, total: int | None) -> None:
        description = escape(printable(f"{event.run.name}: {what}"))
        self.progress.update(self._task(event), description=description, completed=done, total=total, visible=True)

    def _task(self, event: RunEvent) -> TaskID:
        name = event.run.name
        if name not in self.tasks:
            self.tasks[name] = self.progress.add_task(escape(name), total=None, visible=False)
        return self.tasks[name]
