"""One run by several processes of this machine, which begin together and end together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import BinaryIO

from qatk.cores import usable_cores
from qatk.errors import ProcessLost, QatkError, UsageError
from qatk.runs.pause import SIGNALS
from qatk.signals import handling

LAUNCHED = "QATK_LAUNCHED"
"""The environment variable by which a process knows that :func:`run_together` started it."""
PATIENCE_S = 4.0
"""Seconds that the others have to end by themselves once one has failed, and again once they are told to."""
_LAST = 1 << 14
"""Bytes of what a process wrote that are shown where it fails."""


def run_together(command: Sequence[str], number: int) -> int:
    """Run one command as several processes, which share the work of its run.

    The first has the streams of this process. Of another, what it writes is shown only if it fails. Signals are passed
    on. If one process fails or is killed, the others end within seconds; if this one is killed, they save their state
    and end.

    Returns:
        the exit code.

    Raises:
        UsageError: this process is one of several already.
        QatkError: a process was killed; with its rank.
    """
    if "RANK" in os.environ:
        what = "--processes starts processes itself, and this is one of several already"
        raise UsageError(what, fix="leave it out with torchrun, accelerate launch and where RANK is set")
    with ExitStack() as stack:
        logs = [None, *(stack.enter_context(tempfile.TemporaryFile()) for _ in range(number - 1))]
        places = _places(number, stack.enter_context(held_port()))
        team = _Team([_start(command, place, log) for place, log in zip(places, logs, strict=True)])
        stack.callback(team.end)
        with team.passing_signals():
            failed = team.wait()
        return team.code(0) if failed is None else _explain(team, failed, logs[failed])


@contextmanager
def in_team() -> Iterator[None]:
    """What a process does that :func:`run_together` may have started; if so, it ends when the launcher is killed."""
    if LAUNCHED not in os.environ:
        yield
        return
    threading.Thread(target=_end_with_launcher, daemon=True).start()
    try:
        yield
    except ProcessLost as lost:  # the launcher says more
        raise SystemExit(lost.exit_code) from None


def _end_with_launcher() -> None:
    """Pause, as by SIGTERM, when the launcher is gone: standard input is a pipe to which it writes nothing."""
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


class _Team:
    """The processes of a run, by rank."""

    def __init__(self, processes: Sequence[subprocess.Popen[bytes]]) -> None:
        self.processes, self.signalled = processes, False

    def __len__(self) -> int:
        return len(self.processes)

    def code(self, rank: int) -> int:
        """The exit code of a process that has ended, as a shell has it: 128 and the number of what killed it."""
        code = self.processes[rank].wait()
        return code if code >= 0 else 128 - code

    @contextmanager
    def passing_signals(self) -> Iterator[None]:
        """Pass signals on to each process that is at work, once."""

        def pass_on(number: int, _: FrameType | None) -> None:
            self.signalled = True
            for process in self._running():
                process.send_signal(number)

        heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]  # nohup, background
        with handling(pass_on, *heeded):
            yield

    def wait(self) -> int | None:
        """Wait until all have ended; the rank of the one that failed, unless all did by a signal that was passed on."""
        deadline: float | None = None
        while self._running():
            if self._failed() is not None and not self.signalled:
                deadline = deadline or time.monotonic() + PATIENCE_S
                if time.monotonic() > deadline:
                    break
            time.sleep(0.05)
        return None if self.signalled else self._failed()

    def end(self) -> None:
        """End what is still at work, at the latest in seconds."""
        for end in (subprocess.Popen.terminate, subprocess.Popen.kill):
            for process in self._running():
                end(process)
            deadline = time.monotonic() + PATIENCE_S
            while self._running() and time.monotonic() < deadline:
                time.sleep(0.05)
        for process in self.processes:
            if process.stdin is not None:
                process.stdin.close()

    def _running(self) -> list[subprocess.Popen[bytes]]:
        return [process for process in self.processes if process.poll() is None]

    def _failed(self) -> int | None:
        """The rank to blame: one that was killed, else one that says more than that it lost another."""
        codes = {rank: code for rank, process in enumerate(self.processes) if (code := process.poll())}
        return min(codes, key=lambda rank: (codes[rank] == ProcessLost.exit_code, codes[rank] >= 0, rank), default=None)


def _start(command: Sequence[str], place: Mapping[str, str], log: BinaryIO | None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,  # its end is how a process knows that this one is gone
        stdout=None if log is None else subprocess.DEVNULL,
        stderr=log,
        env={**os.environ, **place},
        start_new_session=True,  # the terminal's Ctrl-C comes to this process alone, and is passed on
    )


@contextmanager
def held_port() -> Iterator[int]:
    """A port of this machine on which processes may meet; on Linux nobody else is given it meanwhile."""
    with socket.socket() as held:
        # A listener with this option, as torch has it, may take a port from one that has it too and does not listen.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        if sys.platform != "linux":
            held.close()
        yield port


def _places(number: int, port: int) -> Iterator[dict[str, str]]:
    """The environment of each process: what torch calls its rank, where they meet, and its share of the cores."""
    threads = str(max(1, usable_cores() // number))
    for rank in range(number):
        yield {
            **{name: str(rank) for name in ("RANK", "LOCAL_RANK")},
            **{name: str(number) for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE")},
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", threads),
            LAUNCHED: "1",
        }


def _explain(team: _Team, rank: int, log: BinaryIO | None) -> int:
    """Say why a process failed, where it could not itself; the exit code."""
    code = team.processes[rank].wait()
    if code < 0:
        if rank == 0 and -code in SIGNALS:
            return team.code(rank)  # it said so
        raise QatkError(
            f"rank {rank} of {len(team)} processes was ended by {signal.Signals(-code).name}",
            fix="run the same command with --resume to continue from the last state; SIGKILL may mean: out of memory",
        )
    if log is not None:
        log.seek(max(0, log.seek(0, os.SEEK_END) - _LAST))
        sys.stderr.write(log.read().decode("utf-8", "replace"))
    return code
