"""What launchers must be able to do, as :mod:`qatk.plugins.protocols` says it of the other kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol


@dataclass(frozen=True)
class Job:
    """A command to run somewhere.

    Attributes:
        name: of the job, unique among those of one call; fit for the name of a file.
        command: the program and its arguments.
        folder: the working directory, an absolute path that every machine reaches.
        log: what the command writes to standard error is added to this file, an absolute path; its standard output is
            not wanted.
        environment: variables beside those of the process that launches.
    """

    name: str
    command: tuple[str, ...]
    folder: Path
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class JobState:
    """How a job stands.

    Attributes:
        state: ``queued``, also where it waits to be started again; ``running``; ``ended``, also of an unknown job.
        code: of an ended job, its exit code, negative for a signal; ``None`` where it is not known.
        why: what the launcher knows of why it waits or ended, in a few words.
    """

    state: Literal["queued", "running", "ended"]
    code: int | None = None
    why: str = ""


class Launcher(Protocol):
    """Runs commands somewhere: processes on this machine, a batch scheduler, a cluster.

    A job outlives the process that submitted it: another one asks for it by its id.
    """

    def connect(self) -> int | None:
        """Reach whatever runs the jobs; called once, before all other methods.

        Returns:
            how many jobs it takes at a time; ``None`` where it has a queue of its own.

        Raises:
            UsageError: if it cannot be reached, or is not installed.
        """
        ...

    def submit(self, jobs: Sequence[Job]) -> Sequence[str]:
        """Have these jobs run; return an id for each, by which another process finds it."""
        ...

    def states(self, ids: Sequence[str]) -> Sequence[JobState]:
        """Return how each job stands; called some times a second, so ask a scheduler less often and remember."""
        ...

    def cancel(self, ids: Sequence[str]) -> None:
        """Ask these jobs to end, by SIGTERM where that is possible, so that they save their state."""
        ...

    def close(self) -> None:
        """Let go of what :meth:`connect` reached; jobs go on where they can."""
        ...
