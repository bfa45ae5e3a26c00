"""``qatk runs watch``: a run of another process, in a terminal and as lines, until it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands import call, forked_python
from qatk.cli import app
from qatk.run_folder.folder import RunFolder
from qatk.run_folder.lock import LOCK, holder_of, locked
from qatk.run_folder.manifest import Ended, Identity, StageRecord
from qatk.run_folder.watching import Watched
from screen import screen, written_by
from small import write_recipe


def begin(recipe: Path, out: Path, *words: str) -> subprocess.Popen[bytes]:
    """A run in a process of its own, once its lock is there."""
    command = [forked_python(), "-m", "qatk", "run", str(recipe), "--out", str(out), *words]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while process.poll() is None and ((holder := holder_of(out)) is None or not holder.alive):
        time.sleep(0.01)
    return process


def watch_command(out: Path) -> list[str]:
    return [forked_python(), "-m", "qatk", "runs", "watch", str(out)]


def test_a_run_is_watched_as_lines_until_it_is_stopped(tmp_path: Path) -> None:
    recipe, out = write_recipe(tmp_path, train=64, dev=16, epochs=500), tmp_path / "run"
    with (
        begin(recipe, out) as run,
        (tmp_path / "lines").open("w") as lines,
        subprocess.Popen(watch_command(out), stdout=-1, stderr=lines, text=True) as watching,
    ):
        while watching.poll() is None and "epoch" not in (tmp_path / "lines").read_text():
            time.sleep(0.05)
        run.send_signal(signal.SIGTERM)
        said, _ = watching.communicate()
    shown = (tmp_path / "lines").read_text()
    assert watching.returncode == 75, shown
    assert said == "stopped\n"
    assert "train\n" in shown
    assert ", EM " in shown
    assert "Traceback" not in shown


def test_a_run_is_watched_in_a_terminal_to_its_end(tmp_path: Path) -> None:
    recipe, out = write_recipe(tmp_path, train=160, dev=16, epochs=20, log_every=2), tmp_path / "run"
    with begin(recipe, out) as run:
        written, code = written_by(watch_command(out), cwd=tmp_path)
        assert run.wait() == 0
    assert code == 0, screen(written)
    for passing in ("loss", "windows/s", "dev epoch"):
        assert passing in written
    (left,) = [line for line in screen(written) if line]
    assert left.startswith("finished: EM "), "the view went away"
    again = call("qatk", "runs", "watch", out)
    assert (again.returncode, again.stdout) == (0, left + "\n")


@pytest.mark.parametrize(
    ("how", "code", "said"),
    [("failed", 1, "failed: the disk is full\n  make room\n"), ("stopped", 75, "stopped\n"), ("killed", 1, "killed\n")],
)
def test_what_does_not_go_on_is_told_at_once(tmp_path: Path, how: str, code: int, said: str) -> None:
    folder = RunFolder.open(tmp_path / "run", Identity(recipe="x"), resume=False)
    folder.update(stages={"data": StageRecord()})
    if how == "failed":
        folder.update(ended=Ended(how="failed", why="the disk is full\n  make room"))
    folder.save()
    if how == "killed":
        (tmp_path / "run" / LOCK).write_text(
            f'{{"pid": 4194305, "host": "{os.uname().nodename}", "since": "2026-01-01 10:00:00", "noted": {{}}}}'
        )
    done = CliRunner().invoke(app, ["runs", "watch", str(tmp_path / "run")])
    assert (done.exit_code, done.stdout) == (code, said)


def test_a_run_that_reads_its_data_has_no_manifest_yet(tmp_path: Path) -> None:
    with locked(tmp_path / "run") as lock:
        lock.note({"works": [], "memory": 5})
        sight = Watched(tmp_path / "run").look()
        assert (sight.state, sight.noted) == ("running", {"works": [], "memory": 5})
        lock.note({"works": ["x" * 5000]})  # more than a lock holds
        assert Watched(tmp_path / "run").look().noted == {"works": [], "memory": 5}
        lock.note({})
        assert Watched(tmp_path / "run").look().noted == {}
