"""Standard output that is full, closed, or of another encoding, under every command."""

from __future__ import annotations

import io
import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TextIO

import pytest

from compare_tools import squad_of
from qatk.cli import main
from qatk.plugins.host import PluginHost
from qatk.recipes.recipe import parse_recipe
from qatk.runs.run import run
from small import write_recipe
from wrong_inputs import DATA

COMMANDS = [
    "--version",
    "--help",
    "run --help",
    "recipe check recipe.yaml",
    "recipe check recipe.yaml --json",
    "recipe check wrong.yaml --json",
    "recipe fill recipe.yaml",
    "recipe fill recipe.yaml --json",
    "recipe schema",
    "plugins list",
    "plugins list --json",
    "plugins show min-null",
    "plugins show min-null --json",
    "plugins check squad --kind metric",
    "plugins check squad --kind metric --json",
    "plugins new decoder mine",
    "data show data.json",
    "data show data.json --json",
    "eval data.json said.json",
    "eval data.json said.json --json",
    "report done",
    "calibrate done",
    "calibrate done --json",
    "compare done done",
    "compare done done --json",
    "compare done done --markdown -",
    "run recipe.yaml --out done --resume",
    "run recipe.yaml --out done --resume --json",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, host: PluginHost) -> Path:
    root = tmp_path_factory.mktemp("output")
    run(write_recipe(root, train=24, dev=16, epochs=1), out=root / "done", host=host)
    (root / "wrong.yaml").write_text("qatk: 1\n")
    (root / "data.json").write_text(json.dumps(squad_of(DATA)))
    (root / "said.json").write_text(json.dumps(dict.fromkeys(DATA.id, "1905")))
    return root


def call(command: str, folder: Path, output: TextIO, monkeypatch: pytest.MonkeyPatch) -> int | str | None:
    """The exit code of a command that writes to ``output``."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["qatk", *shlex.split(command)])
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", output)
        with pytest.raises(SystemExit) as ended:
            main()
    return ended.value.code


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_is_told_in_one_message(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with open("/dev/full", "w", encoding="utf-8") as file:  # noqa: PTH123
        assert call(command, folder, file, monkeypatch) == 1
    said = [line for line in capfd.readouterr().err.splitlines() if "skipped" not in line and line != "data"]
    assert said == ["error: standard output: cannot write: No space left on device"]


def test_a_reader_that_leaves_and_a_closed_output_give_no_message(folder: Path) -> None:
    for shell in ("{} recipe schema | head -c 1", "{} plugins list >&-", "{} report done | head -1"):
        command = shell.format(f"{sys.executable} -m qatk")
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=folder, check=False)
        assert done.stderr == "", command
    assert (folder / "done" / "report.html").exists()


def told(command: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a command writes to a standard output that takes ASCII alone."""
    written = io.BytesIO()
    code = call(command, folder, io.TextIOWrapper(written, encoding="ascii", write_through=True), monkeypatch)
    assert not code
    return written.getvalue().decode("ascii")


def test_chinese_data_on_a_terminal_without_chinese(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    qa = {"id": "a", "question": "何时?", "answers": [{"text": "一九零五年", "answer_start": 0}]}
    document = {"data": [{"paragraphs": [{"context": "一九零五年建成。", "qas": [qa]}]}]}
    (folder / "chinese.json").write_text(json.dumps(document, ensure_ascii=False), "utf-8")
    shown = told("data show chinese.json", folder, monkeypatch)
    assert "question  ??" in shown


def test_json_and_yaml_lose_nothing_in_ascii(folder: Path, monkeypatch: pytest.MonkeyPatch, host: PluginHost) -> None:
    (folder / "中文.yaml").write_text(
        "qatk: 1\nbackbone: {use: tiny}\ndata: {dev: {use: squad, path: 中文\\x85.json}}\n", "utf-8"
    )
    filled = told("recipe fill 中文.yaml", folder, monkeypatch)
    choice = parse_recipe(filled, "x", host).one("data", "dev")
    assert choice is not None
    assert choice.filled()["path"] == "中文\\x85.json"
    found = json.loads(told("recipe fill 中文.yaml --json", folder, monkeypatch))
    assert found["data"]["dev"]["path"] == "中文\\x85.json"


def test_every_command_speaks_to_a_terminal_without_unicode(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for command in (
        "report done",
        "compare done done",
        "calibrate done",
        "plugins list",
        "compare done done --markdown -",
    ):
        assert told(command, folder, monkeypatch)
