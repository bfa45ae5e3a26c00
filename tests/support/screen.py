"""What a terminal shows of what a command writes to it: enough of one for progress bars and reports."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

_STEP = re.compile(r"\x1b\[(\??\d*)(?:;\d+)*([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")


def shown_by(command: Sequence[str], *, cwd: Path, columns: int = 80) -> tuple[list[str], int]:
    """The lines that stay when a command has ended whose output and messages go to one terminal; its exit code."""
    written, code = written_by(command, cwd=cwd, columns=columns)
    return screen(written), code


def written_by(command: Sequence[str], *, cwd: Path, columns: int = 80, typed: str = "") -> tuple[str, int]:
    """All that a command writes to a terminal, what it takes back included; its exit code. ``typed`` is typed ahead."""
    ours, theirs = pty.openpty()
    os.write(ours, typed.encode())
    environ = {**os.environ, "COLUMNS": str(columns), "LINES": "50", "TERM": "xterm-256color", "OMP_NUM_THREADS": "1"}
    written = bytearray()
    with subprocess.Popen(command, cwd=cwd, stdin=theirs, stdout=theirs, stderr=theirs, env=environ) as process:
        os.close(theirs)
        with suppress(OSError):  # what reading raises when nobody has the other end any more
            while piece := os.read(ours, 65536):
                written += piece
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
