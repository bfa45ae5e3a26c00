"""A command that a job of SLURM runs, and that goes on in a new job when the time of this one is over."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from qatk_builtin.launchers.starting import start

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission


@dataclass
class Command:
    """What submitit calls on the node; see :class:`qatk.api.Job` for the fields."""

    words: tuple[str, ...]
    folder: Path
    log: Path
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def __call__(self) -> int:
        """Run the command; its exit code."""
        before = signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # a process inherits that: SLURM sends it to all
        try:
            self.process = start(self.words, self.folder, self.log, self.environment)
        finally:
            signal.signal(signal.SIGUSR2, before)
        try:
            while (code := self.process.poll()) is None:
                time.sleep(0.1)
        except BaseException:
            self.process.terminate()
            raise
        return code

    def checkpoint(self) -> DelayedSubmission:
        """Called by submitit inside of a signal's handler, shortly before the job's end: what the next job runs."""
        from submitit.helpers import DelayedSubmission

        if self.process is not None:
            self.process.send_signal(signal.SIGUSR1)
            os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT)  # as poll may hold its lock just now
        return DelayedSubmission(Command(self.words, self.folder, self.log, self.environment))
