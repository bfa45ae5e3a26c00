"""What is told of run folders from their manifests: states, figures, times; and of what ended a run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

import qatk
from commands import call, forked_python
from qatk.errors import QatkWarning, UsageError
from qatk.run_folder.folder import RunFolder
from qatk.run_folder.listing import RunSummary, list_runs, read_summary
from qatk.run_folder.lock import LOCK, holder_of, locked
from qatk.run_folder.manifest import Identity, StageRecord
from qatk.run_folder.watching import Watched
from small import write_recipe


def made(path: Path, *stages: str, f1: float | None = None, **recipe: object) -> RunFolder:
    """A run folder with no more than what lists read."""
    folder = RunFolder.open(path, Identity(recipe=path.name), resume=False)
    filled = {"seed": 1, "backbone": {"use": "hf", "model": "org/encoder"}, "head": {"use": "linear"}, **recipe}
    folder.update(name="recipe", recipe=filled, stages={name: StageRecord(seconds=30.0) for name in stages})
    folder.save()
    if f1 is not None:
        (path / "metrics.json").write_text(json.dumps({"exact": f1 - 5, "f1": f1, "normaliser": "en"}))
    return folder


def leave_lock(path: Path, pid: int) -> None:
    """What a killed process leaves in its folder."""
    held = {"pid": pid, "host": os.uname().nodename, "since": "2026-01-01 10:00:00"}
    (path / LOCK).write_text(json.dumps(held))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A run in every state but ``running``, some of them deeper."""
    made(tmp_path / "done", "data", "train", "score", f1=70.0)
    made(tmp_path / "sweep" / "better", "data", "train", "score", f1=80.0, head={"use": "biaffine"})
    made(tmp_path / "sweep" / "old", "data")
    made(tmp_path / "dead", "data")
    leave_lock(tmp_path / "dead", 2**22 + 1)  # more than Linux gives
    with pytest.raises(KeyboardInterrupt), made(tmp_path / "ctrl-c", "data").noting_the_end():
        raise KeyboardInterrupt
    with pytest.raises(UsageError), made(tmp_path / "wrong", "data").noting_the_end():
        raise UsageError("no such thing", fix="take another")
    (tmp_path / ".hidden").mkdir()
    made(tmp_path / ".hidden" / "run", "data")
    return tmp_path


def states(found: list[RunSummary], root: Path) -> dict[str, str]:
    return {str(run.folder.relative_to(root)): run.state for run in found}


def test_every_state_is_told(runs: Path) -> None:
    found = list_runs(runs)
    assert states(found, runs) == {
        "ctrl-c": "stopped",
        "dead": "killed",
        "done": "finished",
        "sweep/better": "finished",
        "sweep/old": "stopped",
        "wrong": "failed",
    }
    by_name = {run.folder.name: run for run in found}
    assert by_name["wrong"].why == "no such thing\n  take another"
    assert by_name["better"].metrics == {"exact": 75.0, "f1": 80.0}
    assert by_name["better"].seconds == 90.0
    assert by_name["better"].backbone == "org/encoder"


def test_a_lock_that_is_held_says_running_and_stays_held(runs: Path) -> None:
    with locked(runs / "sweep" / "old"):
        assert states(list_runs(runs), runs)["sweep/old"] == "running"
        holder = holder_of(runs / "sweep" / "old")
        assert holder is not None
        assert (holder.pid, holder.alive) == (os.getpid(), True)
        with pytest.raises(UsageError, match="in use"), locked(runs / "sweep" / "old"):
            pass
    assert states(list_runs(runs), runs)["sweep/old"] == "stopped"


def test_a_number_that_another_process_has_now_is_not_the_run(runs: Path) -> None:
    leave_lock(runs / "dead", os.getpid())
    assert states(list_runs(runs), runs)["dead"] == "killed"


def test_what_cannot_be_read_is_named_and_the_rest_is_listed(runs: Path) -> None:
    (runs / "done" / "manifest.json").write_text('{"format": 2, ')
    with pytest.warns(QatkWarning, match=r"left out: .*done/manifest\.json:1:15 cannot be read"):
        assert len(list_runs(runs)) == 5


def test_a_folder_whose_path_is_too_long_is_left_out(runs: Path) -> None:
    before = os.open(runs, os.O_RDONLY)
    for _ in range(18):  # 4,096 bytes is what a path may have
        os.mkdir("d" * 250, dir_fd=before)
        after = os.open("d" * 250, os.O_RDONLY, dir_fd=before)
        os.close(before)
        before = after
    os.close(before)
    with pytest.warns(QatkWarning, match=r"left out: .*d: File name too long"):
        found = list_runs(runs)
    assert len(found) == 6
    shutil.rmtree(runs / ("d" * 250))  # what comes after the tests may stumble over it too


