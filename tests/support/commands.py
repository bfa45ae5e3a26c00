"""Commands in processes of their own."""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from repository import SUPPORT


def call(
    *words: object,
    cwd: Path | None = None,
    paths: Sequence[Path] = (),
    stdin: str | bytes = b"",
    timeout: float = 300,
    **environ: str,
) -> subprocess.CompletedProcess[str]:
    """``python -m WORDS`` with ``paths`` before all others, forked from a process that has loaded the libraries."""
    named = [str(word) for word in words]
    known = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    given = {
        "words": named,
        "cwd": str(cwd or Path.cwd()),
        "paths": [str(path) for path in paths],
        "environ": {
            **os.environ,
            "COLUMNS": "100",
            "PYTHONPATH": os.pathsep.join([*map(str, paths), *known]),
            **environ,
        },
    }
    with tempfile.TemporaryFile() as read, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said:
        read.write(stdin.encode() if isinstance(stdin, str) else stdin)
        read.seek(0)
        channel = _server()
        channel.settimeout(None)  # the libraries may still be loading
        socket.send_fds(channel, [json.dumps(given).encode()], [file.fileno() for file in (read, out, said)])
        pid = int(channel.recv(64))
        channel.settimeout(timeout)
        try:
            code = int(channel.recv(64))
        except TimeoutError:
            os.kill(pid, 9)
            channel.settimeout(None)
            channel.recv(64)
            raise
        texts = []
        for file in (out, said):
            file.seek(0)
            texts.append(file.read().decode().replace("\r\n", "\n"))
    return subprocess.CompletedProcess(named, code, *texts)


@cache
def _server() -> socket.socket:
    """The end of a line to :mod:`warm`, which ends with this process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, str(SUPPORT / "warm.py"), str(theirs.fileno())]
    with theirs:
        server = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
    atexit.register(server.wait)
    atexit.register(ours.close)  # before: it is what ends the server
    return ours


def pretend_to_install(folder: Path, target: Path) -> None:
    """What an editable install leaves behind, without pip: a dozen of these in a second."""
    name = folder.name.removeprefix("qatk-").replace("-", "_")
    info = target / f"qatk_{name}-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: qatk-{name}\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(f"[qatk]\n{name.replace('_', '-')} = qatk_{name}\n")
