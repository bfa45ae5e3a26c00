"""The executor of a sweep: hands its runs to a launcher, follows what they report, and finds again what was started.

While the run of a folder ``X`` is at work, there are beside it ``X.job.json`` (launcher, id of the job), ``X.events``
(what it reports, see :mod:`qatk.sweeps.channel`) and ``X.log`` (its standard error, kept of a run that failed).
"""

from __future__ import annotations

import signal
import sys
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

from qatk.errors import DataError, UsageError
from qatk.files import parse_json, read_text, storage_errors, write_json
from qatk.plugins.launch_protocols import Job, JobState
from qatk.plugins.live_launchers import LiveLauncher
from qatk.sweeps.channel import VARIABLE, read_event
from qatk.sweeps.events import Failed, Finished, Piece, Queued, RunEvent, Started

_EVERY, _GRACE = 0.1, 5.0
"""Seconds between two looks at the jobs, and seconds that a shared folder may take to show what an ended job wrote."""
_OFTEN = 10
"""How many jobs are looked at as often as that; more are looked at less often, as each look opens a file of each."""
_LAST = 4096
"""Bytes at the end of a log in which its last line is looked for."""


class Launched:
    """Makes every run, or other piece of work, in a job of its own, so that one that crashes takes nothing with it.

    Args:
        launcher: where the jobs go.
        options: those that stand before the command, such as ``--no-plugin NAME``.
        keep: leave jobs running where this process is interrupted, instead of cancelling them.
    """

    def __init__(self, launcher: LiveLauncher, options: Sequence[str] = (), *, keep: bool = False) -> None:
        self.launcher, self.options, self.keep = launcher, options, keep

    def execute(self, runs: Sequence[Piece]) -> Generator[RunEvent, None, None]:
        """Make these runs, or follow the jobs of earlier that make them; one that fails does not stop the others.

        Each run ends with one :class:`Finished` or :class:`Failed`, whatever comes before. Closing the generator stops
        the runs in progress, unless they are to be kept, and starts no others.

        Args:
            runs: none of them finished, in the order to start them; their folders may be read from here afterwards.
        """
        if not runs:
            return
        places = self.launcher.connect()
        works: list[_Work] = []
        try:
            works += self._found(runs)
            waiting = deque(run for run in runs if run not in [work.run for work in works])
            while waiting or works:
                free = len(waiting) if places is None else max(0, places - len(works))
                self._submit([waiting.popleft() for _ in range(min(free, len(waiting)))], works)
                for work, state in zip(list(works), self.launcher.states([work.job for work in works]), strict=True):
                    yield from work.follow(state)
                    if work.over:
                        works.remove(work)
                        waiting += [work.run] if work.again else []
                time.sleep(_EVERY * max(1, len(works) / _OFTEN))
        except BaseException:
            if not self.keep:
                self.launcher.cancel([work.job for work in works])
            raise
        finally:
            self.launcher.close()

    def _found(self, runs: Sequence[Piece]) -> list[_Work]:
        """The jobs of an earlier call that are still queued or running."""
        ids = {run.folder: found for run in runs if (found := _recorded(run, self.launcher.registered.name))}
        known = [run for run in runs if run.folder in ids]
        states = self.launcher.states([ids[run.folder] for run in known])
        alive = [run for run, state in zip(known, states, strict=True) if state.state != "ended"]
        return [_Work(run, ids[run.folder], found=True) for run in alive]

    def _submit(self, runs: Sequence[Piece], works: list[_Work]) -> None:
        """Hand over the runs, but for those that another sweep began meanwhile, which are followed as well."""
        if not runs:
            return
        works += (others := self._found(runs))
        own = [run for run in runs if run not in [work.run for work in others]]
        names = self.launcher.submit([self._job(run) for run in own]) if own else []
        begun = [_Work(run, name) for run, name in zip(own, names, strict=True)]
        works += begun  # before they are noted, so that they are cancelled where that fails
        for work in begun:
            write_json(_beside(work.run, "job.json"), {"launcher": self.launcher.registered.name, "id": work.job})

    def _job(self, run: Piece) -> Job:
        with storage_errors(run.folder.parent):
            run.folder.parent.mkdir(parents=True, exist_ok=True)
            for kind in ("log", "events"):
                _beside(run, kind).unlink(missing_ok=True)
        return Job(
            name=run.folder.name,
            command=(sys.executable, "-m", "qatk", *self.options, *run.command),
            folder=Path.cwd(),
            log=_beside(run, "log").absolute(),
            environment={VARIABLE: str(_beside(run, "events").absolute())},
        )


class _Work:
    """A run and its job."""

    def __init__(self, run: Piece, job: str, *, found: bool = False) -> None:
        self.run, self.job, self.found = run, job, found
        self.state, self.read, self.said = "", 0, ""
        self.finished: Finished | None = None
        self.ended: float | None = None
        self.over = self.again = False

    def follow(self, state: JobState) -> Iterator[RunEvent]:
        """What is new; at the end one event that says how it ended, unless a job of earlier has to be redone."""
        if state.state != self.state and state.state != "ended":
            self.state = state.state
            yield Queued(self.run, state.why) if state.state == "queued" else Started(self.run)
        for line in self._lines():
            event = read_event(self.run, line)
            self.said = event.message if isinstance(event, Failed) else ""  # a requeued job goes on
            if isinstance(event, Finished):
                self.finished = event
            elif event is not None and not isinstance(event, Failed):
                yield event
        if state.state == "ended":
            yield from self._end(state)

    def _end(self, state: JobState) -> Iterator[RunEvent]:
        self.ended = time.monotonic() if self.ended is None else self.ended
        if self.run.finished and state.code in (0, None):
            yield self.finished or Finished(self.run)
            _beside(self.run, "log").unlink(missing_ok=True)
        elif state.code in (0, None) and time.monotonic() - self.ended < _GRACE:
            return
        elif self.found:
            self.again = True
        else:
            yield Failed(self.run, self._why(state))
        self.over = True
        if _recorded(self.run) in (self.job, None):  # not where another sweep, which followed it too, made it anew
            for kind in ("job.json", "events"):
                _beside(self.run, kind).unlink(missing_ok=True)

    def _lines(self) -> list[str]:
        """The complete lines that were added since the last look."""
        try:
            with _beside(self.run, "events").open("rb") as file:
                file.seek(self.read)
                found = file.read()
        except FileNotFoundError:
            return []
        whole = found[: found.rfind(b"\n") + 1]
        self.read += len(whole)
        return whole.decode("utf-8", "replace").splitlines()

    def _why(self, state: JobState) -> str:
        log = _beside(self.run, "log")
        said = self.said or _last_line(log) or state.why or "nothing was said"
        if state.code is None:
            how = state.why or "its job is gone"
        else:
            how = f"killed by {signal.Signals(-state.code).name}" if state.code < 0 else f"exit code {state.code}"
        return f"{said} ({how}; what it wrote is in {log})"


def _beside(run: Piece, kind: str) -> Path:
    return run.folder.with_name(f"{run.folder.name}.{kind}")


def _recorded(run: Piece, launcher: str | None = None) -> str | None:
    """The id of the job that this launcher, or any, was given for a run."""
    try:
        record = parse_json(read_text(path := _beside(run, "job.json")), path)
    except (UsageError, DataError):
        return None
    given = record if isinstance(record, dict) else {}
    return str(given.get("id")) if launcher in (None, given.get("launcher")) else None


def _last_line(log: Path) -> str:
    """What a process wrote last: the reason, where it crashed without reporting one."""
    if not log.is_file():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _LAST))
        return file.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
