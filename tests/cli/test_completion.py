"""Shells complete commands, options, components, recipe keys and run folders, by the protocol that they speak."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands import call
from qatk.cli import app
from qatk.cli.completion import rejoin_bash_words
from qatk.plugins.host import PluginHost

PRESS_TAB = """
source ~/.bashrc
COMP_LINE="qatk run recipe.yaml --set decoder.use=merge" COMP_POINT=44
COMP_WORDS=(qatk run recipe.yaml --set decoder.use = merge)
COMP_CWORD=6
$(complete -p qatk | sed "s/.*-F //; s/ .*//") qatk
printf "%s\\n" "${COMPREPLY[@]}"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two run folders, another folder, and a recipe."""
    for name in ("runs/base", "runs/sweep/seed-0", "other"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("runs/base", "runs/sweep/seed-0"):
        (tmp_path / name / "manifest.json").write_text("{}")
    recipe = {"qatk": 1, "backbone": {"use": "tiny"}, "decoder": {"use": "merge-windows"}}
    (tmp_path / "recipe.yaml").write_text(json.dumps(recipe))
    (tmp_path / "broken.yaml").write_text("{")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def completed(line: str, monkeypatch: pytest.MonkeyPatch, shell: str = "zsh") -> list[str]:
    """What the shell is told about the last word of a line."""
    monkeypatch.setenv("_QATK_COMPLETE", f"complete_{shell}")
    if shell == "bash":
        words = [piece for word in line.split(" ") for piece in re.findall("[=:]+|[^=:]+|^$", word)]
        monkeypatch.setenv("COMP_LINE", line)
        monkeypatch.setenv("COMP_WORDS", "\n".join(words))
        monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    else:
        monkeypatch.setenv("_TYPER_COMPLETE_ARGS", line)
        monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    rejoin_bash_words()
    said = CliRunner().invoke(app, [], prog_name="qatk").stdout
    if shell == "zsh":
        said = said.replace("\\\\:", ":")  # zsh takes what is behind a colon for a description
        return re.findall(r'^(?:_arguments .*\(\()?"([^"]*)"', said, re.MULTILINE)
    return [part.split("\t")[0] for part in said.splitlines() if part]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_is_answered(folder: Path, shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert completed("qatk pu", monkeypatch, shell) == ["push", "pull"]
    assert completed("qatk predict --res", monkeypatch, shell) == ["--resume"]
    assert completed("qatk ask runs/", monkeypatch, shell) == ["runs/base", "runs/sweep/seed-0"]
    assert completed("qatk run recipe.yaml --set decoder.max", monkeypatch, shell) == ["decoder.max_answer_length="]
    values = completed("qatk run recipe.yaml --set decoder.use=", monkeypatch, shell)
    assert {"decoder.use=min-null", "decoder.use=merge-windows"} <= set(values)
    assert "decoder.use=" not in values
    assert completed("qatk ask runs/base --runtime onnx:i", monkeypatch, shell) == ["onnx:int8"]
    assert completed("qatk ask http://x --passages b", monkeypatch, shell) == ["bm25"]


@pytest.mark.parametrize(
    ("line", "due"),
    [
        ("qatk report ", ["runs/base", "runs/sweep/seed-0"]),
        ("qatk compare runs/base runs/s", ["runs/sweep/seed-0"]),
        ("qatk ask nowhere/", []),
        ("qatk run recipe.yaml --set backbone.vo", ["backbone.vocab_size="]),
        ("qatk run recipe.yaml --set decoder.use=merge", ["decoder.use=merge-windows"]),
        ("qatk run recipe.yaml --set see", ["seed="]),
        ("qatk run gone.yaml --set trainer.learn", ["trainer.learning_rate="]),
        ("qatk run broken.yaml --set trainer.learn", ["trainer.learning_rate="]),
        ("qatk compare recipe.yaml --over backbone.vo", ["backbone.vocab_size="]),
        ("qatk predict runs/base data.csv --use s", ["squad"]),
        ("qatk data show data.json --set bad", ["bad_answers="]),
        ("qatk data show rows.csv --set rol", ["roles="]),
        ("qatk data show --use facts --set quest", ["questions="]),
        ("qatk compare a b --report mark", ["markdown="]),
        ("qatk plugins show stri", ["stride"]),
        ("qatk plugins new dec", ["decoder"]),
        ("qatk ask runs/base --device c", ["cpu", "cuda"]),
        ("qatk ask runs/base --runtime onnx", ["onnx", "onnx:fp16", "onnx:fp32", "onnx:int8"]),
        ("qatk bench runs/base --runtime torch,openvino:i", ["torch,openvino:int8"]),
        ("qatk bench runs/b", ["runs/base"]),
        ("qatk predict runs/base data.csv --passages b", ["bm25"]),
        ("qatk export runs/base --to op", ["openvino"]),
    ],
)
def test_what_is_typed_is_completed(folder: Path, line: str, due: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert completed(line, monkeypatch) == due


def test_all_datasets_are_offered(folder: Path, host: PluginHost, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(completed("qatk data show --use ", monkeypatch)) == {host.use_of(r) for r in host.components("dataset")}


def test_bash_completes_once_it_is_installed(folder: Path) -> None:
    """A real bash reads what ``--install-completion`` wrote, and is asked as its Tab key asks."""
    shim = folder / "bin" / "qatk"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} -m qatk "$@"\n')
    shim.chmod(0o755)
    told = {"HOME": str(folder), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = call("qatk", "--install-completion", "bash", cwd=folder, **told)
    assert done.returncode == 0, done.stderr
    assert "bash completion installed" in done.stdout
    (folder / "press-tab").write_text(PRESS_TAB)
    environ = {**os.environ, "HOME": str(folder), "PATH": f"{shim.parent}:{os.environ['PATH']}"}
    shell = subprocess.run(["bash", "--norc", "press-tab"], capture_output=True, text=True, env=environ, cwd=folder)
    assert shell.stdout == "merge-windows\n", shell.stderr
    assert "compopt -o nospace" in (folder / ".bash_completions" / "qatk.sh").read_text()
