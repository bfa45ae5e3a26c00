"""Progress of long stages: components report it, and whoever runs them decides what to show.

A component wraps its loop in :func:`track`; outside a run, this costs nothing and prints nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")

Listener = Callable[[str, int, int | None], None]
"""Called with the name of the work, the amount done, and the total (``None`` if unknown)."""

EpochListener = Callable[[float, Mapping[str, float]], None]
"""Called with the number of finished epochs and the metrics of the dev data."""

EventListener = Callable[[Mapping[str, object]], None]
"""Called with the fields of each :class:`qatk.api.TrainEvent` but its scores, EM and F1 included."""

NoticeListener = Callable[[str], None]
"""Called with what the user should see at once, also from a signal's handler: it may do no more than note it."""

_listener: ContextVar[Listener | None] = ContextVar("qatk_progress", default=None)
_pause: ContextVar[Callable[[], bool] | None] = ContextVar("qatk_pause", default=None)
_epoch_listener: ContextVar[EpochListener | None] = ContextVar("qatk_epochs", default=None)
_event_listener: ContextVar[EventListener | None] = ContextVar("qatk_events", default=None)
_notice_listener: ContextVar[NoticeListener | None] = ContextVar("qatk_notices", default=None)


@contextmanager
def listen(
    listener: Listener,
    epochs: EpochListener | None = None,
    events: EventListener | None = None,
    notices: NoticeListener | None = None,
) -> Iterator[None]:
    """Send the progress of everything inside this block to ``listener``.

    Finished epochs go to ``epochs``, all events of trainings to ``events``, and notices to ``notices``.
    """
    tokens = (
        _listener.set(listener),
        _epoch_listener.set(epochs),
        _event_listener.set(events),
        _notice_listener.set(notices),
    )
    try:
        yield
    finally:
        _listener.reset(tokens[0])
        _epoch_listener.reset(tokens[1])
        _event_listener.reset(tokens[2])
        _notice_listener.reset(tokens[3])


@contextmanager
def listen_too(listener: Listener) -> Iterator[None]:
    """Send the progress inside this block to ``listener`` too, beside whoever listens already."""
    before = _listener.get()

    def both(what: str, done: int, total: int | None) -> None:
        if before is not None:
            before(what, done, total)
        listener(what, done, total)

    token = _listener.set(both)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def pausing(requested: Callable[[], bool]) -> Iterator[None]:
    """Let trainers inside this block ask ``requested`` whether to pause."""
    token = _pause.set(requested)
    try:
        yield
    finally:
        _pause.reset(token)


def pause_requested() -> bool:
    """Whether training should stop after the current step, so that its state can be saved; ``False`` outside a run."""
    requested = _pause.get()
    return requested is not None and requested()


def end_epoch(epoch: float, metrics: Mapping[str, float]) -> None:
    """Report that an epoch is finished, with the metrics of the dev data."""
    if listener := _epoch_listener.get():
        listener(epoch, metrics)


def training_event(values: Mapping[str, object]) -> None:
    """Report an event of a training by its fields."""
    if listener := _event_listener.get():
        listener(values)


def notice(text: str) -> bool:
    """Have a text shown where progress is; whether anybody shows it."""
    if listener := _notice_listener.get():
        listener(text)
    return listener is not None


def advance(what: str, done: int, total: int | None = None) -> None:
    """Report that ``done`` of ``total`` units of ``what`` are finished."""
    if listener := _listener.get():
        listener(what, done, total)


def track(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Yield the items and report progress after each one; ``what`` names the work."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    for done, item in enumerate(items, 1):
        yield item
        advance(what, done, total)
