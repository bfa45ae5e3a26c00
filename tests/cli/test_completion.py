"""Shells complete commands, options, components, recipe keys and run folders, by the protocol that they speak."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands import call, forked_python
from qatk.cli import app
from qatk.cli.completion import rejoin_bash_words
from qatk.plugins.host import PluginHost
from screen import screen, written_by

SET = "qatk run r.yaml --set decoder."


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
        ("qatk compare recipe.yaml --set see", ["seed="]),
        ("qatk compare a b --data rows.csv --set rol", ["roles="]),
        ("qatk eval rows.csv answers.json --set rol", ["roles="]),
        ("qatk compare a b --report mark", ["markdown="]),
        ("qatk plugins show stri", ["stride"]),
        ("qatk plugins new dec", ["decoder"]),
        ("qatk ask runs/base --device c", ["cpu", "cuda"]),
        ("qatk ask runs/base --runtime onnx", ["onnx", "onnx:fp16", "onnx:fp32", "onnx:int8"]),
        ("qatk bench runs/base --runtime torch,openvino:i", ["torch,openvino:int8"]),
        ("qatk bench runs/b", ["runs/base"]),
        ("qatk predict runs/base data.csv --passages b", ["bm25"]),
        ("qatk predict runs/base data.csv --null-threshold c", ["calibrated"]),
        ("qatk export runs/base --to op", ["openvino"]),
        ("qatk export runs/base --to openvino --precision f", ["fp16", "fp32"]),
    ],
)
def test_what_is_typed_is_completed(folder: Path, line: str, due: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert completed(line, monkeypatch) == due


def test_all_datasets_are_offered(folder: Path, host: PluginHost, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(completed("qatk data show --use ", monkeypatch)) == {host.use_of(r) for r in host.components("dataset")}


def test_shells_complete_once_it_is_installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real shells read what ``--install-completion`` wrote; the Tab key is pressed in those that this machine has."""
    shim = folder / "bin" / "qatk"
    shim.parent.mkdir()
    asked = f'exec {forked_python()} -m qatk "$@"'
    shim.write_text(f'#!/bin/sh\n[ -z "$_QATK_COMPLETE" ] && echo "told: $*" || {asked}\n')
    shim.chmod(0o755)
    for name, value in {"HOME": str(folder), "PATH": f"{shim.parent}:{os.environ['PATH']}"}.items():
        monkeypatch.setenv(name, value)
    (folder / ".inputrc").write_text("set enable-bracketed-paste off\n")
    lines = {"qatk pus\t--public": "push --public", f"{SET}max\t9": "run r.yaml --set decoder.max_answer_length=9"}
    for shell in filter(shutil.which, ("bash", "zsh", "fish")):
        done = call("qatk", "--install-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
        assert f"{shell} completion installed" in done.stdout, done.stderr
        if shell == "fish":  # it wants a terminal of its own, and tells what it would complete
            words = ["fish", "-c", f"complete -C '{SET}use=mer'"]
            assert subprocess.check_output(words, text=True, cwd=folder).split() == ["decoder.use=merge-windows"]
            continue
        typed = list(lines) if shell == "zsh" else list(lines)[1:]  # zsh loads the script at the first Tab
        command = [shell, "-i"]
        written, _ = written_by(command, cwd=folder, typed="".join(f"{line}\r" for line in (*typed, "exit")))
        told = [line.strip() for line in screen(written) if line.startswith("told: ")]
        assert told == [f"told: {lines[line]}" for line in typed], written
