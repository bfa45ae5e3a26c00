"""Signals that end a run: a training after the current step, with its state saved; a second one at once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from qatk.errors import ProcessLost, Requeue
from qatk.progress import notice, pausing
from qatk.run_folder.folder import is_first_process
from qatk.signals import handling
from qatk.spelling import spelled

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1]
"""Those that ask for a pause."""
ECHO_S = 2.0
"""Seconds in which one of several processes takes another signal for the same: a terminal or a scheduler signals all
processes, and the launcher passes on what it got itself."""
_SAID = "stopping after this step; the same signal again stops at once"


class Pause:
    """Whether a signal asked for a pause.

    Attributes:
        signal: the first that came.
        since: when it came, in seconds of :func:`time.monotonic`.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self.since = 0.0

    @property
    def requested(self) -> bool:
        """Whether to stop."""
        return self.signal is not None

    def end(self, step: int) -> None:
        """End the run by the signal that came, now that all is saved; outside of :func:`pausing_on_signals`.

        Raises:
            Requeue: for SIGUSR1, with which batch schedulers announce the end of a job's time.
            KeyboardInterrupt: as the handlers of SIGINT and SIGTERM do that were there before.
            SystemExit: where nobody handles the signal, as SIGHUP, with 128 and its number, as a shell sees it.
            ProcessLost: the signal came to another process of this run.
        """
        if self.signal is None:
            raise ProcessLost(f"another process of this run was stopped at step {step}, saved", fix=_going_on())
        if self.signal is signal.SIGUSR1:
            raise Requeue(f"stopped by {self.signal.name} at step {step}, saved", fix=_going_on())
        if signal.getsignal(self.signal) is signal.SIG_DFL:
            raise SystemExit(128 + self.signal)  # not by the signal: what holds the folder is given back
        signal.raise_signal(self.signal)


def _going_on() -> str:
    return f"repeat the call with {spelled('resume', True)} to continue from there"


class _Stopped(KeyboardInterrupt):
    """SIGUSR1, which nothing that bears the failure of a part may take for one."""


@contextmanager
def requeuing() -> Iterator[None]:
    """End the block by SIGUSR1 too, at once, but for a training inside it that pauses.

    Raises:
        Requeue: the signal came.
    """
    if signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN:
        yield
        return

    def stop(*_: object) -> None:
        raise _Stopped

    try:
        with handling(stop, signal.SIGUSR1):
            yield
    except _Stopped:
        raise Requeue(f"stopped by {signal.SIGUSR1.name}, what was complete is saved", fix=_going_on()) from None


@contextmanager
def pausing_on_signals(*, active: bool) -> Iterator[Pause]:
    """Note signals inside the block, for trainers to ask; those that were to be ignored still are.

    Args:
        active: whether the trainer pauses. If not, or in another thread than the main one, signals do what they did.
    """
    pause = Pause()
    if not active:
        yield pause
        return

    def note(number: int, _: FrameType | None) -> None:
        if pause.requested:
            if "RANK" in os.environ and time.monotonic() - pause.since < ECHO_S:
                return
            restore()
            signal.raise_signal(number)
            return
        pause.signal, pause.since = signal.Signals(number), time.monotonic()
        if is_first_process() and not notice(_SAID):
            with suppress(OSError):
                os.write(2, f"\n{_SAID}\n".encode())  # a stream may be in the middle of writing

    heeded = [number for number in SIGNALS if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    with handling(note, *heeded) as restore, pausing(lambda: pause.requested):
        yield pause
