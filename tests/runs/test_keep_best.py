"""The weights that a run keeps are those of its best epoch, also where it dies and goes on.

The trainer is of a plugin file: after its n-th epoch it answers the n-th share of all windows with "no answer", so
that the figures of each epoch are known beforehand, and whatever it saves and loads is the number of the epoch.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from commands import call
from small import write_recipe

SCRIPTED = """
import os
from pathlib import Path
import numpy as np
from qatk.api import Component, Options, SpanScores, StorageError, TrainEvent, hookimpl

class Script(Options):
    shares: list[float]

class Scripted:
    def __init__(self, options):
        self.shares = options.shares

    def assemble(self, backbone, head, *, seed):
        return {"epoch": 0}

    def fit(self, model, train, dev, *, seed, resume=None):
        if resume is not None:
            self.load(model, resume)
        while model["epoch"] < len(self.shares):
            if str(model["epoch"]) == os.environ.get("DIE_AFTER"):
                os._exit(9)
            model["epoch"] += 1
            epoch = model["epoch"]
            scores = self.predict(model, dev)
            yield TrainEvent("epoch", epoch, len(self.shares), float(epoch), 1.0, 0.1, 1.0, {}, scores)

    def predict(self, model, features):
        share = self.shares[model["epoch"] - 1] if model["epoch"] else 0.0
        inside = features.char_start >= 0
        late = np.arange(len(inside)) / len(inside)  # a long span: of an article alone, normalising leaves nothing
        start, end = (np.where(inside, scores, -np.inf).astype(np.float32) for scores in (-late, late))
        null = np.where(np.arange(len(features)) < share * len(features), 9.0, -9.0).astype(np.float32)
        return SpanScores(null, start, end)

    def save(self, model, folder, *, state):
        if "best" in folder.name and str(model["epoch"]) == os.environ.get("FULL_AFTER"):
            raise StorageError("the disk is full", where=str(folder))
        (folder / "epoch.txt").write_text(str(model["epoch"]))

    def load(self, model, folder):
        model["epoch"] = int((folder / "epoch.txt").read_text())

@hookimpl
def qatk_trainers():
    return [Component("scripted", Scripted, Script)]
"""


def run(folder: Path, shares: list[float], *arguments: str, keep: str | None = "NoAns_exact", **environ: str) -> int:
    recipe = write_recipe(folder)
    written = json.loads(recipe.read_text())
    written |= {"trainer": {"use": "scripted", "shares": shares}, "keep_best": keep}
    recipe.write_text(json.dumps(written))
    (folder / "scripted.py").write_text(SCRIPTED)
    words = ["--plugin", folder / "scripted.py", "run", recipe, "--out", folder / "run", "--json", *arguments]
    done = call("qatk", *words, **environ)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode


def kept(folder: Path) -> tuple[int, dict[str, Any]]:
    """The epoch whose weights the run kept, and its figures."""
    epoch = int((folder / "run" / "model" / "epoch.txt").read_text())
    return epoch, json.loads((folder / "run" / "metrics.json").read_text())


@pytest.mark.parametrize(("shares", "best"), [([0.5, 1.0, 0.25], 2), ([1.0, 0.5, 0.0], 1), ([0.0, 0.5, 1.0], 3)])
def test_the_best_epoch_is_kept_and_reported(shares: list[float], best: int, tmp_path: Path) -> None:
    assert run(tmp_path, shares) == 0
    epoch, metrics = kept(tmp_path)
    assert epoch == best
    assert metrics["NoAns_exact"] == 100.0
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["best"] == {"metric": "NoAns_exact", "value": 100.0}


def test_of_equal_epochs_the_first_is_kept(tmp_path: Path) -> None:
    assert run(tmp_path, [0.5, 0.5, 0.25]) == 0
    assert kept(tmp_path)[0] == 1


def test_without_keep_best_the_last_epoch_is_kept(tmp_path: Path) -> None:
    assert run(tmp_path, [1.0, 0.5], keep=None) == 0
    epoch, metrics = kept(tmp_path)
    assert epoch == 2
    assert metrics["NoAns_exact"] < 100.0


def test_epochs_without_scores_end_in_the_same_model_and_figures(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path)
    words = ["qatk", "run", recipe, "--set", "keep_best=null", "--set", "trainer.epochs=2"]
    for name, more in (("scored", []), ("unscored", ["--set", "score_epochs=false"])):
        done = call(*words, *more, "--out", tmp_path / name)
        assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in (tmp_path / "unscored" / "events.jsonl").read_text().splitlines()]
    assert [event["metrics"] for event in events if event.get("kind") == "epoch"] == [{}, {}]
    for name in ("metrics.json", "predictions.json", "model/model.safetensors"):
        assert (tmp_path / "unscored" / name).read_bytes() == (tmp_path / "scored" / name).read_bytes()


def test_an_epoch_whose_weights_could_not_be_written_is_kept_once_they_can(tmp_path: Path) -> None:
    shares = [0.5, 1.0, 0.75]
    assert run(tmp_path, shares, FULL_AFTER="2") == 1
    assert run(tmp_path, shares, "--resume") == 0
    epoch, metrics = kept(tmp_path)
    assert epoch == 2
    assert metrics["NoAns_exact"] == 100.0


@pytest.mark.parametrize("after", [1, 2])
def test_a_run_that_died_remembers_its_best_epoch(after: int, tmp_path: Path) -> None:
    shares = [1.0, 0.5, 0.75]
    assert run(tmp_path, shares, DIE_AFTER=str(after)) == 9
    assert run(tmp_path, shares, "--resume") == 0
    epoch, metrics = kept(tmp_path)
    assert epoch == 1
    assert metrics["NoAns_exact"] == 100.0
    events = [json.loads(line) for line in (tmp_path / "run" / "events.jsonl").read_text().splitlines()]
    assert [event["step"] for event in events if event.get("kind") == "epoch"] == [1, 2, 3]
