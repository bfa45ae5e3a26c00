"""Bookkeeping of a run: stages that are timed and remembered, trackers that cannot stop it."""

from __future__ import annotations

import os
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from qatk.errors import QatkWarning, UsageError
from qatk.plugins.registered import Part
from qatk.progress import advance
from qatk.run_folder.folder import RunFolder

PATIENCE, PATIENCE_S = "QATK_TRACKER_SECONDS", 30
"""The environment variable that says how long a tracker may take, and seconds where it says nothing."""


class Stages:
    """The stages that this execution ran, kept in the folder's manifest.

    Attributes:
        executed: names of the stages that were completed now, not in an earlier execution.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.executed: list[str] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[dict[str, float]]:
        """Time a stage. What the block counts in the dict, and that it was completed, goes into the manifest."""
        counts: dict[str, float] = {}
        advance(name, 0)
        began = time.perf_counter()
        yield counts
        seconds = time.perf_counter() - began
        manifest = self.folder.manifest
        if name == "data" and name in manifest["stages"]:
            return
        self.executed.append(name)
        manifest["stages"][name] = {"seconds": seconds, "counts": counts}
        manifest["peak_memory_bytes"] = max(peak_memory(), manifest.get("peak_memory_bytes", 0))
        self.folder.save()

    def skip(self, *names: str) -> None:
        """Say of the stages that were completed by an earlier execution that they are skipped."""
        for name in names:
            if self.folder.done(name):
                advance(f"{name}: done earlier, skipped", 0)


class Trackers:
    """The trackers of a run; one that fails, or does not come back in time, is warned of and switched off.

    Each works in a thread of its own, which the run waits for, so that one that hangs can be left behind.

    Args:
        parts: the live trackers.
        patience: seconds that a call may take; those of ``$QATK_TRACKER_SECONDS`` where it is not given.
    """

    def __init__(self, parts: Iterable[Part], patience: float | None = None) -> None:
        self.patience = _patience(os.environ) if patience is None else patience
        self.active = [(part, _Thread()) for part in parts]

    def tell(self, method: str, *arguments: Any) -> None:
        """Call a method of every active tracker."""
        for part, thread in list(self.active):
            try:
                with redirect_stdout(sys.stderr):  # here, for what hangs in the thread would never give it back
                    in_time = thread.run(partial(_call, part, method, arguments), self.patience)
                if not in_time:
                    raise TimeoutError(f"{method}() did not come back within {self.patience:g} s")
            except Exception as error:
                self.active.remove((part, thread))
                warnings.warn(f"{part.registered} failed and is switched off: {error!r}", QatkWarning, stacklevel=2)


def _call(part: Part, method: str, arguments: tuple[Any, ...]) -> None:
    with part.during(method) as instance:
        getattr(instance, method)(*arguments)


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


def peak_memory() -> int:
    """The most memory that this process has held so far, in bytes of resident set."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
