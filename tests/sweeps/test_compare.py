"""``qatk.compare`` from Python: prediction files, run folders, and recipes that are run first."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qatk
from commands import forked_python
from qatk.errors import DataError, UsageError
from qatk.evaluation.evaluate import read_data
from qatk.sweeps.overrides import over_values, parse_over
from repository import ROOT
from small import write_recipe

FILES = ROOT / "examples" / "compare"


def test_prediction_files() -> None:
    found = qatk.compare(FILES / "bold.json", FILES / "careful.json", data=FILES / "dev.json", draws=1000)
    assert [system.name for system in found.systems] == ["bold", "careful"]
    assert found.draws == 1000
    assert found.pairs[0].verdict


def test_prediction_files_are_scored_by_a_threshold() -> None:
    odds, names = FILES / "odds.json", [FILES / "careful.json"] * 2
    found = qatk.compare(
        *names, data=FILES / "dev.json", null_odds=[odds, odds], na_prob_thresh=[None, -1.0], draws=1000
    )
    for system, threshold in zip(found.systems, (None, -1.0), strict=True):
        due = qatk.evaluate(FILES / "dev.json", names[0], null_odds=odds, na_prob_thresh=threshold)
        assert system.evaluation.metrics == due.metrics
    assert found.pairs[0].headline.difference
    with pytest.raises(UsageError, match=r"na_prob_thresh"):
        qatk.compare(*names, data=FILES / "dev.json", na_prob_thresh="1.5")  # type: ignore[arg-type]


def test_what_a_model_predicts_is_compared_with_its_odds() -> None:
    data, odds = read_data(FILES / "dev.json"), FILES / "odds.json"
    careful = qatk.evaluate(data, FILES / "careful.json", null_odds=odds)
    found = qatk.compare(FILES / "bold.json", careful.predictions, data=data, draws=1000)
    assert [(system.name, "best_f1" in system.evaluation.metrics) for system in found.systems] == [
        ("bold", False),
        ("2", True),
    ]
    assert found.systems[1].evaluation.metrics["f1"] == careful.metrics["f1"]
    with pytest.raises(UsageError, match="predictions 1: 1 prediction for 240 questions"):
        qatk.compare(careful.predictions.take(np.array([0])), FILES / "bold.json", data=data)
    with pytest.raises(UsageError, match=r"predictions 1: what a model predicts has no ids .*\n  give .*: data="):
        qatk.compare(careful.predictions, FILES / "bold.json")


def test_recipes_are_run_and_their_folders_can_be_compared_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", forked_python())
    recipe = write_recipe(tmp_path, train=16, dev=8, epochs=1)
    made = qatk.compare(recipe, over={"backbone.layers": [1, 2]}, seeds=[0, 1], out=tmp_path / "made", draws=1000)
    assert [system.name for system in made.systems] == ["layers=1", "layers=2"]
    assert [list(system.seeds) for system in made.systems] == [[0, 1], [0, 1]]
    folders = sorted(path for path in (tmp_path / "made").iterdir() if path.is_dir())
    assert len(folders) == 4
    again = qatk.compare(*map(qatk.load_run, folders), group_seeds=True, draws=1000)
    assert [list(system.sources) for system in again.systems] == [[*map(str, folders[:2])], [*map(str, folders[2:])]]
    alone = qatk.compare(recipe, seeds=[0, 1], out=tmp_path / "made", draws=1000)  # its runs are there
    assert (len(alone.systems), list(alone.systems[0].seeds), list(alone.pairs)) == (1, [0, 1], [])
    assert "mean of 2 seeds: F1 " in alone.summary
    with pytest.raises(UsageError, match=r"one recipe is only one system\n.* give several seeds="):
        qatk.compare(recipe, seeds=[0], out=tmp_path / "made")


def test_values_from_python_are_those_of_the_command() -> None:
    assert over_values("head.use", ["linear", "biaffine"]).labels == ["linear", "biaffine"]
    assert over_values("trainer.learning_rate", [1e-3, 2e-3]).values == ["0.001", "0.002"]
    assert over_values("backbone.layers", [None, 3]).values == parse_over("backbone.layers=[null, 3]").values
    assert over_values("decoder.n_best_size", np.array([5, 20])).labels == ["5", "20"]
    assert over_values("decoder.n_best_size", [np.int64(5), np.float32(0.5)]).labels == ["5", "0.5"]
    assert over_values("backbone.model", [Path("runs/a"), "b"]).labels == ["runs/a", "b"]


@pytest.mark.parametrize(
    ("sources", "options", "message"),
    [
        (
            "files",
            {"limit": 2, "out": "x", "jobs": 4, "settings": ["no=1"]},
            "settings=, out=, limit=, jobs=: only for a recipe",
        ),
        ("files", {"executor": {"use": "nope"}}, "executor=: only for a recipe"),
        ("files", {"on": "nope"}, "on=: only for run folders without data="),
        ("folders", {"runtime": "onnx"}, "runtime=: only for data= or recipes"),
        ("files", {"group_seeds": True}, "group_seeds=: only for run folders"),
        ("recipe", {"null_odds": ["o.json"]}, "null_odds=: only for models and prediction files"),
        ("recipe", {"use": "table", "language": "de"}, "use=, language=: only for data="),
        ("recipe", {"language_column": "lang"}, "language=: only for data="),
        ("recipe", {"common": True}, "common=: only for run folders and prediction files"),
        (
            "recipe",
            {"group_seeds": True},
            "group_seeds=: only for run folders; the seeds of a recipe are grouped anyway",
        ),
        ("plan", {"data": FILES / "dev.json", "use": "squad"}, "data=, use=: only for models and prediction files"),
        ("plan", {"common": True}, "common=: only for run folders"),
        ("folders", {"null_odds": ["o.json"]}, "null_odds=: only for prediction files"),
        ("folders", {"use": "squad"}, "use=: only for data= or recipes"),
    ],
)
def test_options_without_effect_are_refused_as_by_the_command(
    tmp_path: Path, sources: str, options: dict[str, Any], message: str
) -> None:
    plan, run = tmp_path / "plan", tmp_path / "run"
    plan.mkdir()
    run.mkdir()
    (plan / "plan.json").write_text("{}")
    given = {
        "files": [FILES / "bold.json", FILES / "careful.json"],
        "recipe": [write_recipe(tmp_path)],
        "plan": [plan],
        "folders": [tmp_path, run],
    }
    data = {"data": FILES / "dev.json"} if sources == "files" else {}
    with pytest.raises(UsageError) as told:
        qatk.compare(*given[sources], **data, **options)
    assert str(told.value).partition("\n")[0] == message


def test_mistakes(tmp_path: Path) -> None:
    recipe, plan = write_recipe(tmp_path), tmp_path / "plan"
    plan.mkdir()
    (plan / "plan.json").write_text("{}")
    with pytest.raises(UsageError, match=r"not a recipe: .*careful.json\n.*over= and seeds= need a recipe"):
        qatk.compare(recipe, FILES / "careful.json", over={"seed": [1]})
    with pytest.raises(UsageError, match="systems are given one by one, not in a list"):
        qatk.compare([FILES / "bold.json", FILES / "careful.json"], data=FILES / "dev.json")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="predictions 2: question 'a' has None instead of an answer text"):
        qatk.compare({"a": ""}, {"a": None}, data=FILES / "dev.json")  # type: ignore[dict-item]
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"over": {"head.use": "linear"}}, "over['head.use'] is 'linear', where a list is due"),
        ({"over": {"head.use": [{1}]}}, "over['head.use'] is [{1}], which no recipe can hold"),
        ({"over": "head.use=linear,tagger"}, "over is 'head.use=linear,tagger'"),
        ({"seeds": "0,1"}, "seeds is '0,1', where a list is due"),
        ({"seeds": 3}, "seeds is 3, where a list is due"),
        ({"seeds": [0, -1]}, "seeds=[0, -1]: expected whole numbers from 0\n  for example seeds=[0, 1, 2]"),
        ({"seeds": [0, 1.0]}, "seeds=[0, 1.0]: expected whole numbers from 0"),
        ({"seeds": [1, 1]}, "seeds=[1, 1]: 1 is given twice"),
        ({"over": {"seed": [1, 2]}}, "over='seed=[1, 2]': seeds are no systems\n  give them with seeds="),
        ({"seeds": [0, 1], "settings": "trainer.epochs=1"}, "settings is 'trainer.epochs=1', where a list is due"),
        ({"seeds": [0, 1], "settings": [1]}, "settings hold 1, which is no text"),
        ({"seeds": [0, 1], "settings": {"trainer.epochs": "many"}}, "settings='trainer.epochs"),
        ({"seeds": [0, 1], "null_odds": "o.json"}, "null_odds is 'o.json', where a list is due"),
        ({"seeds": [0, 1], "executor": "nope"}, "no launcher is called 'nope'"),
        ({"seeds": [0, 1], "executor": 3}, "executor is 3, no launcher"),
        ({"seeds": [0, 1], "runtime": 3}, "runtime is 3, where a list is due"),
        ({"seeds": [0, 1], "runtime": ["torch", "onnx"]}, "recipes take one runtime"),
        ({"seeds": [0, 1], "runtime": "nope:int8"}, "settings='runtime.use=nope'"),
        ({"seeds": [0, 1], "limit": 0}, "limit is 0"),
        ({"seeds": [0, 1], "jobs": 1.5}, "jobs is 1.5"),
        ({"seeds": [0, 1], "on": "test"}, f"{recipe}: the recipe has no evaluation set 'test'\n  known: dev"),
        ({"seeds": [0, 1], "cluster": "source"}, "cluster source: the data has no such column\n  there are title, "),
    ]
    for options, said in wrong:
        with pytest.raises(UsageError) as told:
            qatk.compare(recipe, out=tmp_path / "made", **options)
        assert str(told.value).startswith(said), options
    assert not list((tmp_path / "made").glob("*")), "no run was begun"
    unfit = {"language": "language= goes with data=", "use": "use=: only for data= or"}
    for option, said in unfit.items():
        options = {option: "de"}
        with pytest.raises(UsageError, match=said):
            qatk.compare(FILES / "bold.json", FILES / "careful.json", **options)
    with pytest.raises(UsageError, match="not a recipe: predictions\n"):
        qatk.compare(recipe, {"a": ""})
    with pytest.raises(UsageError, match="plan is a plan, which is compared alone"):
        qatk.compare(plan, FILES / "bold.json")
    with pytest.raises(UsageError, match=r"not a recipe: .*plan\n"):
        qatk.compare(plan, seeds=[1])
    with pytest.raises(UsageError, match=r"one recipe is only one system\n.* give several seeds="):
        qatk.compare(recipe, seeds=[1])
    with pytest.raises(UsageError, match="one value is only one system"):
        qatk.compare(recipe, over={"backbone.layers": [1]}, out=tmp_path / "made")
    for margin, draws, said in ((0.0, 99, "points of F1 above 0"), (1.0, 0, "draws is 0")):
        with pytest.raises(UsageError, match=said):
            qatk.compare(recipe, over={"backbone.layers": [1, 2]}, out=tmp_path / "made", margin=margin, draws=draws)
    with pytest.raises(UsageError, match="between two systems, and this is one"):
        qatk.compare(recipe, seeds=[0, 1], out=tmp_path / "made", margin=1.0)
    assert not (tmp_path / "made").exists(), "told before anything is run"
    with pytest.raises(UsageError, match="there is nothing to compare"):
        qatk.compare(data=FILES / "dev.json")
