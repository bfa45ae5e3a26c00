"""Processes on this machine: their GPUs and cores, and runs that outlive the command that started them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from commands import forked_python
from qatk.api import Job, QatkWarning
from qatk.runs.processes import _places
from qatk_builtin.launchers import LocalOptions
from qatk_builtin.launchers.local import LocalLauncher
from small import write_recipe


@pytest.mark.parametrize(
    ("visible", "jobs", "seen"),
    [("5,7", 2, ["5", "7"]), ("5,7,9", 2, ["5", "7"]), ("5,7", 1, ["5,7"])],
)
def test_each_job_has_a_gpu_where_there_are_several(
    visible: str, jobs: int, seen: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    launcher = LocalLauncher(LocalOptions(jobs=jobs))
    assert launcher.connect() == jobs
    says = (sys.executable, "-c", "import os, sys; sys.stderr.write(os.environ['CUDA_VISIBLE_DEVICES'])")
    ids = launcher.submit([Job(str(i), says, tmp_path, tmp_path / f"{i}.log") for i in range(jobs)])
    while any(state.state == "running" for state in launcher.states(ids)):
        time.sleep(0.01)
    assert [(tmp_path / f"{i}.log").read_text() for i in range(jobs)] == seen


def test_no_more_jobs_than_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    with pytest.warns(QatkWarning, match="3 jobs at a time: there is room for 2 "):
        assert LocalLauncher(LocalOptions(jobs=3)).connect() == 2


def test_cores_are_shared_that_the_process_may_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qatk.cores._ROOT", tmp_path)  # without a quota
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(3000, 3006)), raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    launcher = LocalLauncher(LocalOptions(jobs=3))
    assert launcher.connect() == 3
    places = _places(2, 1234)
    assert [slot["OMP_NUM_THREADS"] for slot in (*launcher.slots, *places)] == ["2", "2", "2", "3", "3"]
    with pytest.warns(QatkWarning, match="7 jobs at a time: there is room for 6 "):
        assert LocalLauncher(LocalOptions(jobs=7)).connect() == 6


def test_another_process_of_the_same_number_is_not_the_job(tmp_path: Path) -> None:
    launcher = LocalLauncher(LocalOptions())
    [state] = launcher.states([f"{os.uname().nodename}:{os.getpid()}:1:0"])
    assert state.state == "ended"
    [state] = launcher.states([f"another-host:{os.getpid()}:1:0"])
    assert state.state == "ended"


def begin(folder: Path, *options: str) -> subprocess.Popen[str]:
    """A comparison in a process of its own, as a terminal starts it."""
    command = [forked_python(), "-m", "qatk", "compare", "recipe.yaml", "--over", "backbone.layers=1,2"]
    words = [*command, "--out", "made", "--json", "--draws", "1000", *options]
    environ = {**os.environ, "FORKED_PYTHON": forked_python()}
    return subprocess.Popen(words, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ)


def test_runs_outlive_the_command_and_the_same_command_follows_them(tmp_path: Path) -> None:
    write_recipe(tmp_path, train=64, dev=8, epochs=30)
    first = begin(tmp_path, "--keep-running")
    events = wait_for(tmp_path, "events", "epoch")
    record = json.loads(wait_for(tmp_path, "job.json", "id").read_text())
    first.send_signal(signal.SIGINT)
    _, said = first.communicate(timeout=60)
    assert first.returncode == -signal.SIGINT, said
    assert "interrupted; what was started goes on" in said
    assert Path(f"/proc/{record['id'].split(':')[1]}").exists()
    second = begin(tmp_path)
    out, said = second.communicate(timeout=120)
    assert second.returncode == 0, said
    assert [run["state"] for run in json.loads(out)["runs"]] == ["resumed", "made"]
    manifests = sorted((tmp_path / "made").glob("*/manifest.json"), key=lambda path: path.stat().st_mtime)
    assert len(manifests) == 2
    assert not events.exists()
    assert not list((tmp_path / "made").glob("*.job.json"))
    stages = [json.loads(path.read_text())["stages"] for path in manifests]
    assert all("score" in names for names in stages)


def wait_for(folder: Path, ending: str, text: str) -> Path:
    """The file of the first run, as soon as it says that."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for path in (folder / "made").glob(f"*.{ending}"):
            if text in path.read_text():
                return path
        time.sleep(0.05)
    raise AssertionError(f"no {ending} with {text}")
