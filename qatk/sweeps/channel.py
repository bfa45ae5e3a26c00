"""The file by which a run reports to the sweep that started it, on whatever machine: one JSON object a line.

The sweep names the file in the environment variable :data:`VARIABLE`. A line is ``{"event": KIND, ...}`` with fields
of that event in :mod:`qatk.sweeps.events`, all but ``run``. An attempt that follows another one adds its lines.
"""

from __future__ import annotations

import json
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import closing, contextmanager, suppress
from io import FileIO
from pathlib import Path

from qatk.errors import QatkError, QatkWarning, UsageError
from qatk.plugins.attribution import explain
from qatk.progress import listen
from qatk.sweeps.events import Advanced, EpochEnded, Failed, Finished, Piece, RunEvent, StageBegun, Warned

VARIABLE = "QATK_EVENTS"
"""The environment variable that names the file."""

_KINDS: Mapping[str, type[RunEvent]] = {
    "stage": StageBegun,
    "progress": Advanced,
    "epoch": EpochEnded,
    "warning": Warned,
    "finished": Finished,
    "failed": Failed,
}
_EVERY = 0.1
"""Seconds between two reports of the same progress; the last one of all is always sent."""


def read_event(run: Piece, line: str) -> RunEvent | None:
    """The event on a line; ``None`` where the line is cut short, as by a process that was killed."""
    try:
        values = json.loads(line)
        return _KINDS[values.pop("event")](run, **values)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


@contextmanager
def reporting(
    environ: MutableMapping[str, str] = os.environ,
) -> Iterator[Callable[[Mapping[str, float]], None] | None]:
    """Report the run made inside this block to the sweep that started this process.

    Progress, epochs, warnings and an exception are sent as they come. The block calls what it is given with the
    metrics of the finished run; it is given ``None`` where no sweep listens. What cannot be sent, as to a full disk, is
    lost: the run goes on.

    Raises:
        UsageError: where :data:`VARIABLE` names a file that cannot be opened.
    """
    if (name := environ.pop(VARIABLE, None)) is None:  # popped: the run's own processes report nothing
        yield None
        return
    with closing(_Report(_open(name))) as report:
        shown = warnings.showwarning
        warnings.showwarning = report.warning(shown)
        try:
            with listen(report.progress, report.epoch):
                yield lambda metrics: report.send("finished", metrics=dict(metrics))
        except BaseException as error:
            report.send("failed", message=_said(error))
            raise
        finally:
            warnings.showwarning = shown


def _open(name: str) -> FileIO:
    try:
        return Path(name).open("ab", buffering=0)
    except OSError as error:
        fix = "this machine needs to reach the folder of the runs under the same name, and to write there"
        raise UsageError(f"{name} cannot be written: {error.strerror}", where=VARIABLE, fix=fix) from None


def _said(error: BaseException) -> str:
    if isinstance(error, QatkError):
        return str(error)
    return (isinstance(error, Exception) and explain(error)) or f"{type(error).__name__}: {error}"


class _Report:
    def __init__(self, file: FileIO) -> None:
        self.file = file
        self.sent: dict[str, float] = {}

    def send(self, kind: str, **values: object) -> None:
        with suppress(OSError):
            self.file.write(json.dumps({"event": kind, **values}).encode() + b"\n")

    def close(self) -> None:
        with suppress(OSError):
            self.file.close()

    def progress(self, what: str, done: int, total: int | None) -> None:
        if done == 0 and total is None:
            self.send("stage", stage=what)
        elif done == total or time.monotonic() - self.sent.get(what, float("-inf")) >= _EVERY:
            self.sent[what] = time.monotonic()
            self.send("progress", what=what, done=done, total=total)

    def epoch(self, epoch: float, metrics: Mapping[str, float]) -> None:
        self.send("epoch", epoch=epoch, metrics=dict(metrics))

    def warning(self, show: Callable[..., None]) -> Callable[..., None]:
        """Show warnings as before, and send qatk's own."""

        def sent(message: Warning | str, *rest: object, **options: object) -> None:
            if isinstance(message, QatkWarning):
                self.send("warning", message=str(message))
            show(message, *rest, **options)

        return sent
