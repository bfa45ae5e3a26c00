"""``examples/squad_v2_bert.yaml`` as a user with the hub runs it: the hub is a loopback one with small files."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from commands import call
from hub_stub import serving
from model_tools import save_model
from qatk.plugins.host import PluginHost
from qatk.types import Examples
from repository import ROOT

RECIPE = ROOT / "examples" / "squad_v2_bert.yaml"


def parquet(examples: Examples) -> bytes:
    rows = range(len(examples))
    answers = [
        {"text": examples.answers_of(i), "answer_start": [start for start, _ in examples.spans_of(i)]} for i in rows
    ]
    columns = {
        "id": list(examples.id),
        "title": list(examples.title),
        "context": [examples.context_of(i) for i in rows],
        "question": list(examples.question),
        "answers": answers,
    }
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def test_the_hub_recipe(tmp_path: Path, host: PluginHost) -> None:
    model = save_model(tmp_path / "model", max_position_embeddings=512)
    facts = {
        name: host.build("dataset", "facts", {"questions": 32, "seed": i}).load()
        for i, name in enumerate(("train", "dev"))
    }
    repositories = {
        "google-bert/bert-base-uncased": {path.name: path.read_bytes() for path in model.iterdir()},
        "rajpurkar/squad_v2": {
            "train-00000-of-00001.parquet": parquet(facts["train"]),
            "validation-00000-of-00001.parquet": parquet(facts["dev"]),
        },
    }
    with serving(repositories) as hub:
        environ = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path / "hf")}
        words = ["run", RECIPE, "--out", tmp_path / "run", "--json", "--set", "trainer.max_steps=2"]
        done = call("qatk", *words, OMP_NUM_THREADS="1", **environ)
        assert done.returncode == 0, done.stderr
        assert any("model.safetensors" in line for line in hub.log)
    assert json.loads(done.stdout)["total"] == 32
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["recipe"]["backbone"]["model"] == "google-bert/bert-base-uncased"
    assert manifest["data"]["dev"]["questions"] == 32
