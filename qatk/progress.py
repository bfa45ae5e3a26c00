"""Progress of long stages: components report it, and whoever runs them decides what to show.

A component wraps its loop in :func:`track`; outside a run, this costs nothing and prints nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple, TypeVar

T = TypeVar("T")

Listener = Callable[[str, int, int | None], None]
"""Called with the name of the work, the amount done, and the total (``None`` if unknown)."""

EpochListener = Callable[[float, Mapping[str, float]], None]
"""Called with the number of finished epochs and the metrics of the dev data."""

EventListener = Callable[[Mapping[str, object]], None]
"""Called with the fields of each :class:`qatk.api.TrainEvent` but its scores, EM and F1 included."""

NoticeListener = Callable[[str], None]
"""Called with what the user should see at once, also from a signal's handler: it may do no more than note it."""


class _Listeners(NamedTuple):
    progress: Listener | None = None
    epochs: EpochListener | None = None
    events: EventListener | None = None
    notices: NoticeListener | None = None


_NOBODY = _Listeners()
_listeners = ContextVar("qatk_listeners", default=_NOBODY)
_pause: ContextVar[Callable[[], bool] | None] = ContextVar("qatk_pause", default=None)


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
    with _within(_listeners, _Listeners(listener, epochs, events, notices)):
        yield


@contextmanager
def listen_too(listener: Listener) -> Iterator[None]:
    """Send the progress inside this block to ``listener`` too, beside whoever listens already."""
    before = _listeners.get()

    def both(what: str, done: int, total: int | None) -> None:
        if before.progress is not None:
            before.progress(what, done, total)
        listener(what, done, total)

    with _within(_listeners, before._replace(progress=both)):
        yield


@contextmanager
def pausing(requested: Callable[[], bool]) -> Iterator[None]:
    """Let trainers inside this block ask ``requested`` whether to pause."""
    with _within(_pause, requested):
        yield


@contextmanager
def _within(variable: ContextVar[T], value: T) -> Iterator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


def pause_requested() -> bool:
    """Whether training should stop after the current step, so that its state can be saved; ``False`` outside a run."""
    requested = _pause.get()
    return requested is not None and requested()


def end_epoch(epoch: float, metrics: Mapping[str, float]) -> None:
    """Report that an epoch is finished, with the metrics of the dev data."""
    if listener := _listeners.get().epochs:
        listener(epoch, metrics)


def training_event(values: Mapping[str, object]) -> None:
    """Report an event of a training by its fields."""
    if listener := _listeners.get().events:
        listener(values)


def notice(text: str) -> bool:
    """Have a text shown where progress is; whether anybody shows it."""
    if listener := _listeners.get().notices:
        listener(text)
    return listener is not None


def advance(what: str, done: int, total: int | None = None) -> None:
    """Report that ``done`` of ``total`` units of ``what`` are finished."""
    if listener := _listeners.get().progress:
        listener(what, done, total)


def track(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Yield the items and report progress after each one; ``what`` names the work."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    for done, item in enumerate(items, 1):
        yield item
        advance(what, done, total)
