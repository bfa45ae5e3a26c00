"""What happens while the runs of a sweep are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


class Piece(Protocol):
    """A piece of work that a command does in a process of its own: a run, or a shard of answers."""

    @property
    def name(self) -> str:
        """What to call it."""
        ...

    @property
    def folder(self) -> Path:
        """The path beside which its log lies, and other files while it is at work."""
        ...

    @property
    def command(self) -> Sequence[str]:
        """What does it, behind ``qatk``; also what goes on with it."""
        ...

    @property
    def finished(self) -> bool:
        """Whether all of it is done."""
        ...


@dataclass(frozen=True)
class Begun:
    """The sweep begins; ``runs`` are all that it needs, finished ones included."""

    runs: Sequence[Piece]


@dataclass(frozen=True)
class RunEvent:
    """Something about one run."""

    run: Piece


@dataclass(frozen=True)
class Reused(RunEvent):
    """The run was made earlier and is used as it is."""


@dataclass(frozen=True)
class Queued(RunEvent):
    """The run waits for a place, also where it is to go on elsewhere; ``why`` is what the launcher says of it."""

    why: str = ""


@dataclass(frozen=True)
class Started(RunEvent):
    """The run starts, or goes on from its last epoch."""


@dataclass(frozen=True)
class StageBegun(RunEvent):
    """A stage begins: ``data``, ``features``, ``train``, ``predict`` or ``score``."""

    stage: str


@dataclass(frozen=True)
class Advanced(RunEvent):
    """``done`` units of ``what`` are finished, out of ``total`` (``None``: unknown)."""

    what: str
    done: int
    total: int | None = None


@dataclass(frozen=True)
class EpochEnded(RunEvent):
    """An epoch of training ended; ``metrics`` are those of the dev data."""

    epoch: float
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Warned(RunEvent):
    """The run warns of something that does not stop it."""

    message: str


@dataclass(frozen=True)
class Finished(RunEvent):
    """The run is complete."""

    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Failed(RunEvent):
    """The run ended without result; ``message`` says why."""

    message: str


SweepEvent = Begun | RunEvent
Listener = Callable[[SweepEvent], None]
"""Called with every event, from the thread that called the sweep."""
