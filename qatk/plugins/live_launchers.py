"""Launchers at work, as :mod:`qatk.plugins.live` has the other kinds."""

from __future__ import annotations

from collections.abc import Sequence

from qatk.plugins import protocols, values
from qatk.plugins.adapter import Live
from qatk.plugins.launch_protocols import Job, JobState


class LiveLauncher(Live[protocols.Launcher]):
    """Runs commands somewhere."""

    def connect(self) -> int | None:
        """How many jobs it takes at a time; ``None`` where it queues them itself."""
        with self.during("launching"):
            places = self.component.connect()
            if places is not None and values.expect(places, int) < 1:
                raise ValueError(f"it takes {places} jobs at a time, expected 1 or more, or None")
            return places

    def submit(self, jobs: Sequence[Job]) -> list[str]:
        """Have jobs run; the id of each."""
        with self.during("launching"):
            ids = [values.expect(each, str) for each in self.component.submit(jobs)]
            return _one_each(ids, len(jobs), "ids")

    def states(self, ids: Sequence[str]) -> list[JobState]:
        """How each job stands."""
        with self.during("launching"):
            found = [values.expect(each, JobState) for each in self.component.states(ids)]
            return _one_each(found, len(ids), "states")

    def cancel(self, ids: Sequence[str]) -> None:
        """Ask jobs to end."""
        with self.during("launching"):
            self.component.cancel(ids)

    def close(self) -> None:
        """Let go of what runs the jobs."""
        with self.during("launching"):
            self.component.close()


def _one_each(found: list[values.T], due: int, what: str) -> list[values.T]:
    if len(found) != due:
        raise ValueError(f"{len(found)} {what} for {due} jobs")
    return found
