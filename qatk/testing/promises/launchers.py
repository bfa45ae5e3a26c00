"""Promises of launchers: see :class:`qatk.api.Launcher`. Starts some small processes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from qatk.plugins.launch_protocols import Job, JobState
from qatk.plugins.protocols import Launcher
from qatk.testing.promise import Subject, expect, given, promise

_PATIENCE_S, _TO_CANCEL_S = 40.0, 8.0
_SAYS = "import os, sys; sys.stderr.write(os.environ['TOLD'] + os.getcwd()); sys.exit(int(os.environ['TOLD']))"
_SLEEPS = """
import os, sys, time
print("begun", file=sys.stderr, flush=True)
while os.path.exists(os.environ["HERE"]):
    time.sleep(0.1)
"""


@contextmanager
def _connected(subject: Subject) -> Iterator[tuple[Launcher, int | None]]:
    """A launcher, and how many jobs it takes at a time."""
    launcher: Launcher = subject.build()
    places = launcher.connect()
    try:
        yield launcher, places
    finally:
        launcher.close()


def _until(
    launcher: Launcher,
    ids: Sequence[str],
    reached: Callable[[JobState], bool],
    seen: str,
    seconds: float = _PATIENCE_S,
) -> list[JobState]:
    """The states of the jobs, as soon as all have reached what is waited for."""
    end = time.monotonic() + seconds
    while True:
        states = list(launcher.states(ids))
        expect(len(states) == len(ids), f"{len(states)} states of {len(ids)} jobs")
        if all(map(reached, states)):
            return states
        expect(time.monotonic() < end, f"{seen} after {seconds:g} seconds")
        time.sleep(0.1)


def _job(folder: Path, name: str, code: str, **environment: str) -> Job:
    return Job(name, (sys.executable, "-c", code), folder, folder / f"{name}.log", environment)


def _ended(state: JobState) -> bool:
    return state.state == "ended"


@promise("it runs each command in its folder and environment, adds to its log, and gives its exit code")
def runs_commands(subject: Subject) -> None:
    """One that succeeds and one that fails; the log of one has a line already."""
    with (
        given("two commands that end by 0 and 3"),
        TemporaryDirectory() as name,
        _connected(subject) as (launcher, places),
    ):
        folder = Path(name).resolve()
        (folder / "b.log").write_text("before ")
        jobs = [_job(folder, "a", _SAYS, TOLD="0"), _job(folder, "b", _SAYS, TOLD="3")]
        ids: list[str] = []
        for some in [jobs] if places is None or places > 1 else [jobs[:1], jobs[1:]]:
            _until(launcher, ids, _ended, "the job before has not ended")
            ids += launcher.submit(some)
        expect(len(set(ids)) == 2 and all(isinstance(one, str) for one in ids), f"the ids {ids!r} of two jobs")
        codes = [state.code for state in _until(launcher, ids, _ended, "they have not ended")]
        expect(codes == [0, 3], f"the exit codes {codes}")
        logs = [(folder / f"{one}.log").read_text() for one in "ab"]
        expect(logs == [f"0{folder}", f"before 3{folder}"], f"the logs {logs}")
        again = [(state.state, state.code) for state in launcher.states(ids)]
        expect(again == [("ended", 0), ("ended", 3)], f"asked again, the states and exit codes {again}")


@promise("another launcher of the same options finds a job by its id and cancels it; an unknown job has ended")
def finds_jobs_again(subject: Subject) -> None:
    """As the next call of a command does after the first one was interrupted."""
    with given("a command that sleeps"), TemporaryDirectory() as name, _connected(subject) as (launcher, _):
        folder = Path(name).resolve()
        ids = launcher.submit([_job(folder, "sleeper", _SLEEPS, HERE=name)])
        with _connected(subject) as (other, _):
            _wait_for(folder / "sleeper.log")
            [state] = other.states(ids)
            expect(state.state == "running", f"it is {state.state} for the other launcher while it runs")
            other.cancel(ids)
            _until(launcher, ids, _ended, "it has not ended", _TO_CANCEL_S)
            _until(other, ids, _ended, "it has not ended for the other launcher", _TO_CANCEL_S)
        with given("a command that was cancelled"), _connected(subject) as (another, _):
            _until(another, ids, _ended, "it has not ended for a launcher that never saw it run", _TO_CANCEL_S)


def _wait_for(log: Path) -> None:
    end = time.monotonic() + _PATIENCE_S
    while not (log.exists() and log.read_text()):
        expect(time.monotonic() < end, f"it was not started after {_PATIENCE_S:g} seconds")
        time.sleep(0.1)
