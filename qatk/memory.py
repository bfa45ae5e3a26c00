"""The memory that this process takes, and its garbage collector."""

from __future__ import annotations

import gc
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak_memory() -> int:
    """The most memory that this process has held so far, in bytes of resident set.

    On Linux, ``ru_maxrss`` also counts what the process that started this one held.
    """
    if _STATUS.exists() and (found := _STATUS.read_text().partition("VmHWM:")[2].split()):  # gVisor has no such line
        return int(found[0]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


@contextmanager
def without_collector() -> Iterator[None]:
    """Do something that makes many objects and no cycles: the collector would walk them again and again.

    It takes half of the time of reading a large file, and a third of that of checking it.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
