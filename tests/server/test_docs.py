"""The commands and the Python of the page "Serve models" run as they stand, but for the port."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

from commands import forked_python
from repository import ROOT

PAGE = (ROOT / "docs" / "how-to" / "serve.md").read_text("utf-8")
COMMANDS = [line[2:] for line in re.findall(r"^\$ .*$", PAGE, re.M)]
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.M | re.S)


def test_the_page_runs(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "quickstart").symlink_to(runs / "plain")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    ran = 0
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    environ = {**os.environ, "HF_HUB_OFFLINE": "1", "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    servers: list[subprocess.Popen[str]] = []
    for command in COMMANDS:
        command = command.replace("8000", port)
        if command.startswith("qatk serve"):
            while servers:
                _end(servers.pop())
            words = [forked_python(), "-m", *shlex.split(command), "--port", port]
            servers.append(subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=environ))
            stdout = servers[0].stdout
            assert stdout is not None
            assert "Answering on http://" in stdout.readline()
        else:
            done = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=tmp_path, env=environ)
            assert done.returncode == 0, done.stderr
            assert '"error"' not in done.stdout
            assert not command.startswith("curl") or done.stdout
        if ran == COMMANDS.index(next(c for c in COMMANDS if c.startswith("qatk serve"))):
            for block in BLOCKS:
                code = block.replace("8000", port)
                online = {**environ, "HF_HUB_OFFLINE": "0"}
                done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=online)
                assert done.returncode == 0, done.stderr
                assert "QuestionAnsweringOutputElement(answer=" in done.stdout
        ran += 1
    _end(servers.pop())
    assert ran == len(COMMANDS) >= 8
    assert len(BLOCKS) == 1


def _end(server: subprocess.Popen[str]) -> None:
    server.send_signal(signal.SIGTERM)
    assert server.wait(30) == 0
    if server.stdout is not None:
        server.stdout.close()


def test_the_table_of_limits_is_that_of_the_command() -> None:
    from qatk.server.limits import Limits

    limits = Limits()
    for option, value in (
        ("--max-body", f"{limits.body >> 20} MiB"),
        ("--max-context", f"{limits.context:,}"),
        ("--max-question", f"{limits.question:,}"),
        ("--max-questions", f"{limits.questions:,}"),
        ("--max-queue", f"{limits.queue:,}"),
        ("--timeout", f"{limits.seconds:g} s"),
    ):
        assert f"| `{option}` | {value} |" in PAGE
