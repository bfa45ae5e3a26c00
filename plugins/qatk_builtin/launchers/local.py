"""Processes on this machine, each in a session of its own, so that Ctrl-C reaches the one that watches them alone."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress

from qatk.api import Job, JobState, QatkWarning, usable_cores
from qatk_builtin.launchers import LocalOptions
from qatk_builtin.launchers.starting import born, start


class LocalLauncher:
    """Starts processes. The id of a job is ``HOST:PID:BORN:SLOT``: a process of another time or host is another one."""

    def __init__(self, options: LocalOptions) -> None:
        self.jobs = options.jobs
        self.slots: Sequence[Mapping[str, str]] = [{}]
        self.known: dict[str, subprocess.Popen[bytes] | None] = {}
        """Jobs by their ids, whose processes keep their exit codes; ``None`` of one that another process started."""

    def connect(self) -> int:
        """As many as asked for, but no more than there are GPUs or cores for them."""
        if self.jobs > 1 and self.jobs > (most := len(_gpus()) or usable_cores()):
            what = f"{self.jobs} jobs at a time: there is room for {most} (one a GPU, or one a core)"
            warnings.warn(what, QatkWarning, stacklevel=2)
            self.jobs = most
        self.slots = _environments(self.jobs)
        return self.jobs

    def submit(self, jobs: Sequence[Job]) -> list[str]:
        """Start them all, each in the slot with the fewest; none stays where one cannot be started."""
        begun: list[str] = []
        try:
            begun += (self._start(job) for job in jobs)
        except BaseException:
            self.cancel(begun)
            raise
        return begun

    def _start(self, job: Job) -> str:
        running = [name for name in self.known if self._state(name).state == "running"]
        taken = Counter(int(name.rpartition(":")[2]) for name in running)
        slot = min(range(len(self.slots)), key=taken.__getitem__)
        process = start(job.command, job.folder, job.log, {**self.slots[slot], **job.environment}, apart=True)
        name = f"{socket.gethostname()}:{process.pid}:{born(process.pid)}:{slot}"
        self.known[name] = process
        return name

    def states(self, ids: Sequence[str]) -> list[JobState]:
        """Whether their processes run."""
        return [self._state(name) for name in ids]

    def _state(self, name: str) -> JobState:
        process = self.known.setdefault(name, None)
        if process is None:
            return JobState("running" if _is_running(name) else "ended")
        code = process.poll()
        return JobState("running") if code is None else JobState("ended", code)

    def cancel(self, ids: Sequence[str]) -> None:
        """End their processes, and wait until they have saved their state."""
        for name in ids:
            if self._state(name).state == "running":
                with suppress(ProcessLookupError):
                    os.kill(int(name.split(":")[1]), signal.SIGTERM)
        while any(self._state(name).state == "running" for name in ids):
            time.sleep(0.05)

    def close(self) -> None:
        """Nothing was opened."""


def _is_running(name: str) -> bool:
    """Whether the process of an id is there; one of another host is taken for ended, which its lock corrects."""
    host, pid, ticks, _ = name.rsplit(":", 3)
    return host == socket.gethostname() and ticks == born(int(pid)) != ""


def _gpus() -> list[str]:
    """The GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them."""
    if (visible := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [name for name in visible.split(",") if name.strip() not in ("", "-1")]
    if shutil.which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False).stdout
    return [str(i) for i in range(sum(line.startswith("GPU ") for line in listed.splitlines()))]


def _environments(jobs: int) -> list[Mapping[str, str]]:
    """What the environment of each slot's processes has beside this one's: its GPU, or its share of the cores."""
    gpus = _gpus() if jobs > 1 else []
    threads = str(max(1, usable_cores() // jobs))
    if gpus:
        return [{"CUDA_VISIBLE_DEVICES": gpus[job % len(gpus)]} for job in range(jobs)]
    shared = {name: os.environ.get(name, threads) for name in ("OMP_NUM_THREADS", "RAYON_NUM_THREADS")}
    return [shared if jobs > 1 else {}] * jobs
