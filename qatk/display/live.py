"""A run while it goes on, as a terminal shows it: bars, the loss as a line, dev figures by epoch, speed, memory."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from qatk.display.numbers import METRICS, byte_size, clock, figure
from qatk.display.tables import bar
from qatk.display.text import printable

_SPARKS = "▁▂▃▄▅▆▇█"
_EPOCHS = 6
"""How many of the last epochs are shown."""
_LONGEST_NAME, _LONGEST_BAR, _LONGEST_SPARK = 24, 40, 60


@dataclass
class Work:
    """A stage of a run, or a piece of work in it.

    Attributes:
        name: what it is.
        done, total: how far it is; the total is ``None`` where nobody knows.
        first: what was done when it was first heard of: a resumed training begins in the middle.
        began: when that was, in seconds since the epoch.
        ended: when all was done.
    """

    name: str
    done: int
    total: int | None
    first: int
    began: float
    ended: float | None = None

    def left(self, now: float) -> float | None:
        """Seconds until it is done, at the speed so far; ``None`` where nobody knows."""
        if self.total is None or self.done <= self.first:
            return None
        return (now - self.began) / (self.done - self.first) * (self.total - self.done)

    @property
    def tenth(self) -> int:
        """How many tenths are done; 0 where nobody knows."""
        return 10 * self.done // self.total if self.total else 0


class Works:
    """The stage that goes on, and the pieces of work in it."""

    def __init__(self, works: Sequence[Work] = ()) -> None:
        self.works = {work.name: work for work in works}

    def progress(self, what: str, done: int, total: int | None) -> None:
        """Hear of progress: :data:`qatk.progress.Listener`. A stage that begins ends those before it."""
        if what not in self.works:
            if total is None and not done:
                self.works = {}
            self.works = {**self.works, what: Work(what, done, total, done, time.time())}
        work = self.works[what]
        if done < work.done or work.total not in (None, total):  # again, as the predictions of the next epoch
            work.first, work.began, work.ended = done, time.time(), None
        work.done, work.total = done, total
        if done == total and work.ended is None:
            work.ended = time.time()

    def plain(self) -> list[dict[str, object]]:
        """As JSON has it."""
        return [asdict(work) for work in self.works.values()]

    @classmethod
    def of(cls, plain: object) -> Works:
        """What :meth:`plain` gave; nothing where it is something else."""
        try:
            return cls([Work(**work) for work in plain] if isinstance(plain, list) else [])
        except TypeError:
            return cls()


class LiveView:
    """What is known of a run, drawn at whatever width there is. Its parts may be set from another thread.

    Args:
        title: of the run; an empty one is not shown.
        memory: gives the bytes that the run holds; 0 where nobody knows.
    """

    def __init__(self, title: str, memory: Callable[[], int] = lambda: 0) -> None:
        self.title, self.memory = title, memory
        self.works = Works()
        self.events: list[Mapping[str, object]] = []
        self.notices: list[str] = []

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it, no line longer than the width."""
        for line in self.lines(options.max_width, time.time()):
            line.no_wrap, line.overflow = True, "ellipsis"
            yield line

    def lines(self, width: int, now: float) -> Iterator[Text]:
        """Its lines at a width, at a time in seconds since the epoch."""
        if self.title:
            yield Text(printable(self.title), "bold")
        works = list(self.works.works.values())
        names = max((min(len(work.name), _LONGEST_NAME) for work in works), default=0)
        for work in works:
            yield _work_line(work, names, width, now)
        events = list(self.events)
        if steps := [event for event in events if event.get("kind") == "step"]:
            yield _loss_line(steps, width)
            yield _speed_line(steps[-1], self.memory())
        if epochs := [event for event in events if event.get("kind") == "epoch" and event.get("metrics")]:
            yield from _epoch_lines(epochs, width)
        for notice in list(self.notices):
            yield Text(printable(notice), "yellow")


def _work_line(work: Work, names: int, width: int, now: float) -> Text:
    name = printable(work.name)[:_LONGEST_NAME].ljust(names)
    took = clock((work.ended or now) - work.began)
    if work.total is None:
        return Text.assemble(name, "  ", (f"{work.done:,}  {took}" if work.done else took, "dim"))
    left = work.left(now)
    said = f"{work.done:,}/{work.total:,}  {took}" + (f", {clock(left)} left" if left else "")
    room = max(min(width - names - len(said) - 4, _LONGEST_BAR), 8)
    return Text.assemble(name, "  ", bar(100 * work.done / max(work.total, 1), room), "  ", (said, "dim"))


def _number(event: Mapping[str, object], name: str) -> float:
    value = event.get(name)
    return float(value) if isinstance(value, int | float) else math.nan


def _loss_line(steps: Sequence[Mapping[str, object]], width: int) -> Text:
    losses = [_number(event, "loss") for event in steps]
    last = figure(losses[-1], 3)
    room = min(width - len("loss    ") - len(last), _LONGEST_SPARK)
    return Text.assemble("loss  ", (sparkline(losses, room), "cyan"), "  ", last)


def sparkline(values: Sequence[float], width: int) -> str:
    """Values as one line of bars, lowest to highest; means where there are more than ``width``, a blank for NaN."""
    size = max(math.ceil(len(values) / max(width, 1)), 1)
    parts = [[v for v in values[i : i + size] if math.isfinite(v)] for i in range(0, len(values), size)]
    means = [sum(part) / len(part) if part else math.nan for part in parts]
    known = [mean for mean in means if not math.isnan(mean)]
    if not known:
        return " " * len(means)
    low, span = min(known), (max(known) - min(known)) or 1.0
    return "".join(" " if math.isnan(m) else _SPARKS[round((m - low) / span * (len(_SPARKS) - 1))] for m in means)


def _speed_line(step: Mapping[str, object], memory: int) -> Text:
    said = [
        f"epoch {figure(_number(step, 'epoch'), 2)}",
        f"{figure(_number(step, 'examples_per_second'), 1)} windows/s",
        f"rate {_number(step, 'learning_rate'):.1e}",
    ]
    if memory:
        said.append(f"memory {byte_size(memory)}")
    return Text(", ".join(said), "dim")


def _epoch_lines(epochs: Sequence[Mapping[str, object]], width: int) -> Iterator[Text]:
    metrics = [event["metrics"] if isinstance(event.get("metrics"), Mapping) else {} for event in epochs]
    rows = [{key: _number(of, key) for key in METRICS} for of in metrics if isinstance(of, Mapping)]
    best = max((row["f1"] for row in rows if not math.isnan(row["f1"])), default=math.nan)
    heads = "".join(f"{name:>7}" for name in METRICS.values())
    yield Text(f"dev epoch{heads}", "dim")
    room = min(max(width - len(f"dev epoch{heads}") - 8, 0), _LONGEST_BAR)
    first = next((i for i, row in enumerate(rows) if row["f1"] == best), -1) if len(rows) > 1 else -1
    for i, (event, row) in list(enumerate(zip(epochs, rows, strict=True)))[-_EPOCHS:]:
        figures = "".join(f"{figure(value, 1):>7}" for value in row.values())
        mark = "  best" if i == first else ""
        yield Text.assemble(
            f"{_number(event, 'epoch'):>9g}{figures}  ", bar(row["f1"], room) if room >= 8 else "", mark
        )
