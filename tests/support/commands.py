"""Commands in processes of their own."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from multiprocessing import resource_tracker, spawn
from pathlib import Path

from repository import SUPPORT

PYTEST = ("pytest", "-p", "no:cacheprovider", "-p", "no:schemathesis", "--assert=plain")
"""The first words of a call of pytest: it leaves nothing behind, half a second of loading out, and qatk as it is."""


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
    path = os.pathsep.join([*map(str, paths), *known])
    given = {
        "words": ["-m", *named],
        "cwd": str(cwd or Path.cwd()),
        "environ": {**os.environ, "COLUMNS": "100", "PYTHONPATH": path, **environ},
        "numbers": [0, 1, 2],
    }
    with tempfile.TemporaryFile() as read, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as said:
        read.write(stdin.encode() if isinstance(stdin, str) else stdin)
        read.seek(0)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as channel:  # the process ends with it
            channel.connect(_server())
            socket.send_fds(channel, [json.dumps(given).encode()], [file.fileno() for file in (read, out, said)])
            channel.recv(64)  # its number
            channel.settimeout(timeout)
            code = int(channel.recv(64))
        texts = []
        for file in (out, said):
            file.seek(0)
            texts.append(file.read().decode().replace("\r\n", "\n"))
    return subprocess.CompletedProcess(named, code, *texts)


def share() -> None:
    """Start what ``call`` forks from, for all workers of a pytest-xdist that this process is about to start."""
    for kind in ((), ("light",)):
        os.environ[_name(*kind)] = _begin(*kind)[0]


def _name(*kind: str) -> str:
    return "_".join(("WARM_SERVER", *kind)).upper()


@cache
def _server(*kind: str) -> str:
    """The address of a :mod:`warm` that is ready: the shared one, or one that ends with this process."""
    shared = os.environ.get(_name(*kind))
    address, server = (shared, None) if shared else _begin(*kind)
    late = time.monotonic() + 300
    while not Path(address).exists():  # the libraries are still loading
        assert time.monotonic() < late
        assert server is None or server.poll() is None
        time.sleep(0.02)
    return address


def _begin(*kind: str) -> tuple[str, subprocess.Popen[bytes]]:
    folder = Path(tempfile.mkdtemp(prefix="warm-"))
    address = folder / "socket"
    ours, theirs = socket.socketpair()
    command = [sys.executable, str(SUPPORT / "warm.py"), str(address), str(theirs.fileno()), *kind]
    with theirs:
        server = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(server.wait)
    atexit.register(ours.close)  # before: it is what ends the server
    return str(address), server


@cache
def forked_python(*kind: str) -> str:
    """A program that stands in for ``sys.executable``: what it runs is forked from the same process, as is ``call``.

    Signals are passed on, but the process has another number and the libraries are there already: take the real one
    where these or the start are what is tested. ``call(..., FORKED_PYTHON=forked_python())`` gives it to a command.
    With ``"light"`` only small libraries are there, none that a plugin should not import.
    """
    program = Path(_server(*kind)).with_name(f"python-{os.getpid()}")
    launcher = (SUPPORT / "launcher.py").read_text("utf-8")
    program.write_text(f"#!{sys.executable} -IS\n{launcher}\nmain({_server(*kind)!r})\n")
    program.chmod(0o755)
    return str(program)


@contextmanager
def forking() -> Iterator[None]:
    """Within the block, processes that are spawned by multiprocessing are forked as the others are."""
    resource_tracker.ensure_running()  # as it would be
    before = spawn.get_executable()
    spawn.set_executable(forked_python())
    try:
        yield
    finally:
        spawn.set_executable(before)


def pretend_to_install(folder: Path, target: Path) -> None:
    """What an editable install leaves behind, without pip: a dozen of these in a second."""
    name = folder.name.removeprefix("qatk-").replace("-", "_")
    info = target / f"qatk_{name}-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: qatk-{name}\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(f"[qatk]\n{name.replace('_', '-')} = qatk_{name}\n")
