"""The executor that makes runs on this machine: each in a process of its own, several at a time where devices allow."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import BinaryIO

from qatk.files import storage_errors
from qatk.sweeps.channel import VARIABLE, read_event
from qatk.sweeps.events import Failed, Finished, RunEvent, Started
from qatk.sweeps.plan import Planned

_LAST = 4096
"""Bytes at the end of a log in which its last line is looked for."""


class LocalProcesses:
    """Makes every run by ``qatk run`` in a process of its own, so that one that crashes takes nothing with it.

    Args:
        jobs: how many at a time; on CPUs they share the cores, see :func:`most_jobs`.
        options: those that stand before the command, such as ``--no-plugin NAME``.
    """

    def __init__(self, jobs: int = 1, options: Sequence[str] = ()) -> None:
        self.jobs, self.options = jobs, options

    def execute(self, runs: Sequence[Planned]) -> Generator[RunEvent, None, None]:
        """Make these runs, see :class:`qatk.sweeps.events.Executor`."""
        events: SimpleQueue[RunEvent | BaseException] = SimpleQueue()
        slots: SimpleQueue[Mapping[str, str]] = SimpleQueue()
        for slot in _environments(self.jobs):
            slots.put(slot)
        with _Processes() as processes, ThreadPoolExecutor(self.jobs) as pool:
            try:
                for run in runs:
                    pool.submit(self._make, run, events.put, slots, processes)
                left = len(runs)
                while left:
                    event = events.get()
                    if isinstance(event, BaseException):
                        raise event
                    left -= isinstance(event, Finished | Failed)
                    yield event
            except BaseException:
                processes.stop()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _make(
        self,
        run: Planned,
        tell: Callable[[RunEvent | BaseException], None],
        slots: SimpleQueue[Mapping[str, str]],
        processes: _Processes,
    ) -> None:
        slot = slots.get()
        try:
            tell(Started(run))
            tell(_run(run, _command(run, self.options), slot, tell, processes))
        except BaseException as error:
            tell(error)
        finally:
            slots.put(slot)


def _run(
    run: Planned,
    command: Sequence[str],
    slot: Mapping[str, str],
    tell: Callable[[RunEvent], None],
    processes: _Processes,
) -> Finished | Failed:
    """Start the process of a run, pass on what it reports, and say how it ended."""
    log, end = run.folder.with_name(f"{run.folder.name}.log"), None
    with storage_errors(log.parent):
        log.parent.mkdir(parents=True, exist_ok=True)
        written = log.open("wb")
    with written, processes.start(command, slot, written) as (process, lines):
        for line in lines:
            event = read_event(run, line)
            if isinstance(event, Finished | Failed):
                end = event
            elif event is not None:
                tell(event)
        code = process.wait()
    if code == 0 and run.finished:
        log.unlink(missing_ok=True)
        return end if isinstance(end, Finished) else Finished(run)
    if processes.stopped:
        return Failed(run, "interrupted")
    said = end.message if isinstance(end, Failed) else _last_line(log)
    how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return Failed(run, f"{said or 'nothing was said'} ({how}; what it wrote is in {log})")


def _last_line(log: Path) -> str:
    """What a process wrote last: the reason, where it crashed without reporting one."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _LAST))
        return file.read().decode("utf-8", "replace").strip().rpartition("\n")[2]


def most_jobs() -> int:
    """How many runs may go on at a time: one a GPU, or where there is none one a core."""
    return len(_gpus()) or os.cpu_count() or 1


def _gpus() -> list[str]:
    """The GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them."""
    if (visible := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [name for name in visible.split(",") if name.strip() not in ("", "-1")]
    if shutil.which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False).stdout
    return [str(i) for i in range(sum(line.startswith("GPU ") for line in listed.splitlines()))]


def _environments(jobs: int) -> Iterator[dict[str, str]]:
    """What the environment of each job's processes has beside this one's: its GPU, or its share of the cores."""
    gpus = _gpus() if jobs > 1 else []
    threads = str(max(1, (os.cpu_count() or 1) // jobs))
    for job in range(jobs):
        if gpus:
            yield {"CUDA_VISIBLE_DEVICES": gpus[job % len(gpus)]}
        elif jobs > 1:
            yield {name: os.environ.get(name, threads) for name in ("OMP_NUM_THREADS", "RAYON_NUM_THREADS")}
        else:
            yield {}


class _Processes:
    """The processes that are at work, so that all can be stopped."""

    def __init__(self) -> None:
        self.lock, self.open, self.stopped = Lock(), set[subprocess.Popen[bytes]](), False

    def __enter__(self) -> _Processes:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @contextmanager
    def start(
        self, command: Sequence[str], environment: Mapping[str, str], log: BinaryIO
    ) -> Iterator[tuple[subprocess.Popen[bytes], Iterator[str]]]:
        """Start a process that writes to the log, with the lines that it reports until it ends."""
        reader, writer = os.pipe()
        with os.fdopen(reader, encoding="utf-8", errors="replace") as lines:
            try:
                process = self._start(command, {**os.environ, **environment, VARIABLE: str(writer)}, writer, log)
            finally:
                os.close(writer)  # the process has its own
            try:
                with process:
                    yield process, lines
            finally:
                self.open.discard(process)

    def _start(
        self, command: Sequence[str], environment: Mapping[str, str], writer: int, log: BinaryIO
    ) -> subprocess.Popen[bytes]:
        with self.lock:
            if self.stopped:
                raise InterruptedError
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=environment,
                pass_fds=[writer],
            )
            self.open.add(process)
        return process

    def stop(self) -> None:
        """End what is at work; nothing starts any more."""
        with self.lock:
            self.stopped = True
            for process in self.open:
                process.terminate()


def _command(run: Planned, options: Sequence[str]) -> list[str]:
    settings = [word for setting in run.settings for word in ("--set", setting)]
    limit = [] if run.limit is None else ["--limit", str(run.limit)]
    rest = [str(run.recipe), "--out", str(run.folder), "--resume", "--json", *settings, *limit]
    return [sys.executable, "-m", "qatk", *options, "run", *rest]
