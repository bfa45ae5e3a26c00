"""Python's cyclic garbage collector, kept from walking what only grows."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


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
