"""Trackers that cannot stop a run once it has begun."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from qatk.errors import QatkWarning, UsageError
from qatk.plugins.live import LiveTracker
from qatk.plugins.protocols import Plain
from qatk.results.run import RunResult
from qatk.run_folder.manifest import how_it_ended
from qatk.types import TrainEvent

PATIENCE, PATIENCE_S = "QATK_TRACKER_SECONDS", 30
"""The environment variable that says how long a tracker may take, and seconds where it says nothing."""
_AT_THE_END = 20
"""How many times as long it may take when the run is over: it may have to send a model."""


class Trackers:
    """The trackers of a run; one that fails, or does not come back in time, is warned of and switched off.

    One that cannot even start is a mistake to mend first: a run of hours should not go untracked for it.

    Each works in a thread of its own, which the run waits for, so that one that hangs can be left behind.
    ``$QATK_TRACKER_SECONDS`` says how long a call may take.
    """

    def __init__(self, trackers: Iterable[LiveTracker]) -> None:
        self.patience = _patience(os.environ)
        self._waiting = [(tracker, _Thread()) for tracker in trackers]
        self.active: list[tuple[LiveTracker, _Thread]] = []

    def start(self, manifest: Mapping[str, Plain], folder: Path) -> None:
        """Tell every tracker that the run begins.

        Raises:
            UsageError: one fails.
        """
        for tracker, thread in self._waiting:
            try:
                self._call(tracker, thread, "start", lambda of: of.start(manifest, folder), self.patience)
            except UsageError:
                raise
            except Exception as error:
                fix = "mend what it needs, or leave it out of the recipe's trackers; then run the same command again"
                raise UsageError(f"{tracker.registered} cannot start: {error!r}", fix=fix) from error
            self.active.append((tracker, thread))

    def event(self, event: TrainEvent) -> None:
        """Tell every active tracker of a training event."""
        self._tell("event", lambda tracker: tracker.event(event))

    def finish(self, result: RunResult) -> None:
        """Tell every active tracker that the run is scored and reported; it hears nothing more."""
        self._tell("finish", lambda tracker: tracker.finish(result), _AT_THE_END)
        self.active.clear()

    @contextmanager
    def hearing_the_end(self) -> Iterator[None]:
        """Tell every tracker that was started if the block ends by an error or a signal."""
        try:
            yield
        except BaseException as error:
            ended = how_it_ended(error)
            self._tell("abandon", lambda tracker: tracker.abandon(ended.how == "failed", ended.why))
            raise

    def _call(
        self, tracker: LiveTracker, thread: _Thread, method: str, call: Callable[[LiveTracker], None], seconds: float
    ) -> None:
        with redirect_stdout(sys.stderr):  # here, for what hangs in the thread would never give it back
            in_time = thread.run(partial(call, tracker), seconds)
        if not in_time:
            raise TimeoutError(f"{method}() did not come back within {seconds:g} s")

    def _tell(self, method: str, call: Callable[[LiveTracker], None], times: int = 1) -> None:
        for tracker, thread in list(self.active):
            try:
                self._call(tracker, thread, method, call, times * self.patience)
            except Exception as error:
                self.active.remove((tracker, thread))
                warnings.warn(f"{tracker.registered} failed and is switched off: {error!r}", QatkWarning, stacklevel=3)


class _Thread:
    """A thread that does one thing after another, and does not keep the process from ending."""

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._done: SimpleQueue[Exception | None] = SimpleQueue()
        self._started = False

    def run(self, work: Callable[[], None], seconds: float) -> bool:
        """Whether the work was done in time; raises what it raised."""
        if not self._started:
            Thread(target=self._loop, daemon=True).start()
            self._started = True
        self._work.put(work)
        try:
            error = self._done.get(timeout=seconds)
        except Empty:
            return False
        if error is not None:
            raise error
        return True

    def _loop(self) -> None:
        while True:
            try:
                self._work.get()()
                self._done.put(None)
            except BaseException as error:
                self._done.put(error if isinstance(error, Exception) else RuntimeError(repr(error)))


def _patience(environ: Mapping[str, str]) -> float:
    text = environ.get(PATIENCE, str(PATIENCE_S))
    with suppress(ValueError):
        if (seconds := float(text)) > 0:
            return seconds
    raise UsageError(f"{text!r} is no number of seconds above 0", where=PATIENCE, fix=f"the default is {PATIENCE_S}")
