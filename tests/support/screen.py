"""What a terminal shows of what a command writes to it: enough of one for progress bars and reports."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import subprocess
import termios
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

WITHIN_S = 120
"""Seconds after which a command that still runs is killed."""
PAUSE_S = 0.5
"""Seconds before what is typed later: the prompt that echoed the last line is left by then."""
_STEP = re.compile(r"\x1b\[(\??\d*)(?:;\d+)*([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")


def written_by(
    command: Sequence[str], *, cwd: Path, columns: int = 80, typed: str = "", then: Sequence[tuple[str, str]] = ()
) -> tuple[str, int]:
    """All that a command writes to a terminal, what it takes back included; its exit code.

    ``typed`` is typed ahead; ``then`` has what is typed later, each after what it waits for.
    """
    ours, theirs = pty.openpty()
    os.write(ours, typed.encode())
    environ = {**os.environ, "COLUMNS": str(columns), "LINES": "50", "TERM": "xterm-256color", "OMP_NUM_THREADS": "1"}
    written, later, seen = bytearray(), list(then), 0
    own = partial(fcntl.ioctl, 0, termios.TIOCSCTTY, 0)  # its terminal controls it: what is typed can be a signal
    streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs, "start_new_session": True, "preexec_fn": own}
    with subprocess.Popen(command, cwd=cwd, env=environ, **streams) as process:
        os.close(theirs)
        late = threading.Timer(WITHIN_S, process.kill)
        late.daemon = True
        late.start()
        with suppress(OSError):  # what reading raises when nobody has the other end any more
            while piece := os.read(ours, 65536):
                written += piece
                if later and (found := written.find(later[0][0].encode(), seen)) >= 0:
                    seen = found + len(later[0][0])
                    time.sleep(PAUSE_S)
                    os.write(ours, later.pop(0)[1].encode())
    late.cancel()
    os.close(ours)
    return written.decode(), process.returncode


def screen(text: str) -> list[str]:
    """Lines, by carriage returns, line feeds, cursor moves up and erasures; colours show nothing."""
    lines, row, column = [""], 0, 0
    for number, letter, control, plain in _STEP.findall(text):
        if control == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif control == "\r":
            column = 0
        elif plain:
            line = lines[row].ljust(column)
            lines[row] = line[:column] + plain + line[column + len(plain) :]
            column += len(plain)
        elif letter == "A":
            row = max(0, row - int(number or 1))
        elif letter == "K":
            lines[row] = "" if number == "2" else lines[row][:column]
    return [line.rstrip() for line in lines]
