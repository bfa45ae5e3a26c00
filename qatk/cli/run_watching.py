"""The view of a run of another process: in a terminal as ``qatk run`` shows it, elsewhere as lines."""

from __future__ import annotations

import time
from contextlib import nullcontext
from pathlib import Path

from rich.console import Console
from rich.live import Live

from qatk.cli.progress import Lines, is_live
from qatk.display.live import LiveView, Works
from qatk.run_folder.watching import Sight, Watched


def watch(folder: Path) -> Sight:
    """Show a run until it ends; how it stands then.

    Raises:
        RunFolderError: it is no run folder, or damaged.
    """
    watched, console = Watched(folder), Console(stderr=True)
    sight = watched.look()
    shown = _View(sight.name) if is_live(console) else _Log()
    with Live(shown.view, console=console, transient=True) if isinstance(shown, _View) else nullcontext():
        while sight.state == "running":
            shown.show(sight)
            time.sleep(watched.every_s)
            sight = watched.look()
    if isinstance(shown, _Log):
        shown.show(sight)
    return sight


class _View:
    """The view in a terminal."""

    def __init__(self, title: str) -> None:
        self._memory = 0
        self.view = LiveView(title, lambda: self._memory)

    def show(self, sight: Sight) -> None:
        """Show how the run stands."""
        self.view.title, self.view.works = sight.name, Works.of(sight.noted.get("works"))
        self.view.events = [event.plain() for event in sight.events]
        memory = sight.noted.get("memory")
        self._memory = memory if isinstance(memory, int) else 0


class _Log:
    """A line for each stage, each tenth of its work, and each epoch."""

    def __init__(self) -> None:
        self._lines, self._epochs = Lines(), 0

    def show(self, sight: Sight) -> None:
        """Write what is new."""
        for work in Works.of(sight.noted.get("works")).works.values():
            self._lines(work.name, work.done, work.total)
        epochs = [event for event in sight.events if event.kind == "epoch"]
        for event in epochs[self._epochs :]:
            self._lines.epoch(event.epoch, event.metrics)
        self._epochs = len(epochs)
