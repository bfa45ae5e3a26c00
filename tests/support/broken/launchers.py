"""Launchers that break one promise each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from qatk.api import Job, JobState, NoOptions
from qatk_builtin.launchers import LocalOptions
from qatk_builtin.launchers.local import LocalLauncher


class GoodLauncher(LocalLauncher):
    """Right."""

    def __init__(self, options: NoOptions) -> None:
        super().__init__(LocalOptions())


class Deaf(GoodLauncher):
    """Gives no environment."""

    def submit(self, jobs: Sequence[Job]) -> list[str]:
        return super().submit([replace(job, environment={"TOLD": "0"}) for job in jobs])


class Elsewhere(GoodLauncher):
    """Runs commands where it is itself."""

    def submit(self, jobs: Sequence[Job]) -> list[str]:
        return super().submit([replace(job, folder=job.log.parents[1]) for job in jobs])


class Overwriting(GoodLauncher):
    """Begins each log anew."""

    def submit(self, jobs: Sequence[Job]) -> list[str]:
        for job in jobs:
            job.log.unlink(missing_ok=True)
        return super().submit(jobs)


class Optimistic(GoodLauncher):
    """Takes all that ended for done."""

    def states(self, ids: Sequence[str]) -> list[JobState]:
        return [JobState(state.state, 0 if state.code else state.code) for state in super().states(ids)]


class Once(GoodLauncher):
    """Gives an exit code to the first who asks alone."""

    def states(self, ids: Sequence[str]) -> list[JobState]:
        states = super().states(ids)
        for name in [name for name, state in zip(ids, states, strict=True) if state.state == "ended"]:
            self.known[name] = None
        return states


class Forgetful(GoodLauncher):
    """Knows jobs of its own alone."""

    def states(self, ids: Sequence[str]) -> list[JobState]:
        known = [name for name in ids if name in self.known]
        found = dict(zip(known, super().states(known), strict=True))
        return [found.get(name, JobState("ended")) for name in ids]


class Stubborn(GoodLauncher):
    """Cancels nothing."""

    def cancel(self, ids: Sequence[str]) -> None:
        pass


BROKEN = {
    "launcher": {
        **dict.fromkeys((Deaf, Elsewhere, Overwriting, Optimistic, Once), "runs-commands"),
        **dict.fromkeys((Forgetful, Stubborn), "finds-jobs-again"),
    }
}
GOOD = {"launcher": GoodLauncher}
