"""Models as systems: ``compare`` with data lets runs, saved models and checkpoints answer it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import qatk
from model_tools import save_model
from qatk.cli import app
from qatk.errors import ModelError, PredictionsError, QatkError
from qatk.evaluation.evaluate import read_data
from small import squad, write_recipe


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs that differ in their seed, a checkpoint without training, an encoder without a head, and new data."""
    root = tmp_path_factory.mktemp("models")
    recipe = write_recipe(root, train=64, dev=16, epochs=1)
    for seed in (0, 1):
        qatk.run(recipe, out=root / f"run-{seed}", seed=seed)
    save_model(root / "checkpoint", answers=True)
    save_model(root / "encoder")
    (root / "new.json").write_text(json.dumps(squad(40, 9)))
    return root


def test_models_answer_new_data_and_are_compared_on_it(folder: Path) -> None:
    sources = [folder / "run-0", folder / "run-0" / "model", folder / "checkpoint"]
    found = qatk.compare(*sources, data=folder / "new.json", draws=1000)
    examples = read_data(folder / "new.json")
    for source, system in zip(sources, found.systems, strict=True):
        due = qatk.load_model(source).predict(examples)
        assert list(system.evaluation.predictions.text) == list(due.text)
        assert system.evaluation.predictions.null_odds.tolist() == due.null_odds.tolist()
        assert system.evaluation.predictions.nbest is not None
        assert system.facts.keys() == {"examples_per_second", "parameters", "model_bytes"}
    scored = qatk.evaluate(folder / "new.json", dict(zip(examples.id, due.text, strict=True)))
    assert found.systems[2].evaluation.metrics["f1"] == scored.metrics["f1"]
    assert [system.seeds for system in found.systems] == [[0], [None], [None]]
    assert [(pair.baseline, pair.other) for pair in found.pairs] == [(0, 1), (0, 2)]
    assert "question-word" in found.masks
    assert found.pairs[1].headline.total == 40


def test_prediction_files_stand_beside_models(folder: Path, tmp_path: Path) -> None:
    model = qatk.load_model(folder / "run-0")
    examples = read_data(folder / "new.json")
    texts = dict(zip(examples.id, model.predict(examples).text, strict=True))
    (tmp_path / "said.json").write_text(json.dumps(texts))
    (pair,) = qatk.compare(tmp_path / "said.json", folder / "run-0", data=folder / "new.json", draws=10).pairs
    assert pair.headline.difference == 0
    (tmp_path / "few.json").write_text(json.dumps(dict(list(texts.items())[:30])))
    with pytest.raises(PredictionsError, match=r"10 question ids are not in .*few: 9-30"):
        qatk.compare(tmp_path / "few.json", folder / "run-0", data=folder / "new.json", draws=10)
    few = qatk.compare(tmp_path / "few.json", folder / "run-0", data=folder / "new.json", draws=10, common=True)
    assert few.pairs[0].headline.total == 30


def test_the_command_takes_models_and_any_form_of_data(folder: Path, tmp_path: Path) -> None:
    rows = [
        {"id": qa["id"], "question": qa["question"], "context": paragraph["context"], "answers": qa["answers"]}
        for paragraph in squad(40, 9)["data"][0]["paragraphs"]
        for qa in paragraph["qas"]
    ]
    (tmp_path / "new.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    runs = [str(folder / f"run-{seed}") for seed in (0, 1)]
    words = ["compare", *runs, str(folder / "checkpoint"), "--data", str(tmp_path / "new.jsonl")]
    done = CliRunner().invoke(app, [*words, "--group-seeds", "--json", "--draws", "1000"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert [[run["seed"] for run in system["runs"]] for system in said["systems"]] == [[0, 1], [None]]
    assert said["questions"] == 40
    due = qatk.compare(*runs, data=folder / "new.json", draws=1000)
    assert said["systems"][0]["runs"][1]["metrics"] == dict(due.systems[1].evaluation.metrics)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["run-0", "encoder", "--data", "new.json"], 2, "no weights of a question-answering head"),
        (["run-0", "gone", "--data", "new.json"], 1, "gone is neither a folder nor in the hub's local cache"),
        (["run-0", "gone.json", "--data", "new.json"], 2, "not found: gone.json"),
        (["run-0", "package:gone_here/model", "--data", "new.json"], 2, "is not installed"),
        (["run-0", "checkpoint", "--data", "gone.json"], 2, "gone.json: there is no such file"),
        (["run-0", "checkpoint", "--data", "new.json", "--on", "test"], 2, "--on: only for run folders without --data"),
        (["run-0", "checkpoint", "--data", "new.json", "--use", "squat"], 2, "did you mean 'squad'?"),
        (["run-0", "run-1", "--use", "squad"], 2, "--use: only for --data"),
        (["run-0", "checkpoint"], 2, "checkpoint is not a run folder"),
    ],
)
def test_a_mistake_is_told_in_one_message(
    folder: Path, words: list[str], code: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(QatkError) as caught:
        CliRunner().invoke(app, ["compare", *words], catch_exceptions=False)
    assert said in str(caught.value)
    assert caught.value.exit_code == code


def test_all_models_are_loaded_before_one_answers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answered: list[str] = []
    monkeypatch.setattr("qatk.comparison.models._ask", lambda *_: answered.append("one"))
    with pytest.raises(ModelError):
        qatk.compare(folder / "run-0", folder / "encoder", data=folder / "new.json")
    assert answered == []
