"""Whole runs with the tiny backbone, through the command line and from Python."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import qatk
from commands import call, forked_python
from qatk.errors import DataError, QatkWarning, RecipeError, RunFolderError, TrainingDiverged, UsageError
from qatk.plugins.host import PluginHost
from qatk.recipes.recipe import load_recipe
from qatk.run_folder.lock import LOCK
from qatk_builtin.trainers.pytorch.trainer import TorchTrainer
from small import write_recipe

ENVIRON = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "100"}


def qatk_run(recipe: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return call("qatk", "run", recipe, "--out", recipe.parent / "run", *arguments)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    recipe = write_recipe(tmp_path_factory.mktemp("finished"))
    return recipe, qatk_run(recipe)


def test_a_run_prints_its_report_and_fills_its_folder(finished: tuple[Path, Any]) -> None:
    recipe, done = finished
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    folder = recipe.parent / "run"
    metrics = json.loads((folder / "metrics.json").read_text())
    assert list(metrics)[:3] == ["exact", "f1", "total"]
    assert metrics["total"] == 48
    assert f"{metrics['exact']:.1f}" in done.stdout
    manifest = json.loads((folder / "manifest.json").read_text())
    assert list(manifest["stages"]) == ["data", "features", "train", "predict", "score"]
    assert {c["name"] for c in manifest["components"]} >= {"tiny", "squad", "stride", "linear", "torch", "min-null"}
    assert all(len(c["source"]) == 64 for c in manifest["components"])
    assert manifest["model"]["device"] == "cpu"
    assert manifest["peak_memory_bytes"] > 0
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    epochs = [event["metrics"] for event in events if event["kind"] == "epoch"]
    assert [each["f1_low"] < each["f1"] < each["f1_high"] for each in epochs] == [True, True]
    expected = {
        "manifest.json",
        "recipe.yaml",
        "recipe.given.yaml",
        "metrics.json",
        "predictions.json",
        "null_odds.json",
        "examples.parquet",
        "report.md",
        "report.html",
    }
    assert {p.name for p in folder.iterdir()} == expected | {"events.jsonl", "model"}


def test_eval_of_a_runs_predictions_gives_its_metrics(finished: tuple[Path, Any]) -> None:
    recipe, _ = finished
    folder = recipe.parent / "run"
    evaluation = qatk.evaluate(
        recipe.parent / "dev.json", folder / "predictions.json", null_odds=folder / "null_odds.json"
    )
    assert {**evaluation.metrics, "normaliser": "en"} == json.loads((folder / "metrics.json").read_text())


def test_load_run_gives_typed_results(finished: tuple[Path, Any]) -> None:
    recipe, _ = finished
    result = qatk.load_run(recipe.parent / "run")
    assert result.name == "recipe"
    assert len(result.evaluation.examples) == len(result.evaluation.predictions) == 48
    assert [e.kind for e in result.events].count("epoch") == 2
    assert {"dev_loss", "start_accuracy", "end_accuracy", "both_accuracy", "exact", "f1"} <= set(
        result.events[-1].metrics
    )
    assert {row.slicer for row in result.evaluation.slices} >= {"question-word", "answerable", "answer-length"}
    for i, text in enumerate(result.evaluation.predictions.text):
        start, end = result.evaluation.predictions.char_start[i], result.evaluation.predictions.char_end[i]
        assert text == ("" if start < 0 else result.evaluation.examples.context_of(i)[start:end])


def test_the_saved_model_loads_with_transformers(finished: tuple[Path, Any]) -> None:
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer

    recipe, _ = finished
    model, report = AutoModelForQuestionAnswering.from_pretrained(
        recipe.parent / "run" / "model", output_loading_info=True
    )
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    tokenizer = AutoTokenizer.from_pretrained(recipe.parent / "run" / "model")
    assert model(**tokenizer("When?", "In 1843.", return_tensors="pt")).start_logits.shape[0] == 1


def test_a_held_folder_is_refused_before_libraries_are_imported(finished: tuple[Path, Any], tmp_path: Path) -> None:
    recipe, _ = finished
    for settings, said in ("()", "this run, finished"), ('["trainer.epochs=7"]', "another run: its recipe differs"):
        program = f"""
