"""Planned runs made: each in a process of its own, several at a time where devices allow."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Lock

from qatk.files import storage_errors, write_atomically
from qatk.sweeps.plan import Planned

Listener = Callable[[Planned, str], None]
"""Called with a run and a line that its process wrote to standard error."""

ENDS = ("finished", "failed", "there already")
"""The last line about a run is one of these, and comes from here."""

_KEPT = 2000
"""Lines of a process that are kept for its log."""


@dataclass(frozen=True)
class Outcome:
    """What came of a planned run.

    Attributes:
        run: the plan.
        state: ``made``, ``resumed``, ``reused`` or ``failed``.
        error: why it failed, in the words of the run.
    """

    run: Planned
    state: str
    error: str = ""


def make_runs(runs: Sequence[Planned], tell: Listener, *, jobs: int = 1, options: Sequence[str] = ()) -> list[Outcome]:
    """Make the runs that are not finished; one that fails does not stop the others.

    Args:
        runs: in the order to make them.
        tell: gets the progress, from several threads where there are several jobs; not what ends in the outcome.
        jobs: how many at a time; on CPUs they share the cores, and see :func:`most_jobs`.
        options: those that stand before the command, such as ``--no-plugin NAME``.

    Returns:
        One outcome a run, in their order.
    """
    slots: SimpleQueue[Mapping[str, str]] = SimpleQueue()
    for slot in _environments(jobs):
        slots.put(slot)
    with _Processes() as processes, ThreadPoolExecutor(jobs) as pool:
        try:
            return list(pool.map(lambda run: _make(run, tell, options, slots, processes), runs))
        except BaseException:
            processes.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


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
        self.lock, self.open, self.stopped = Lock(), set[subprocess.Popen[str]](), False

    def __enter__(self) -> _Processes:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @contextmanager
    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
        """Start a process that writes to nobody but this one."""
        with self.lock:
            if self.stopped:
                raise InterruptedError
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                env={**os.environ, **environment},
            )
            self.open.add(process)
        try:
            with process:
                yield process
        finally:
            self.open.discard(process)

    def stop(self) -> None:
        """End what is at work; nothing starts any more."""
        with self.lock:
            self.stopped = True
            for process in self.open:
                process.terminate()


def _make(
    run: Planned,
    tell: Listener,
    options: Sequence[str],
    slots: SimpleQueue[Mapping[str, str]],
    processes: _Processes,
) -> Outcome:
    if run.finished:
        tell(run, "there already")
        return Outcome(run, "reused")
    state = "resumed" if run.begun else "made"
    slot, lines = slots.get(), deque[str](maxlen=_KEPT)
    try:
        with processes.start(_command(run, options), slot) as process:
            assert process.stderr is not None
            in_order = True
            for line in process.stderr:
                lines.append(line)
                if in_order := in_order and not line.startswith(("error: ", "Traceback ")):
                    tell(run, line.rstrip())
            code = process.wait()
    finally:
        slots.put(slot)
    came_through = code == 0 and run.finished
    tell(run, "finished" if came_through else "failed")
    if came_through:
        _log(run).unlink(missing_ok=True)
        return Outcome(run, state)
    return Outcome(run, "failed", "interrupted" if processes.stopped else _explain(run, code, lines))


def _command(run: Planned, options: Sequence[str]) -> list[str]:
    settings = [word for setting in run.settings for word in ("--set", setting)]
    limit = [] if run.limit is None else ["--limit", str(run.limit)]
    rest = [str(run.recipe), "--out", str(run.folder), "--resume", "--json", *settings, *limit]
    return [sys.executable, "-m", "qatk", *options, "run", *rest]


def _explain(run: Planned, code: int, lines: Sequence[str]) -> str:
    """The error in the run's own words, or its last line; everything it wrote goes to a file beside its folder."""
    begin = max((i for i, line in enumerate(lines) if line.startswith("error: ")), default=len(lines) - 1)
    said = "".join(list(lines)[max(begin, 0) :]).removeprefix("error: ").strip()
    how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    log = _log(run)
    with storage_errors(log.parent):
        log.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(log, "".join(lines))
    return f"{said or 'nothing was said'} ({how}; what it wrote is in {log})"


def _log(run: Planned) -> Path:
    return run.folder.with_name(f"{run.folder.name}.log")
