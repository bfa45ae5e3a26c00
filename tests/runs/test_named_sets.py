"""Evaluation sets beside ``dev``: scored, reported and kept, and without a say in what is trained."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import yaml
from rich.console import Console

import qatk
from commands import call
from qatk.calibration.calibrate import apply_threshold
from qatk.errors import DataError, RunFolderError, UsageError
from qatk.results import RunResult
from qatk.types import Examples
from small import squad, write_recipe

FILES = ("metrics.json", "predictions.json", "null_odds.json", "examples.parquet")


def articles(questions: int, seed: int) -> dict[str, object]:
    """The small data set, an article for every eight questions, so that it can be halved."""
    paragraphs = squad(questions, seed)["data"][0]["paragraphs"]
    parts = [paragraphs[k : k + 8] for k in range(0, questions, 8)]
    return {"version": "v2.0", "data": [{"title": f"Guild {k}", "paragraphs": p} for k, p in enumerate(parts)]}


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return call("qatk", *words)


def recipe_in(folder: Path, sets: Sequence[str] = ("test", "xquad-de")) -> Path:
    """The small recipe, calibrated on dev, with further sets."""
    path = write_recipe(folder)
    recipe = yaml.safe_load(path.read_text())
    for seed, name in enumerate(["dev", *sets], 2):
        (folder / f"{name}.json").write_text(json.dumps(articles(48, seed)))
        recipe["data"][name] = {"use": "squad", "path": str(folder / f"{name}.json")}
    recipe["decoder"] = {"use": "min-null", "null_threshold": "calibrated"}
    path.write_text(json.dumps(recipe))
    return path


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunResult, str]:
    recipe, shown = recipe_in(tmp_path_factory.mktemp("sets")), io.StringIO()
    return qatk.run(recipe, out=recipe.parent / "run", console=Console(file=shown, width=140)), shown.getvalue()


def test_each_set_is_scored_and_has_its_files(printed: tuple[RunResult, str]) -> None:
    result, _ = printed
    assert list(result.sets) == ["test", "xquad-de"]
    assert result.on == "dev"
    assert result.folder is not None
    for name, evaluation in result.sets.items():
        folder = result.folder / "sets" / name
        assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
        data = result.folder.parent / f"{name}.json"
        official = qatk.evaluate(data, folder / "predictions.json", null_odds=folder / "null_odds.json")
        written = json.loads((folder / "metrics.json").read_text())
        assert {**evaluation.metrics, "normaliser": "en"} == {**official.metrics, "normaliser": "en"} == written
        assert result.manifest["data"][name]["questions"] == 48
        assert result.manifest["data"][name]["digest"] == evaluation.examples.digest()
        groups = {stage.name: stage.groups for stage in result.stages}
        assert groups["data"][name]["questions"] == 48
        assert groups["features"][name]["windows"] >= 48
        assert evaluation.slices
        assert evaluation.reach is not None
    assert result.sets["test"].examples.id != result.sets["xquad-de"].examples.id


def test_sets_are_answered_by_the_threshold_that_was_fitted_on_all_of_dev(printed: tuple[RunResult, str]) -> None:
    result, _ = printed
    assert result.folder is not None
    threshold = json.loads((result.folder / "calibration.json").read_text())["threshold"]
    for evaluation in result.sets.values():
        predictions = evaluation.predictions
        assert predictions.text == apply_threshold(evaluation.examples, predictions, threshold).text
        assert (predictions.answered == (predictions.null_odds <= threshold)).all()
    assert threshold not in (0.0, np.inf, -np.inf)


def test_further_sets_change_nothing_of_dev(printed: tuple[RunResult, str], tmp_path: Path) -> None:
    result, _ = printed
    assert result.folder is not None
    alone = qatk.run(recipe_in(tmp_path, ()), out=tmp_path / "run")
    assert alone.folder is not None
    for name in (*FILES, "calibration.json"):
        assert (alone.folder / name).read_bytes() == (result.folder / name).read_bytes(), name
    assert alone.manifest["best"] == result.manifest["best"]
    assert set(alone.manifest["data"]) == {"train", "dev"}
    assert not alone.sets
    assert not (alone.folder / "sets").exists()
    assert "Evaluation sets" not in (alone.folder / "report.md").read_text()


def test_every_report_shows_them(printed: tuple[RunResult, str]) -> None:
    result, shown = printed
    assert result.folder is not None
    markdown, page = ((result.folder / name).read_text() for name in ("report.md", "report.html"))
    for name, evaluation in result.sets.items():
        figure = f"{evaluation.metrics['f1']:.1f}"
        (line,) = [line for line in shown.splitlines() if line.split()[:1] == [name] and "windows" not in line]
        assert f"{evaluation.metrics['exact']:.1f}" in line
        assert figure in line
        assert line.split()[-1] == "48"
        assert any(line.startswith(f"| {name} |") and f" {figure} " in line for line in markdown.splitlines())
        assert f"Slices of {name}" in markdown
        assert f'<td class="left">{name}</td>' in page
        assert figure in page
        assert name in result._repr_html_()
    assert "dev alone decides what is kept and calibrated" in shown
    assert "Dev alone decides what is kept and calibrated." in markdown


def test_a_set_is_loaded_reported_and_compared_on(printed: tuple[RunResult, str], tmp_path: Path) -> None:
    result, _ = printed
    folder = result.folder
    assert folder is not None
    test = qatk.load_run(folder, on="test")
    assert (test.on, test.title, list(test.sets)) == ("test", "recipe on test", ["dev", "xquad-de"])
    assert dict(test.metrics) == dict(result.sets["test"].metrics)
    assert dict(test.sets["dev"].metrics) == dict(result.metrics)
    done = command("report", str(folder), "--on", "test", "--reporter", "markdown")
    assert done.returncode == 0, done.stderr
    assert (folder / "sets" / "test" / "report.md").read_text().startswith("# recipe on test\n")
    other = qatk.run(folder.parent / "recipe.yaml", out=tmp_path / "other", seed=7)
    comparison = qatk.compare(folder, other.folder or "", on="test")
    assert comparison.examples.id == result.sets["test"].examples.id
    again = qatk.compare(test, qatk.load_run(other.folder or "", on="test"))
    assert again.examples.id == comparison.examples.id
    with pytest.raises(UsageError, match=r"evaluation sets: test, dev\n  name one: on='test'"):
        qatk.compare(test, other)
    done = command("compare", str(folder), str(other.folder), "--on", "test", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["pairs"]
    done = command("compare", str(folder), str(other.folder), "--on", "tset")
    assert done.returncode == 2
    assert "the run has no evaluation set 'tset'\n  did you mean 'test'?" in done.stderr
    with pytest.raises(UsageError, match="no evaluation set 'gone'"):
        qatk.load_run(folder, on="gone")


def test_the_command_prints_their_metrics_and_resumes(printed: tuple[RunResult, str]) -> None:
    result, _ = printed
    assert result.folder is not None
    recipe = str(result.folder.parent / "recipe.yaml")
    done = command("run", recipe, "--out", str(result.folder), "--resume", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    named = {"normaliser": "en"}
    assert found.pop("sets") == {name: {**each.metrics, **named} for name, each in result.sets.items()}
    assert found == {**result.metrics, **named}
    (last,) = [json.loads(line) for line in (result.folder / "events.jsonl").read_text().splitlines()][-1:]
    assert last["sets"]["test"]["f1"] == result.sets["test"].metrics["f1"]


def test_a_mistake_of_a_set_is_found_before_training(tmp_path: Path) -> None:
    recipe = recipe_in(tmp_path, ("test",))
    column = "slicers=[{use: column, name: level}]"
    for name in ("train", "dev"):
        data = json.loads((tmp_path / f"{name}.json").read_text())
        for article in data["data"]:
            for paragraph in article["paragraphs"]:
                for qa in paragraph["qas"]:
                    qa["level"] = "easy"
        (tmp_path / f"{name}.json").write_text(json.dumps(data))
    settings = [column, "data.train.columns=[level]", "data.dev.columns=[level]"]
    with pytest.raises(DataError, match="no column 'level' to slice by"):
        qatk.run(recipe, out=tmp_path / "run", settings=settings)
    assert not (tmp_path / "run" / "model").exists()
    empty = f"data.test={{use: squad, path: {tmp_path / 'empty.json'}}}"
    (tmp_path / "empty.json").write_text('{"data": []}')
    with pytest.raises(DataError, match="there are no questions"):
        qatk.run(recipe, out=tmp_path / "run", settings=[empty])


@pytest.mark.parametrize("trained", [True, False])
def test_a_set_that_an_ensemble_cannot_answer_is_told_before_anything_long(
    printed: tuple[RunResult, str], tmp_path: Path, trained: bool
) -> None:
    recipe, other = recipe_in(tmp_path, ("new",)), printed[0].folder
    settings = ["data.new.path=" + str(tmp_path / "train.json"), f"decoder={{use: ensemble, runs: [{other}]}}"]
    settings += [] if trained else ["data.train=null", f"backbone={{use: hf, model: {other}/model}}"]
    with pytest.raises(UsageError, match="did not answer 8 of 8 questions"):
        qatk.run(recipe, out=tmp_path / "run", settings=settings)
    stages = json.loads((tmp_path / "run" / "manifest.json").read_text())["stages"]
    assert list(stages) == ["data", "features"]


def test_questions_of_a_set_are_limited_too(tmp_path: Path) -> None:
    recipe = recipe_in(tmp_path, ("test",))
    result = qatk.run(recipe, out=tmp_path / "run", limit=20, settings=["decoder={use: min-null}"])
    assert isinstance(result.sets["test"].examples, Examples)
    assert len(result.sets["test"].examples) == len(result.evaluation.examples) == 20


def test_sets_that_a_finished_run_is_given_are_scored_as_if_they_had_been_there(
    printed: tuple[RunResult, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, run = printed[0].folder, tmp_path / "run"
    assert whole is not None
    closed = qatk.run(recipe_in(tmp_path, ()), out=run)
    (run / "calibration.json").write_text("{}")  # as another `qatk calibrate` may have left it
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    sets = {name: f"data.{name}={{use: squad, path: {whole.parent / name}.json}}" for name in printed[0].sets}
    with monkeypatch.context() as patch:
        patch.setattr("qatk.runs.sets.predict", None)
        with pytest.raises(TypeError):
            qatk.run(run, out=run, resume=True, settings=[sets["test"]])
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before

    done = command("run", str(run), "--out", str(run), "--resume", "--set", sets["test"], "--json")
    assert done.returncode == 0, done.stderr
    assert list(json.loads(done.stdout)["sets"]) == ["test"]
    both = qatk.run(run / "recipe.given.yaml", out=run, resume=True, settings=list(sets.values()))
    assert list(both.sets) == ["test", "xquad-de"]
    for name in both.sets:
        for file in FILES:
            assert (run / "sets" / name / file).read_bytes() == (whole / "sets" / name / file).read_bytes(), file
        assert both.manifest["data"][name] == printed[0].manifest["data"][name]
    changed = {path.relative_to(run).parts[0] for path, content in before.items() if path.read_bytes() != content}
    assert changed == {"manifest.json", "recipe.yaml", "events.jsonl", "report.md", "report.html"}
    assert "Slices of xquad-de" in (run / "report.md").read_text()
    assert both.manifest["id"] == closed.manifest["id"]
    recipe = {
        key: {**value, **both.manifest["recipe"]["data"]} if key == "data" else value
        for key, value in closed.manifest["recipe"].items()
    }
    assert both.manifest["recipe"] == recipe == yaml.safe_load((run / "recipe.yaml").read_text())
    stages, once = both.manifest["stages"], closed.manifest["stages"]
    assert stages["train"] == once["train"]
    assert stages["predict"]["seconds"] > once["predict"]["seconds"]
    assert stages["features"]["groups"]["test"]["windows"] >= 48 == stages["data"]["groups"]["test"]["questions"]
    assert "untold" not in json.loads((run / "manifest.json").read_text())
    last = json.loads((run / "events.jsonl").read_text().splitlines()[-1])
    assert last["sets"] == {name: dict(each.metrics) for name, each in both.sets.items()}
    for settings, said in (
        ([sets["test"]], "the xquad-de data changed"),
        ([sets["test"], f"data.xquad-de.path={whole.parent / 'test.json'}", "data.xquad-de.use=squad"], "the xquad-de"),
    ):
        with pytest.raises(RunFolderError, match=said):
            qatk.run(run / "recipe.given.yaml", out=run, resume=True, settings=settings)


def test_an_unfinished_run_takes_sets_and_leaves_them_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = recipe_in(tmp_path, ("new",))
    without = yaml.safe_load(recipe.read_text())
    del without["data"]["new"]
    (tmp_path / "without.yaml").write_text(json.dumps(without))
    recipes, settings = [tmp_path / "without.yaml", recipe] * 2, ["trainer.max_steps=2", "decoder={use: min-null}"]
    with monkeypatch.context() as patch:
        patch.setattr("qatk.runs.run.predict", None)
        for resume, each in enumerate(recipes[:3]):
            with pytest.raises(TypeError):
                qatk.run(each, out=tmp_path / "run", settings=settings, resume=bool(resume))
    result = qatk.run(recipe, out=tmp_path / "run", settings=settings, resume=True)
    assert len(result.sets["new"].examples) == 48
    assert result.manifest["stages"]["data"]["groups"]["new"]["questions"] == 48
