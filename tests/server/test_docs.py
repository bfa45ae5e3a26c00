"""The commands and the Python of the pages on servers run as they stand, but for the port."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

from commands import call, forked_python
from qatk.data import save
from qatk.plugins.host import PluginHost
from repository import ROOT

HOW_TO = ROOT / "docs" / "how-to"
PAGE = (HOW_TO / "serve.md").read_text("utf-8")
TINY = ("backbone={use: tiny, layers: 1, hidden_size: 32, max_length: 64}", "featurizer={use: stride, max_length: 64}")


def commands_of(page: str) -> list[str]:
    return [line[2:] for line in re.findall(r"^\$ .*$", page, re.M)]


def python_of(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)


def test_the_page_runs(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "quickstart").symlink_to(runs / "plain")
    commands, (block,) = commands_of(PAGE), python_of(PAGE)
    with Followed(tmp_path) as page:
        for number, command in enumerate(commands):
            said = page.follow(command)
            assert '"error"' not in said
            if command.startswith("qatk serve") and number == 0:
                assert "QuestionAnsweringOutputElement(answer=" in page.python(block)
    assert len(commands) >= 8


def test_labelled_passages_become_a_server_with_citations(tmp_path: Path) -> None:
    """The page "Evidence", command by command, with the tiny backbone in place of MiniLM."""
    page = (HOW_TO / "evidence.md").read_text("utf-8")
    for name, seed in (("train", 1), ("dev", 2)):
        options = {"questions": 64, "seed": seed, "lists": 0.5, "long": 0.0}
        save(PluginHost.discover().build("dataset", "facts", options).load(), tmp_path / f"{name}.jsonl")
    recipe = re.search(r"^```yaml\n(.*?)^```$", page, re.M | re.S)
    assert recipe is not None
    (tmp_path / "evidence.yaml").write_text(recipe[1])
    commands, (block,) = commands_of(page), python_of(page)
    with Followed(tmp_path) as followed:
        for command in commands:
            settings = [*TINY, "featurizer.doc_stride=8", "trainer.epochs=1", "decoder.null_threshold=never"]
            tiny = "".join(f" --set '{setting}'" for setting in settings) if command.startswith("qatk run") else ""
            # so small a model cannot promise anything, which is no mistake of the page
            said = followed.follow(command + tiny, fails=command.startswith("qatk calibrate"))
        assert "cannot promise" in followed.errors
        replies = json.loads(said)["answers"]
        assert [bool(reply["spans"]) for reply in replies] == [True, True]
        assert all(reply["spans"][0]["text"].endswith(".") for reply in replies)
        assert followed.python(block).startswith("[1] ")
    assert len(commands) == 5


class Followed:
    """A page that is followed in a folder: one server at a time, at a port of its own in place of 8000."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.errors = folder, ""
        self.server: subprocess.Popen[str] | None = None
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = str(listener.getsockname()[1])
        (folder / "bin").mkdir()
        (folder / "bin" / "python").symlink_to(sys.executable)
        self.environ = {**os.environ, "HF_HUB_OFFLINE": "1", "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}

    def __enter__(self) -> Followed:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def follow(self, command: str, *, fails: bool = False) -> str:
        """Standard output of a command; a server is left to run."""
        command = command.replace("8000", self.port)
        if command.startswith("qatk serve"):
            self.end()
            words = [forked_python(), "-m", *shlex.split(command), "--port", self.port]
            self.server = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=self.folder, env=self.environ)
            assert self.server.stdout is not None
            said = self.server.stdout.readline()
            assert "Answering on http://" in said
            return said
        if command.startswith("qatk "):
            done = call(*shlex.split(command), cwd=self.folder)
        else:
            done = subprocess.run(
                command, shell=True, capture_output=True, text=True, cwd=self.folder, env=self.environ
            )
            assert done.stdout or not command.startswith("curl")
        assert done.returncode == (1 if fails else 0), done.stderr
        self.errors += done.stderr
        return done.stdout

    def python(self, block: str) -> str:
        """Standard output of a block of Python."""
        code = block.replace("8000", self.port)
        online = {**self.environ, "HF_HUB_OFFLINE": "0"}
        words = [forked_python(), "-c", code]
        done = subprocess.run(words, capture_output=True, text=True, cwd=self.folder, env=online)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def end(self) -> None:
        """Let the server end as it should."""
        if self.server is not None:
            self.server.send_signal(signal.SIGTERM)
            assert self.server.wait(30) == 0
            assert self.server.stdout is not None
            self.server.stdout.close()
            self.server = None


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
        ("--keep-alive", f"{limits.keep_alive} s"),
    ):
        assert f"| `{option}` | {value} |" in PAGE
    assert f"client_max_body_size {limits.body >> 20}m;" in PAGE, "what a proxy lets pass"
    assert int(PAGE.partition("proxy_read_timeout ")[2].partition("s;")[0]) > limits.seconds
