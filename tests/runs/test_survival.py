"""A run that is killed anywhere and resumed ends as one that never stopped, to the last bit of each file."""

from __future__ import annotations

import json
import signal
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import qatk
from commands import call
from qatk.errors import QatkWarning, RunFolderError, TrainingDiverged
from qatk.progress import listen
from qatk.recipes.sections import Interval
from qatk.run_folder.copies import working_folder
from qatk.run_folder.event_log import read_events
from qatk.runs.pause import pausing_on_signals
from repository import SUPPORT
from small import write_recipe
from survival import MOMENTS, contents, count, killed, moments


class Undisturbed(NamedTuple):
    """A recipe, what is in the folder of its run, and how many moments of each kind the run had."""

    recipe: Path
    contents: Mapping[str, Any]
    counts: Mapping[str, int]


OPTIONS: dict[str, Any] = {"train": 24, "dev": 12, "epochs": 2, "log_every": 1, "batch_size": 8}


def small_recipe(folder: Path, **more: Any) -> Path:
    path = write_recipe(folder, **OPTIONS)
    path.write_text(
        json.dumps({**json.loads(path.read_text()), "save_every": 1, "reporters": [{"use": "markdown"}], **more})
    )
    return path


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    recipe = small_recipe(folder)
    counts = count(recipe, folder / "run")
    return Undisturbed(recipe, contents(folder / "run"), counts)


def test_a_run_that_is_killed_twenty_times_ends_like_one_that_never_stopped(
    undisturbed: Undisturbed, tmp_path: Path
) -> None:
    drawn = [*moments(undisturbed.counts, 20, seed=17), ("rename", 1)]  # the last: before there is a manifest
    assert {kind for kind, _ in drawn} == set(MOMENTS)
    for number, (kind, which) in enumerate(drawn):
        out = tmp_path / f"run-{number}"
        assert killed(undisturbed.recipe, out, kind, which), f"{kind} {which} never came"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", QatkWarning)  # that a process left its lock
            qatk.run(undisturbed.recipe, out=out, resume=True)
        assert contents(out) == undisturbed.contents, f"{kind} {which}"


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGUSR1, 75), (signal.SIGHUP, 129)]
)
def test_a_signal_saves_the_step(number: signal.Signals, code: int, undisturbed: Undisturbed, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = call("survival", undisturbed.recipe, out, number.name, 4, cwd=tmp_path, paths=[SUPPORT])
    assert done.returncode == code, done.stderr
    assert "stopping after this step; the same signal again stops at once" in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in (out / "checkpoints").glob("step-*"))[-1] == "step-00000005"
    assert [event.step for event in read_events(out / "events.jsonl") if event.kind == "step"] == [1, 2, 3, 4, 5]
    qatk.run(undisturbed.recipe, out=out, resume=True)
    assert contents(out) == undisturbed.contents


HEARS = """
import os, signal
from qatk.api import Component, hookimpl

class Hears:
    def __init__(self, options): ...
    def start(self, manifest, out_dir):
        self.heard = out_dir / "heard"
        self.at("start")
    def event(self, event): ...
    def finish(self, result): self.at("finish")
    def at(self, moment):
        with self.heard.open("a") as file:
            file.write(moment + " ")
        stop(moment)

class Reports:
    def __init__(self, options): ...
    def report(self, result, out_dir, console): stop("report")

def stop(moment):
    if os.environ.get("MOMENT") == moment:
        os.kill(os.getpid(), signal.SIGUSR1)

@hookimpl
def qatk_trackers(): return [Component("hears", Hears)]

@hookimpl
def qatk_reporters(): return [Component("reports", Reports)]
"""


