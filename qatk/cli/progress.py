"""Progress on standard error: a view in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleRenderable, RenderHook

from qatk.errors import visible
from qatk.progress import listen

if TYPE_CHECKING:
    from rich.live import Live


@contextmanager
def show_progress(title: str = "", results: Console | None = None) -> Iterator[None]:
    """Show the progress of everything made inside this block: in a terminal as a view, elsewhere as lines.

    The view goes before the first line is printed to ``results``, which may be the same terminal: it would be drawn
    over the report.
    """
    from rich.live import Live

    from qatk.display.live import LiveView
    from qatk.memory import peak_memory

    console = Console(stderr=True)
    if not console.is_terminal:
        with listen(Lines()):
            yield
        return
    view = LiveView(title, peak_memory)
    with (
        Live(view, console=console, transient=True) as live,
        listen(view.works.progress, events=view.events.append, notices=view.notices.append),
        _away(live, results),
    ):
        yield


@contextmanager
def _away(shown: Live, results: Console | None) -> Iterator[None]:
    """Take away what is shown as soon as anything is printed to ``results``."""
    if results is None:
        yield
        return
    results.push_render_hook(_Away(shown))
    try:
        yield
    finally:
        results.pop_render_hook()


class _Away(RenderHook):
    def __init__(self, shown: Live) -> None:
        self.shown = shown

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        self.shown.stop()
        return renderables


class Lines:
    """A line at the start of each piece of work, and at every tenth of it, with the time that is left."""

    def __init__(self) -> None:
        self.last: dict[str, int] = {}
        self.begun: dict[str, tuple[float, int]] = {}

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """Write a line, if one is due."""
        what = visible(what)
        begun, before = self.begun.setdefault(what, (time.monotonic(), done))
        tenth = 10 * done // total if total else 0
        if self.last.get(what, -1) < tenth or (done == 0 and what not in self.last):
            self.last[what] = tenth
            with suppress(OSError):  # a run does not end because nobody can be told how far it came
                left = _left(time.monotonic() - begun, done - before, total - done) if total else ""
                sys.stderr.write(f"{what}: {done}/{total}{left}\n" if total else f"{what}\n")
                sys.stderr.flush()


def _left(seconds: float, done: int, due: int) -> str:
    """``, 3 min left``, after so many seconds for what is done; nothing while it is less than a minute."""
    minutes = round(seconds * due / done / 60) if done > 0 else 0
    hours, rest = divmod(minutes, 60)
    return f", {hours} h {rest} min left" if hours else f", {minutes} min left" if minutes else ""
