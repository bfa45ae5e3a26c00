"""Progress of long stages: a component reports, whoever runs it decides what is shown.

A component wraps its loop in :func:`track`; outside a run that costs nothing and prints nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")

Listener = Callable[[str, int, int | None], None]
"""Called with what is being done, how much of it is done, and how much there is (``None``: unknown)."""

_listener: ContextVar[Listener | None] = ContextVar("qatk_progress", default=None)


@contextmanager
def listen(listener: Listener) -> Iterator[None]:
    """Send the progress of everything run inside this block to ``listener``."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def advance(what: str, done: int, total: int | None = None) -> None:
    """Report that ``done`` of ``total`` units of ``what`` are finished."""
    if listener := _listener.get():
        listener(what, done, total)


def track(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Yield the items, reporting after each one."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    for done, item in enumerate(items, 1):
        yield item
        advance(what, done, total)
