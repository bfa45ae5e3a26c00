"""A run without ``data.train`` evaluates any checkpoint: of a folder, of a package, of the hub."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import qatk
from commands import call
from hub_stub import serving
from model_tools import save_model
from qatk.evaluation.evaluate import read_data
from small import squad


@pytest.mark.parametrize("source", ["folder", "package", "hub"])
def test_a_checkpoint_is_evaluated_as_it_answers(tmp_path: Path, source: str) -> None:
    model = save_model(tmp_path / "holder" / "model", answers=True)
    (tmp_path / "holder" / "__init__.py").write_text("")
    (tmp_path / "dev.json").write_text(json.dumps(squad(24, 3)))
    named = {"folder": str(model), "package": "package:holder/model", "hub": "someone/checkpoint"}[source]
    recipe = {
        "qatk": 1,
        "backbone": {"use": "hf", "model": named},
        "featurizer": {"use": "stride", "max_length": 64, "doc_stride": 16},
        "data": {"dev": {"use": "squad", "path": "dev.json"}},
    }
    (tmp_path / "recipe.yaml").write_text(json.dumps(recipe))
    examples = read_data(tmp_path / "dev.json")
    settings = {"featurizer": {"max_length": 64, "doc_stride": 16}}
    due = qatk.load_model(model, settings=settings).predict(examples)
    with serving({"someone/checkpoint": {path.name: path.read_bytes() for path in model.iterdir()}}) as hub:
        shutil.rmtree(model) if source == "hub" else None
        environ = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path / "hf")}
        done = call("qatk", "run", "recipe.yaml", "--out", "run", "--json", cwd=tmp_path, paths=[tmp_path], **environ)
    assert done.returncode == 0, done.stderr
    said = dict(zip(examples.id, due.text, strict=True))
    assert json.loads((tmp_path / "run" / "predictions.json").read_text()) == said
    assert json.loads(done.stdout)["f1"] == qatk.evaluate(examples, said).metrics["f1"]
    assert "train" not in json.loads((tmp_path / "run" / "manifest.json").read_text())["stages"]