import sys, qatk
try:
    qatk.run({str(recipe)!r}, out={str(recipe.parent / "run")!r}, settings={settings})
except qatk.QatkError as error:
    print(error, {{"torch", "transformers"}} & sys.modules.keys())
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=ENVIRON)
        assert said in done.stdout
        assert done.stdout.endswith(" set()\n")


def test_a_recipe_may_be_a_mapping(finished: tuple[Path, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, _ = finished
    content = yaml.safe_load(recipe.read_text())
    out = recipe.parent / "run"
    assert qatk.run(content, out=out, resume=True).metrics == qatk.load_run(out).metrics
    for stem, given in {"dev": Path("gone.json"), "train": "gone.json"}.items():
        data = {**content["data"], stem: {"use": "squad", "path": given}}
        with pytest.raises(UsageError, match=r"gone\.json: there is no such file"):
            qatk.run({**content, "data": data}, out=tmp_path / "run")
    with pytest.raises(RecipeError, match=r"recipe:\d+:\d+: unknown key 'trainr'"):
        qatk.run({**content, "trainr": {}}, out=tmp_path / "run")
    with pytest.raises(UsageError, match="the recipe holds object\n  give texts, numbers, lists and mappings"):
        qatk.run({**content, "seed": object()}, out=tmp_path / "run")
    for resume in (False, True):
        with pytest.raises(UsageError, match="a recipe is no list\n  give the path of a YAML file, or what it holds"):
            qatk.run([content], resume=resume)


def test_a_second_run_is_refused_and_resume_skips_everything(finished: tuple[Path, Any]) -> None:
    recipe, _ = finished
    again = qatk_run(recipe)
    assert again.returncode == 2
    assert "already holds this run, finished\n  see qatk report " in again.stderr
    other = qatk_run(recipe, "--resume", "--seed", "14")
    assert other.returncode == 2
    assert "holds another run: its recipe differs" in other.stderr
    resumed = qatk_run(recipe, "--resume", "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout)["f1"] == json.loads((recipe.parent / "run" / "metrics.json").read_text())["f1"]
    assert "train" not in resumed.stderr.replace("train_", "").split()


def test_the_same_seed_gives_the_same_predictions(tmp_path: Path, finished: tuple[Path, Any]) -> None:
    recipe, _ = finished
    result = qatk.run(recipe, out=tmp_path / "again")
    assert result.folder is not None
    for name in ("predictions.json", "null_odds.json", "metrics.json"):
        assert (result.folder / name).read_bytes() == (recipe.parent / "run" / name).read_bytes()


def test_a_killed_run_resumes_to_the_same_end(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, epochs=8)
    whole = qatk.run(recipe, out=tmp_path / "whole")
    log = tmp_path / "run" / "events.jsonl"
    command = [forked_python(), "-m", "qatk", "run", str(recipe), "--out", str(tmp_path / "run")]
    with subprocess.Popen(command, env=ENVIRON, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and not (log.exists() and '"epoch"' in log.read_text()):
            time.sleep(0.01)
        os.kill(json.loads((tmp_path / "run" / LOCK).read_text())["pid"], signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert "train" not in manifest["stages"], "killed too late to test anything"
    done = qatk_run(recipe, "--resume")
    assert done.returncode == 0, done.stderr
    for name in ("predictions.json", "null_odds.json", "metrics.json"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert [e.loss for e in qatk.load_run(tmp_path / "run").events] == [e.loss for e in whole.events]


def test_a_mistake_found_late_costs_no_folder(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, max_steps=1)
    wrong = qatk_run(recipe, "--set", "featurizer.doc_stride=40")
    assert wrong.returncode == 2
    assert "doc_stride 40 is not less than the room" in wrong.stderr
    mended = qatk_run(recipe, "--json")
    assert mended.returncode == 0, mended.stderr


def test_data_that_changed_is_refused(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, epochs=1, max_steps=2)
    qatk.run(recipe, out=tmp_path / "run")
    data = json.loads((tmp_path / "dev.json").read_text())
    data["data"][0]["title"] = "Renamed"
    (tmp_path / "dev.json").write_text(json.dumps(data))
    with pytest.raises(RunFolderError, match="the dev data changed"):
        qatk.run(recipe, out=tmp_path / "run", resume=True)


@pytest.mark.parametrize("place", ["folder", "URL"])
@pytest.mark.parametrize("checked", [False, True])
def test_a_run_that_goes_on_tells_of_plugins_in_other_versions(
    place: str, checked: bool, finished: tuple[Path, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QATK_CACHE", str(tmp_path / "cache"))
    named, _ = finished
    shutil.copytree(named.parent / "run", held := tmp_path / "run")
    manifest = json.loads((held / "manifest.json").read_text())
    manifest["components"][0]["version"] = "0.0.9"
    (held / "manifest.json").write_text(json.dumps(manifest))
    out = str(held) if place == "folder" else held.as_uri()
    recipe = load_recipe(named, PluginHost.discover(), importing=True) if checked else named
    with pytest.warns(QatkWarning, match=rf"^{out} was begun with backbone 'tiny' of qatk 0\.0\.9, now ") as told:
        qatk.run(recipe, out=out, resume=True)
    assert len(told) == 1


def test_limit_counts_examples(tmp_path: Path) -> None:
    result = qatk.run(write_recipe(tmp_path, max_steps=2), out=tmp_path / "run", limit=5)
    assert len(result.evaluation.examples) == 5
    assert result.manifest["data"]["train"]["questions"] == 5


def test_a_diverging_loss_stops_and_keeps_the_last_good_state(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, learning_rate=1e30, warmup=0.0, precision="fp32", max_grad_norm=1e30)
    with pytest.raises(TrainingDiverged, match=r"became (nan|inf) at step \d+") as caught:
        qatk.run(recipe, out=tmp_path / "run")
    kept = tmp_path / "run" / "checkpoints" / "before-divergence"
    assert str(kept) in str(caught.value)
    assert (kept / "model.safetensors").exists()
    assert not (tmp_path / "run" / "model").exists()


def test_the_manifest_says_that_memory_was_too_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = TorchTrainer.loss

    def loss(self: TorchTrainer, model: Any, output: Any, batch: Any) -> Any:
        if len(batch.null_index) > 8:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return whole(self, model, output, batch)

    monkeypatch.setattr(TorchTrainer, "loss", loss)
    recipe = write_recipe(tmp_path, train=16, dev=8, max_steps=1)
    with pytest.warns(QatkWarning, match="in parts of 8"):
        qatk.run(recipe, out=tmp_path / "run")
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["model"]["parts_of_a_batch"] == 2
    for stage in ("predict", "score"):
        del manifest["stages"][stage]
    (tmp_path / "run" / "manifest.json").write_text(json.dumps(manifest))
    assert qatk.run(recipe, out=tmp_path / "run", resume=True).manifest["model"] == manifest["model"]


def test_dev_without_gold(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, max_steps=1)
    data = json.loads((tmp_path / "dev.json").read_text())
    for paragraph in data["data"][0]["paragraphs"]:
        for qa in paragraph["qas"]:
            del qa["answers"], qa["is_impossible"]
    (tmp_path / "dev.json").write_text(json.dumps(data))
    with pytest.raises(DataError, match=r"data\.dev: the dev data has no gold answers"):
        qatk.run(recipe, out=tmp_path / "run")


@pytest.mark.parametrize(
    ("roles", "says"),
    [
        ("", "no column is known to hold the answers (further columns: 'Antwort')\n  roles: {answers: NAME} says"),
        (", roles: {answers: null}", "the train data has no gold answers\n  a run trains and scores"),
    ],
)
def test_a_column_of_answers_that_is_not_found(roles: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("question,context,Antwort\nWho?,Ann.,Ann\n")
    recipe = write_recipe(tmp_path, max_steps=1)
    train = f"data.train={{use: table, path: {tmp_path / 'train.csv'}{roles}}}"
    with pytest.raises(DataError, match=re.escape(says)):
        qatk.run(recipe, out=tmp_path / "run", settings=[train])


def test_two_processes_share_a_run(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, max_steps=6, precision="fp32")
    alone = qatk.run(recipe, out=tmp_path / "alone")
    words = ["torch.distributed.run", "--nproc_per_node", 2, "-m", "qatk", "run", recipe, "--out", tmp_path / "run"]
    done = call(*words, "--json", OMP_NUM_THREADS="1", PYTHON_EXEC=forked_python())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["total"] == 48
    together = qatk.load_run(tmp_path / "run")
    assert together.manifest["model"]["processes"] == 2
    # Dropout draws differ from process to process, so the figures are near, not equal.
    assert [e.loss for e in together.events] == pytest.approx([e.loss for e in alone.events], rel=0.01)
    assert together.evaluation.predictions.null_odds == pytest.approx(alone.evaluation.predictions.null_odds, abs=0.1)


FAILING_TRACKER = """
from qatk.api import Component, hookimpl
class Broken:
    def __init__(self, options): ...
    def start(self, manifest, out_dir): ...
    def event(self, event): raise OSError("the tracking server is gone")
    def finish(self, result): raise AssertionError("told although switched off")
@hookimpl
def qatk_trackers(): return [Component("broken", Broken)]
"""


def test_a_failing_tracker_is_switched_off_and_the_run_goes_on(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, max_steps=10)
    (tmp_path / "tracker.py").write_text(FAILING_TRACKER)
    run = ["run", recipe, "--out", tmp_path / "run", "--set", "trackers=[{use: broken}]", "--json"]
    done = call("qatk", "--plugin", tmp_path / "tracker.py", *run)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("warning: tracker 'broken' of plugin tracker") == 1
    assert "the tracking server is gone" in done.stderr


def test_a_full_disk_is_one_message_and_nothing_is_half_written(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, max_steps=4)
    limited = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)); sys.argv[0] = 'qatk';"
        "from qatk.cli import main; main()"
    )
    command = [forked_python(), "-c", limited, "run", str(recipe), "--out", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRON)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "File too large" in done.stderr
    assert not (tmp_path / "run" / "model").exists()
    assert not list((tmp_path / "run").rglob(".*.tmp"))


def test_predictions_do_not_depend_on_training_having_happened_in_this_process(finished: tuple[Path, Any]) -> None:
    """Scores gone from the folder come back from the saved model alone, the same."""
    recipe, _ = finished
    folder = recipe.parent / "run"
    before = (folder / "null_odds.json").read_bytes()
    manifest = json.loads((folder / "manifest.json").read_text())
    for stage in ("predict", "score"):
        del manifest["stages"][stage]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "null_odds.json").unlink()
    result = qatk.run(recipe, out=folder, resume=True)
    assert (folder / "null_odds.json").read_bytes() == before
    assert [s.name for s in result.stages if s.skipped] == ["data", "train"]


def test_a_reader_that_goes_away_stops_no_file(tmp_path: Path) -> None:
    write_recipe(tmp_path, train=16, dev=8, epochs=1)
    command = f"{forked_python()} -m qatk run recipe.yaml --out out | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr
    assert len(done.stdout.splitlines()) == 1
    assert (tmp_path / "out" / "report.md").stat().st_size > 100
    assert (tmp_path / "out" / "report.html").stat().st_size > 1000
