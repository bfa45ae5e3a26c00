"""Signals that are handled by other means for a while."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def handling(
    handler: Callable[[int, FrameType | None], object], *numbers: signal.Signals
) -> Iterator[Callable[[], None]]:
    """Have a handler take these signals within the block, and after it what took them before.

    Only the main thread may say how signals are handled: in another one nothing changes. Gives what ends the handling
    early.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    before = {number: signal.signal(number, handler) for number in numbers}

    def restore() -> None:
        for number, former in before.items():
            if former is not None:  # not one that C code set
                signal.signal(number, former)

    try:
        yield restore
    finally:
        restore()