@pytest.mark.parametrize("held", ["{}", "[1]", '{"pid": "x"}', "nothing"])
def test_a_lock_that_says_nothing_is_nobodys(runs: Path, held: str) -> None:
    (runs / "done" / LOCK).write_text(held)
    assert holder_of(runs / "done") is None


def test_a_clock_that_was_put_back_gives_no_negative_time(runs: Path) -> None:
    with locked(runs / "sweep" / "old"):
        lock = runs / "sweep" / "old" / LOCK
        lock.write_text(json.dumps({**json.loads(lock.read_text()), "since": "2999-01-01 10:00:00"}))
        assert read_summary(runs / "sweep" / "old").seconds == 0.0


def test_a_process_of_another_container_is_asked_for_by_its_lock(runs: Path) -> None:
    with locked(runs / "sweep" / "old"):
        lock = runs / "sweep" / "old" / LOCK
        lock.write_text(json.dumps({**json.loads(lock.read_text()), "pid": 1 << 30, "numbers": "others"}))
        assert read_summary(runs / "sweep" / "old").state == "running"


def test_a_run_that_is_over_shows_nothing_of_its_work(runs: Path) -> None:
    held = {"pid": os.getpid(), "host": os.uname().nodename, "since": "2026-01-01 10:00:00", "noted": {"epoch": 1}}
    (runs / "done" / LOCK).write_text(json.dumps(held))
    assert (Watched(runs / "done").look().state, Watched(runs / "done").look().noted) == ("finished", {})


def test_a_thousand_runs_are_listed_in_a_moment(tmp_path: Path) -> None:
    for i in range(1000):
        (tmp_path / f"{i}").mkdir()
    made(tmp_path / "0", "data", "score", f1=1.0)
    for i in range(1, 1000):
        for name in ("manifest.json", "metrics.json"):
            (tmp_path / f"{i}" / name).write_bytes((tmp_path / "0" / name).read_bytes())
    began = time.process_time()
    assert len(list_runs(tmp_path)) == 1000
    assert time.process_time() - began < 3


def test_a_run_tells_how_it_ended_and_forgets_it_when_it_goes_on(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, train=64, dev=16, epochs=8)
    out = tmp_path / "runs" / "one"
    command = [forked_python(), "-m", "qatk", "run", str(recipe), "--out", str(out)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and not ((out / "events.jsonl").exists() and list_runs(out)[0].metrics):
            time.sleep(0.02)
        assert list_runs(out)[0].state == "running"
        process.send_signal(signal.SIGTERM)
    stopped = list_runs(tmp_path / "runs")[0]
    assert stopped.state == "stopped", "ended too early to test anything"
    assert 0 <= stopped.metrics["f1"] <= 100
    listed = call("qatk", "runs", "list", cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.split("\n")[2].split()[:3] == ["one", "recipe", "tiny"]
    qatk.run(recipe, out=out, resume=True)
    assert list_runs(tmp_path / "runs")[0].state == "finished"
    assert "ended" not in json.loads((out / "manifest.json").read_text())


def test_a_run_that_fails_says_why(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, train=32, dev=16, epochs=1, learning_rate=1e30, warmup=0.0, max_grad_norm=1e30)
    with pytest.raises(qatk.errors.TrainingDiverged):
        qatk.run(recipe, out=tmp_path / "runs" / "bad")
    (run,) = list_runs(tmp_path / "runs")
    assert run.state == "failed"
    assert "became" in run.why


@pytest.mark.parametrize("words", [["--resume"], []])
def test_another_recipe_is_refused_by_the_keys_that_differ(tmp_path: Path, words: list[str]) -> None:
    recipe = write_recipe(tmp_path, train=16, dev=8, epochs=1, max_steps=1)
    out = tmp_path / "runs" / "one"
    qatk.run(recipe, out=out, limit=8)
    changes = ["--set", "head.use=biaffine", "--set", "trainer.epochs=3", "--set", "keep_last=5"]
    done = call("qatk", "run", recipe, "--out", out, *changes, *words)
    assert done.returncode == 2
    assert "its limit, recipe differ (" in done.stderr
    assert 'head.use "linear", now "biaffine"' in done.stderr
    assert "trainer.epochs 1, now 3" in done.stderr
    assert "limit 8, now none" in done.stderr
    assert "keep_last" not in done.stderr
    if words:
        again = call("qatk", "run", recipe, "--out", out, "--limit", 8, "--set", "keep_last=5", "--json", *words)
        assert again.returncode == 0, again.stderr