@pytest.mark.parametrize(
    ("moment", "heard"),
    [("start", "start start finish"), ("report", "start start finish"), ("finish", "start finish start finish")],
)
def test_a_run_is_queued_again_whatever_it_is_at(
    moment: str, heard: str, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    (tmp_path / "hears.py").write_text(HEARS)
    recipe = small_recipe(tmp_path, trackers=[{"use": "hears"}], reporters=[{"use": "reports"}])
    words = ["qatk", "--plugin", "hears.py", "run", recipe, "--out", "run", "--resume"]
    done = call(*words, cwd=tmp_path, MOMENT=moment)
    assert done.returncode == 75, done.stderr
    assert "error: stopped by SIGUSR1, what was complete is saved\n  repeat the call with --resume to" in done.stderr
    assert "switched off" not in done.stderr
    for _ in range(2):
        assert call(*words, cwd=tmp_path).returncode == 0
        assert (tmp_path / "run" / "heard").read_text().split() == heard.split(), "once is enough"
    same = ("metrics.json", "predictions.json", "model/model.safetensors")
    found = contents(tmp_path / "run")
    assert {name: found[name] for name in same} == {name: undisturbed.contents[name] for name in same}


def test_a_second_signal_stops_at_once(undisturbed: Undisturbed, tmp_path: Path) -> None:
    done = call("survival", undisturbed.recipe, tmp_path / "run", "twice", 4, cwd=tmp_path, paths=[SUPPORT])
    assert done.returncode == -signal.SIGINT, done.stderr
    assert sorted(path.name for path in (tmp_path / "run" / "checkpoints").glob("step-*"))[-1] == "step-00000003"


def test_a_view_shows_the_signal_instead_of_being_written_over(capfd: pytest.CaptureFixture[str]) -> None:
    shown: list[str] = []
    with listen(lambda *_: None, notices=shown.append), pausing_on_signals(active=True) as pause:
        signal.raise_signal(signal.SIGTERM)
    assert (pause.signal, shown) == (signal.SIGTERM, ["stopping after this step; the same signal again stops at once"])
    assert capfd.readouterr().err == ""


def test_what_changes_no_result_may_change_before_a_run_goes_on(undisturbed: Undisturbed, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = call("survival", undisturbed.recipe, out, "SIGTERM", 4, cwd=tmp_path, paths=[SUPPORT])
    assert done.returncode == 143, done.stderr
    moved = small_recipe(tmp_path, save_every=None, keep_last=1, reporters=[], trackers=[])  # its data lie elsewhere
    fewer = ["trainer.log_every=3", "trainer.gradient_checkpointing=false", "trainer.skip_bad_batches=true"]
    with pytest.raises(RunFolderError, match=r"its recipe differs \(trainer.warmup 0.1, now 0.2\)\n"):
        qatk.run(moved, out=out, resume=True, settings=[*fewer, "trainer.warmup=0.2"])
    with pytest.raises(RunFolderError, match=r"train data changed since .* \(data.train.path .*, now "):
        qatk.run(moved, out=out, resume=True, settings=[*fewer, f"data.train.path={tmp_path / 'dev.json'}"])
    qatk.run(moved, out=out, resume=True, settings=fewer)
    same = [name for name in undisturbed.contents if name.startswith(("model/", "metrics", "null", "pred", "examples"))]
    assert len(same) > 5
    assert {name: contents(out)[name] for name in same} == {name: undisturbed.contents[name] for name in same}
    manifest = json.loads((out / "manifest.json").read_text())
    del manifest["recipe"]["trainer"]["masked_words"]  # as a version wrote it that did not have this yet
    manifest["identity"]["recipe"] = "of that version"
    (out / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(RunFolderError, match=r"its recipe differs \(trainer.masked_words not there, now 0.5\)\n"):
        qatk.run(undisturbed.recipe, out=out, resume=True, settings=["trainer.masked_words=0.5"])
    qatk.run(undisturbed.recipe, out=out, resume=True)  # and back again


def test_a_run_at_a_url_goes_on_on_another_machine(
    undisturbed: Undisturbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, url = tmp_path / "store" / "run", f"file://{tmp_path}/store/run"
    there = {"cwd": tmp_path, "paths": [SUPPORT], "QATK_CACHE": str(tmp_path / "machine-1")}
    done = call("survival", undisturbed.recipe, url, "step", 5, **there)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert sorted(path.name for path in (store / "checkpoints").glob("step-*"))[-1] == "step-00000004"
    monkeypatch.setenv("QATK_CACHE", str(tmp_path / "machine-2"))
    with (
        pytest.warns(QatkWarning, match=f"{url} was left by process"),
        pytest.raises(RunFolderError, match=rf"{url} already holds this run, unfinished\n"),
    ):
        qatk.run(undisturbed.recipe, out=url)
    locked = set()
    ((made := working_folder(url)) / "manifest.json").unlink()  # as a transfer leaves it that was cut off
    with listen(lambda *_: locked.add((made / ".lock").exists())):
        qatk.run(undisturbed.recipe, out=url, resume=True)
    assert locked == {True}
    assert contents(store) == undisturbed.contents
    store.rename(tmp_path / "moved")
    with pytest.raises(RunFolderError, match=f"the run in {made} is of {url}, which holds it no more"):
        qatk.run(undisturbed.recipe, out=url, resume=True)
    (tmp_path / "moved").rename(store)
    monkeypatch.setenv("QATK_CACHE", str(tmp_path / "machine-3"))
    assert qatk.compare(url, store, draws=1000).pairs[0].headline.difference == 0
    assert not list((tmp_path / "machine-3").rglob("checkpoints"))


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        (500, Interval(steps=500)),
        ("1 step", Interval(steps=1)),
        ("500 steps", Interval(steps=500)),
        ("90 s", Interval(seconds=90)),
        ("10min", Interval(seconds=600)),
        ("2 h", Interval(seconds=7200)),
        (None, Interval()),
    ],
)
def test_intervals(text: str | int | None, interval: Interval) -> None:
    assert Interval.of(text) == interval


@pytest.mark.parametrize("text", ["0", "0 min", "-1", "ten", "5 days", "", 0])
def test_what_is_no_interval(text: str | int) -> None:
    with pytest.raises(ValueError, match="write a number of steps such as 500, or a time"):
        Interval.of(text)


def test_a_loss_that_diverges_names_the_examples(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, learning_rate=1e30, warmup=0.0, precision="fp32", max_grad_norm=1e30)
    with pytest.raises(TrainingDiverged, match=r"that step was not taken; its examples: 1-\d+, (1-\d+, )*1-\d+"):
        qatk.run(recipe, out=tmp_path / "run")
    skipping = call("qatk", "run", recipe, "--out", tmp_path / "other", "--skip-bad-batches", cwd=tmp_path)
    assert skipping.returncode == 1
    assert "its batch is skipped" in skipping.stderr
