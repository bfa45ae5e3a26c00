"""Recipes for models of the hub, each run with a small random model of its architecture in that one's place."""

from __future__ import annotations

from pathlib import Path

import pytest

import qatk
from any_model import save_family
from qatk.plugins.host import PluginHost
from qatk.recipes.recipe import load_recipe
from repository import ROOT


@pytest.mark.parametrize(
    ("recipe", "family", "more"),
    [
        ("squad_v2_deberta", "deberta-v3", []),
        ("squad_v2_modernbert", "modernbert", []),
        ("squad2_mpnet", "mpnet", ["trainer.frozen_layers=1"]),
    ],
)
def test_the_recipe_suits_the_architecture(
    recipe: str, family: str, more: list[str], tmp_path: Path, host: PluginHost
) -> None:
    model = save_family(tmp_path / "model", family)
    data = [
        f"data.{part}={{use: facts, questions: 8, long: 0.0, seed: {seed}}}"
        for seed, part in enumerate(("train", "dev"))
    ]
    steps = [
        f"backbone.model={model}",
        "trainer.max_steps=1",
        "trainer.batch_size=8",
        "reporters=[]",
        "slicers=[]",
        *more,
        *data,
    ]
    path = ROOT / "examples" / f"{recipe}.yaml"
    run = qatk.run(load_recipe(path, host, steps), out=tmp_path / "run")
    assert run.evaluation.metrics["total"] == 8
    assert run.manifest["model"]["head"] == "untrained"


@pytest.mark.parametrize(
    ("recipe", "family", "more"),
    [("squad2_minilm", "bert", []), ("squad2_mpnet", "mpnet", ["trainer.frozen_layers=1"])],
)
def test_the_second_stage_goes_on_where_the_first_ended(
    recipe: str, family: str, more: list[str], tmp_path: Path, host: PluginHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, facts = save_family(tmp_path / "model", family), "{use: facts, questions: 32, long: 0.0}"
    steps = [f"data.dev={facts}", "trainer.max_steps=1", "trainer.batch_size=8", "reporters=[]", "slicers=[]", *more]
    stages = {
        recipe: [f"backbone.model={model}", f"data.train={facts}"],
        f"{recipe}_both": [f"data.train.sets.squad={facts}"],
    }
    monkeypatch.chdir(tmp_path)  # the second looks for the run of the first
    runs = [
        qatk.run(load_recipe(ROOT / "examples" / f"{name}.yaml", host, [*steps, *its])) for name, its in stages.items()
    ]
    assert [run.manifest["model"]["head"] for run in runs] == ["untrained", "checkpoint"]
