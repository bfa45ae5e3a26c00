"""``qatk.run(recipe, data=...)``: data that a program has at hand, in place of what the recipe reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import polars as pl
import pytest
import yaml

import qatk
from qatk.errors import DataError, RecipeError, RunFolderError, UsageError
from qatk.plugins.host import PluginHost
from qatk.recipes.recipe import load_recipe
from small import squad, write_recipe


def rows(questions: int, seed: int) -> list[dict[str, Any]]:
    return [
        {
            "id": qa["id"],
            "question": qa["question"],
            "context": paragraph["context"],
            "answers": qa["answers"],
            "source": qa["id"][-1],
        }
        for paragraph in squad(questions, seed)["data"][0]["paragraphs"]
        for qa in paragraph["qas"]
    ]


def recipe_without_data(folder: Path, **data: Any) -> Path:
    path = write_recipe(folder)
    recipe = yaml.safe_load(path.read_text())
    recipe["data"] = data
    recipe["trainer"]["epochs"] = 1
    path.write_text(json.dumps(recipe if data else {k: v for k, v in recipe.items() if k != "data"}))
    return path


def columns(questions: int, seed: int) -> dict[str, list[Any]]:
    found = rows(questions, seed)
    return {name: [row[name] for row in found] for name in found[0]}


def test_a_run_takes_frames_datasets_rows_and_examples(tmp_path: Path) -> None:
    frames = {
        "train": pd.DataFrame(columns(96, 1)),
        "dev": datasets.Dataset.from_dict(columns(32, 2)),
        "test": pl.DataFrame(columns(16, 3)),
        "own": qatk.Examples.from_rows(rows(16, 4), columns=["source"]),
    }
    by_source = ["cluster=source", "slicers=[{use: column, name: source}]"]
    result = qatk.run(recipe_without_data(tmp_path), out=tmp_path / "run", data=frames, settings=by_source)
    assert (result.evaluation.clusters.kind, [*result.evaluation.masks]) == ("source", ["source"])
    assert {name: record["questions"] for name, record in result.manifest["data"].items()} == {
        "train": 96,
        "dev": 32,
        "test": 16,
        "own": 16,
    }
    assert list(result.sets) == ["test", "own"]
    dev = qatk.Examples.from_rows(rows(32, 2), columns=["source"])
    assert result.manifest["data"]["dev"]["digest"] == dev.digest()
    assert result.manifest["recipe"]["data"]["dev"] == {"use": "given", "digest": dev.digest()}
    assert {"dataset"} == {c["kind"] for c in result.manifest["components"] if c["name"] == "given"}
    again = qatk.run(recipe_without_data(tmp_path), out=tmp_path / "run", data=frames, settings=by_source, resume=True)
    assert dict(again.metrics) == dict(result.metrics)
    others = {**frames, "dev": rows(32, 5)}
    with pytest.raises(RunFolderError, match="the dev data changed since"):
        qatk.run(tmp_path / "recipe.yaml", out=tmp_path / "run", data=others, settings=by_source, resume=True)


def test_data_given_is_scored_as_data_read(tmp_path: Path) -> None:
    """One split is given, the other read; a checked recipe takes data too."""
    recipe = write_recipe(tmp_path, train=64, dev=24)
    read = qatk.run(recipe, out=tmp_path / "read", settings=["trainer.epochs=1"])
    given = qatk.run(
        recipe, out=tmp_path / "given", settings={"trainer.epochs": np.int64(1)}, data={"dev": read.evaluation.examples}
    )
    assert dict(given.metrics) == dict(read.metrics)
    checked = load_recipe(recipe, PluginHost.discover(), ["trainer.epochs=1"])
    third = qatk.run(checked, out=tmp_path / "third", data={"dev": read.evaluation.examples})
    assert dict(third.metrics) == dict(read.metrics)


def test_wrong_data_is_named_by_its_split(tmp_path: Path) -> None:
    recipe = recipe_without_data(tmp_path, train={"use": "facts"}, dev={"use": "facts"})
    bad = [{**rows(1, 2)[0], "answers": {"text": ["guild"], "answer_start": [3]}}]
    cases: list[tuple[dict[str, object], type[Exception], str]] = [
        ({"dev": bad}, DataError, r"data\['dev'\]: 1 answer of 1 question is not at the given answer_start"),
        ({"dev": 3}, UsageError, r"data\['dev'\]: no rows can be read from an object of type int"),
        ({"dev": [*rows(1, 2), *rows(1, 2)]}, DataError, r"data\['dev'\]: 1 question id occurs more than once: 2-0"),
        ({"../x": rows(1, 2)}, UsageError, r"'../x' names no data of a run"),
        ({"dev": [{"question": "Who?", "context": "Ann."}]}, DataError, "the dev data has no gold answers"),
        ({"trian": rows(4, 2)}, RecipeError, "'trian'"),
    ]
    for data, kind, says in cases:
        settings = ["data={dev: {use: facts}}"] if "trian" in data else []
        with pytest.raises(kind, match=says):
            qatk.run(recipe, out=tmp_path / "run", data=data, settings=settings)
    with pytest.raises(UsageError, match="data maps each split to its rows, and is an object of type DataFrame"):
        qatk.run(recipe, out=tmp_path / "run", data=pd.DataFrame(rows(1, 2)))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"settings is 'trainer\.epochs=1', where a list is due"):
        qatk.run(recipe, out=tmp_path / "run", settings="trainer.epochs=1")
    for limit in (0, -3, 1.5):
        with pytest.raises(UsageError, match=f"limit is {limit}\n  give a whole number, 1 or more"):
            qatk.run(recipe, out=tmp_path / "run", limit=limit)  # type: ignore[arg-type]
    assert not (tmp_path / "run" / "model").exists()


def test_the_recipe_of_such_a_run_cannot_read_its_data_again(tmp_path: Path) -> None:
    recipe = recipe_without_data(tmp_path, dev={"use": "given", "digest": "0" * 64})
    with pytest.raises(UsageError, match="this data was given by a program") as caught:
        qatk.run(recipe, out=tmp_path / "run")
    assert "qatk.run(recipe, data=" in str(caught.value)
