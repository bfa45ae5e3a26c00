"""The processes of ``tools/make_quality.py``: several share the runs, and each starts commands."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from qatk.cores import usable_cores

ROOT = Path(__file__).parents[1]


def together(script: Path, arguments: Sequence[str], processes: int) -> int:
    """Start the script several times, to share the runs; the first exit code that is not 0."""
    threads = str(max(usable_cores() // processes, 1))
    command = [sys.executable, str(script), *arguments, "--processes", "1"]
    environ = {"OMP_NUM_THREADS": threads, **os.environ}
    started = [subprocess.Popen(command, env=environ, preexec_fn=_end_with_parent) for _ in range(processes)]
    with _passing_signals(started):
        codes = [process.wait() for process in started]
    return next((128 - code if code < 0 else code for code in codes if code), 0)


@contextmanager
def alone(folder: Path) -> Iterator[bool]:
    """Whether no other process makes this run; none does within the block. The lock goes with the process."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def call(command: Sequence[str]) -> tuple[int, str]:
    """Exit code and standard error; the process ends with this one, however that ends."""
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, preexec_fn=_end_with_parent
    )
    with _passing_signals([process]):
        _, said = process.communicate()
    return process.returncode, said


@contextmanager
def _passing_signals(processes: Sequence[subprocess.Popen[Any]]) -> Iterator[None]:
    """Within the block, whoever stops this process stops these, and waits for their ends."""

    def pass_on(number: int, _: object) -> None:
        for process in processes:
            process.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_with_parent() -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
