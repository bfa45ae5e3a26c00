"""A time limit for code that may hang, and what it writes to standard output."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from types import FrameType

SECONDS = 60.0
"""How long one check may take where nobody says otherwise; each takes a second or so."""
_AGAIN = 1.0
"""Seconds after which code that swallows :class:`OutOfTime` gets it again."""


class OutOfTime(BaseException):
    """Raised inside of code that ran too long. No ``Exception``, since components catch those."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise :class:`OutOfTime` in the body after this many seconds.

    It needs the main thread and a system with interval timers; elsewhere there is no limit. A timer that was set before
    is set again afterwards.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise OutOfTime(f"no result after {seconds:g} seconds")

    began, handler = time.monotonic(), signal.signal(signal.SIGALRM, ring)
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - began), 0.001), interval)


class Printed:
    """What was written to standard output; ``text`` is known after :func:`capturing`."""

    text = ""


@contextmanager
def capturing() -> Iterator[Printed]:
    """Catch what the body writes to standard output, by Python's ``print`` or by the file descriptor itself."""
    found, printed = Printed(), StringIO()
    sys.stdout.flush()
    with tempfile.TemporaryFile() as file:
        kept = os.dup(1)
        os.dup2(file.fileno(), 1)
        try:
            with redirect_stdout(printed):
                yield found
        finally:
            os.dup2(kept, 1)
            os.close(kept)
            file.seek(0)
            found.text = printed.getvalue() + file.read().decode(errors="replace")
