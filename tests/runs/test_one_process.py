"""Processes that share a run folder, and signals that end one: real processes, through the command line."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer

import qatk
from commands import call, forked_python
from qatk.cli import app, progress
from qatk.cli import run as run_command
from qatk.errors import Interrupted, QatkWarning, RunFolderError
from qatk.run_folder.checkpoints import Checkpoints
from qatk.run_folder.lock import LOCK, locked
from qatk.run_folder.manifest import Identity, Manifest, StageRecord, write_manifest
from small import write_recipe

ENVIRON = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "100"}


def command(recipe: Path, *more: str, python: str = sys.executable) -> list[str]:
    return [python, "-m", "qatk", "run", str(recipe), "--out", str(recipe.parent / "run"), "--json", *more]


@contextmanager
def started(script: str) -> Iterator[subprocess.Popen[str]]:
    """A shell, and what it starts, in a session of their own."""
    with subprocess.Popen(
        ["bash", "-c", script],
        env=ENVIRON,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job's children ignore it
    ) as shell:
        try:
            yield shell
        finally:
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)


def running(recipe: Path, python: str = sys.executable) -> AbstractContextManager[subprocess.Popen[str]]:
    return started(f"exec {shlex.join(command(recipe, python=python))}")


def until(process: subprocess.Popen[str], folder: Path) -> None:
    """Wait for the first state of the training."""
    while process.poll() is None and not any((folder / "checkpoints").glob("step-*")):
        time.sleep(0.01)
    assert process.poll() is None, process.communicate()[1]


def test_a_second_process_is_refused_and_a_lock_left_behind_is_taken_over(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, epochs=500)
    folder = tmp_path / "run"
    with running(recipe, forked_python()) as first:
        until(first, folder)
        number = json.loads((folder / LOCK).read_text())["pid"]
        second = call(*command(recipe, "--resume")[2:])
        assert second.returncode == 2
        assert f"{folder} is in use by process {number} on {socket.gethostname()}, since 20" in second.stderr
        assert "wait for it or end it, or name another folder with --out" in second.stderr
        assert "Traceback" not in second.stderr
        assert first.poll() is None
        os.kill(number, signal.SIGKILL)
        assert first.wait(30) == -signal.SIGKILL
    assert (folder / LOCK).exists()
    third = call(*command(write_recipe(tmp_path, epochs=1))[2:])
    assert third.returncode == 2  # another run; but what was left is told, and the lock given back
    assert f"{folder} was left by process {number} on {socket.gethostname()}" in third.stderr
    assert "holds another run" in third.stderr
    assert not (folder / LOCK).exists()


def test_of_processes_that_start_at_once_one_makes_the_run(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, epochs=4)
    with running(recipe, forked_python()) as one, running(recipe, forked_python()) as other:
        ended = [(process.communicate(), process.returncode) for process in (one, other)]
    assert sorted(code for _, code in ended) == [0, 2], ended
    (out, _), (_, said) = sorted((texts for texts, _ in ended), key=lambda texts: not texts[0])
    assert "is in use by process" in said or "already holds this run" in said
    assert json.loads(out) == json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert not (tmp_path / "run" / LOCK).exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_whole(number: signal.Signals, code: int, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, epochs=500)
    folder = tmp_path / "run"
    with started(f"{shlex.join(command(recipe, python=forked_python()))}; echo code $?") as shell:
        until(shell, folder)
        os.kill(json.loads((folder / LOCK).read_text())["pid"], number)
        out, said = shell.communicate(timeout=60)
    assert out == f"code {code}\n"
    assert "error: interrupted\n  run the same command with --resume to continue\n" in said
    assert "Traceback" not in said
    assert [path.name for path in folder.rglob(".*")] == []
    json.loads((folder / "manifest.json").read_text())
    newest = Checkpoints(folder / "checkpoints", 2).newest()
    assert newest is not None
    assert "stopping after this step" in said


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        (("train",), ("interrupted", "continue")),
        (("train", "score"), ("interrupted as it was reported; all results are saved", "report them")),
    ],
)
def test_a_signal_says_what_is_left_to_do(
    stages: tuple[str, ...], said: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = Manifest(identity=Identity(recipe="mine"), stages={stage: StageRecord() for stage in stages})
    write_manifest(tmp_path, manifest)
    with pytest.raises(Interrupted) as caught:
        make(tmp_path, monkeypatch, run=interrupt)
    what, left = said
    assert (caught.value.what, caught.value.fix) == (what, f"run the same command with --resume to {left}")


def test_a_signal_is_too_late_for_a_run_that_is_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def show(*_: object) -> Iterator[None]:
        yield
        interrupt()

    monkeypatch.setattr(progress, "show_progress", show)
    make(tmp_path, monkeypatch, run=lambda *_: SimpleNamespace(metrics={"f1": 50.0}, normaliser="en", sets={}))
    assert json.loads(capsys.readouterr().out) == {"f1": 50.0, "normaliser": "en"}


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def make(folder: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., object]) -> None:
    """``qatk run --json`` with another run."""
    monkeypatch.setattr(run_command._Request, "_run", run)
    monkeypatch.setattr(run_command, "plugin_host", lambda _: None)
    context = typer.Context(typer.main.get_command(app))
    run_command._Request(Path("mine.yaml"), None, [], folder, False, None, None, json=True).make(context)


def test_a_loop_of_the_shell_stops(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, epochs=500)
    loop = f"for seed in 1 2 3; do echo begun; {shlex.join(command(recipe))}; done; echo ended"
    with started(loop) as shell:
        until(shell, tmp_path / "run")
        os.killpg(shell.pid, signal.SIGINT)  # as Ctrl-C does
        out, _ = shell.communicate(timeout=60)
    assert out == "begun\n"


def test_a_folder_is_given_back_and_goes_where_nothing_was_written(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "mine"
    with locked(folder):
        assert json.loads((folder / LOCK).read_text())["pid"] == os.getpid()
        with pytest.raises(RunFolderError, match=f"in use by process {os.getpid()} on"), locked(folder):
            raise AssertionError
        assert (folder / LOCK).exists()
    assert not (tmp_path / "runs").exists()
    with locked(folder):
        (folder / "manifest.json").write_text("{}")
    assert [path.name for path in folder.iterdir()] == ["manifest.json"]


def test_a_file_system_without_locks_is_told_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / LOCK).write_text("nonsense")

    failures = iter((errno.ENOLCK,))  # asked again and again, the test ends

    def refuse(*_: object) -> None:
        raise OSError(failure := next(failures), os.strerror(failure))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.warns(QatkWarning) as told, locked(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()
    said = f"{tmp_path} cannot be locked: {os.strerror(errno.ENOLCK)}; let no second process write there"
    assert [str(warning.message) for warning in told] == [said]
    assert not (tmp_path / LOCK).exists()


def test_what_is_no_run_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with locked(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    with locked(tmp_path / "notes.txt"):
        pass


@pytest.mark.parametrize("content", ["nonsense", '{"pid": "x"}', "[]"])
def test_a_lock_that_names_nobody_is_taken_over_too(content: str, tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text(content)
    with pytest.warns(QatkWarning, match="was left by a process that did not say which"), locked(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()


def test_a_link_in_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("precious")
    run = tmp_path / "run"
    run.mkdir()
    (run / LOCK).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunFolderError, match="is a link"), locked(run):
        raise AssertionError
    assert (tmp_path / "elsewhere").read_text() == "precious"


def test_calibrating_reporting_and_predicting_take_turns_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = write_recipe(tmp_path, train=24, dev=16, epochs=1)
    run = tmp_path / "run"
    qatk.run(recipe, out=run)
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}
    owner = f"is in use by process {os.getpid()} on"
    answers = [str(run), str(tmp_path / "dev.json"), "--out", str(tmp_path / "answers.json")]
    for words in (["calibrate", str(run)], ["report", str(run)], ["predict", *answers]):
        held = tmp_path / "answers.json.parts" if words[0] == "predict" else run
        with locked(held, any_folder=True):
            done = call("qatk", *words)
        assert (done.returncode, done.stdout.count("written")) == (2, 0), done.stderr
        assert owner in done.stderr
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()} == before
    assert not (tmp_path / "answers.json").exists()
