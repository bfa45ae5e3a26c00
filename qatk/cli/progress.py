"""Progress on standard error: a view in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleRenderable, RenderHook

from qatk.display.live import LiveView, Works
from qatk.display.numbers import headline
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

    from qatk.memory import peak_memory

    console = Console(stderr=True)
    if not is_live(console):
        lines = Lines()
        with listen(lines, lines.epoch):
            yield
        return
    view = LiveView(title, peak_memory)
    with (
        Live(view, console=console, transient=True) as live,
        listen(view.works.progress, events=view.events.append, notices=view.notices.append),
        _away(live, results),
    ):
        yield


def is_live(console: Console) -> bool:
    """Whether it is a terminal where what is shown can be redrawn; ``FORCE_COLOR`` makes no terminal of a file."""
    return console.is_terminal and console.file.isatty() and not console.is_dumb_terminal


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
    """A line at the start of each piece of work, at every tenth of it, with the time that is left, and each epoch."""

    def __init__(self) -> None:
        self.works = Works()

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """Write a line, if one is due."""
        before = self.works.works.get(what)
        last = None if before is None else (before.began, before.tenth)
        self.works.progress(what, done, total)
        work = self.works.works[what]
        if last != (work.began, work.tenth):
            left = _left(work.left(time.time()) or 0)
            _write(f"{visible(what)}: {done}/{total}{left}" if total else visible(what))

    def epoch(self, epoch: float, metrics: Mapping[str, float]) -> None:
        """Write the dev figures of a finished epoch: :data:`qatk.progress.EpochListener`."""
        _write(", ".join([f"epoch {epoch:g}", *headline(metrics)]))


def _write(line: str) -> None:
    with suppress(OSError):  # a run does not end because nobody can be told how far it came
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def _left(seconds: float) -> str:
    """``, 3 min left``; nothing while it is less than a minute."""
    hours, rest = divmod(round(seconds / 60), 60)
    return f", {hours} h {rest} min left" if hours else f", {rest} min left" if rest else ""
