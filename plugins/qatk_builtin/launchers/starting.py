"""How every launcher starts the command of a job, here or on a node, and tells its process from others of its number.

A command reads nothing, and its errors go to the log.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path


def start(
    words: Sequence[str],
    folder: Path | str,
    log: Path | str,
    environment: Mapping[str, str],
    *,
    apart: bool = False,
    before: Callable[[], None] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a command.

    Args:
        words: the command.
        folder: the working directory.
        log: the file that its standard error is added to.
        environment: variables beside those of this process.
        apart: in a session of its own, which the terminal's Ctrl-C does not reach.
        before: what the new process does first.
    """
    with Path(log).open("ab") as file:
        return subprocess.Popen(
            words,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=file,
            env={**os.environ, **environment},
            start_new_session=apart,
            preexec_fn=before,
        )


def born(pid: int) -> str:
    """When a process started, in the system's ticks; ``""`` where it has ended, ``?`` where the system has no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        if Path("/proc/self/stat").exists():
            return ""
        with suppress(ProcessLookupError):
            os.kill(pid, 0)
            return "?"
        return ""
    return "" if fields[0] == "Z" else fields[19]
