"""Every component that is installed keeps the promises of its kind, as qatk.testing knows them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from model_tools import save_model
from qatk.plugins.host import PluginHost
from qatk.plugins.protocols import PROTOCOLS
from qatk.plugins.registered import Registered
from qatk.testing import ContractBroken, check_component
from small import squad

HOST = PluginHost.discover(environ={})
ELSEWHERE = {
    ("metric", "evaluate"): "scores whole sets; tests/builtin/metrics/test_metrics.py checks it on a local metric",
    ("backbone", "exported"): "reads what qatk export wrote; tests/inference/test_exports.py exports a model",
    ("tracker", "trackio"): "needs what no test has; tools/try_trackio.py tries it",
    ("launcher", "ray"): "needs a cluster; tests/builtin/launchers/test_ray.py has one",
    ("dataset", "given"): "gives nothing by itself; tests/runs/test_given_data.py gives it examples",
}

LIES = "Borsk and Cadiz lie here . "


def _span(text: str) -> dict[str, Any]:
    return {"start": LIES.index(text), "end": LIES.index(text) + len(text), "string": text}


SPANS: dict[str, list[Any]] = {
    "multi.json": [
        {
            "data": [
                {
                    "id": "a",
                    "question": ["which"],
                    "context": ["Borsk", "and", "Cadiz"],
                    "label": ["B", "O", "B"],
                    "num_span": 2,
                }
            ]
        }
    ],
    "qed.jsonl": [
        {
            "example_id": 1,
            "title_text": "T",
            "question_text": "which",
            "paragraph_text": LIES,
            "annotation": {
                "explanation_type": "single_sentence",
                "selected_sentence": _span(LIES),
                "answer": [{"paragraph_reference": _span("Borsk")}],
            },
        }
    ],
    "mrqa.jsonl": [
        {"header": {"dataset": "Made", "split": "dev"}},
        {
            "context": LIES,
            "qas": [{"qid": "a", "question": "which", "detected_answers": [{"text": "Borsk", "char_spans": [[0, 4]]}]}],
        },
    ],
    "studio.json": [
        [
            {
                "id": 1,
                "data": {"text": LIES},
                "annotations": [
                    {"id": 1, "result": [{"value": {"start": 0, "end": 5, "text": "Borsk", "labels": ["X"]}}]}
                ],
            }
        ]
    ],
    "doccano.jsonl": [{"id": 1, "text": LIES, "label": [[0, 5, "PLACE"], [10, 15, "PLACE"]]}],
    "evidence.jsonl": [{"id": "a", "question": "which", "context": LIES, "spans": [{"char_start": 0, "char_end": 5}]}],
}
"""Files of the datasets that read several spans, one question each."""


@pytest.fixture(scope="module")
def needed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The options of components that cannot be built without any."""
    import datasets

    folder = tmp_path_factory.mktemp("needed")
    (folder / "dev.json").write_text(json.dumps(squad(12, 1)))
    answers = {"text": ["Oslo"], "answer_start": [15]}
    row = {"id": "a", "title": "T", "context": "Ann met Bob in Oslo.", "question": "Where?", "answers": answers}
    (folder / "set").mkdir()
    for name, rows in SPANS.items():
        (folder / name).write_text("\n".join(json.dumps(row) for row in rows))
    (folder / "set" / "train.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", folder / "cache")
        patch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        yield {
            ("dataset", "squad"): {"path": str(folder / "dev.json")},
            ("dataset", "hub"): {"name": str(folder / "set")},
            ("dataset", "table"): {"path": str(folder / "set" / "train.jsonl")},
            ("dataset", "passages"): {"path": str(folder / "set" / "train.jsonl")},
            ("dataset", "multispanqa"): {"path": str(folder / "multi.json")},
            ("dataset", "qed"): {"path": str(folder / "qed.jsonl")},
            ("dataset", "evidence"): {"path": str(folder / "evidence.jsonl")},
            ("dataset", "mrqa"): {"path": str(folder / "mrqa.jsonl")},
            ("dataset", "label-studio"): {"path": str(folder / "studio.json")},
            ("dataset", "doccano"): {"path": str(folder / "doccano.jsonl")},
            ("dataset", "mix"): {"sets": {"a": {"use": "facts", "questions": 9}, "b": {"use": "facts", "seed": 2}}},
            ("dataset", "augment"): {"set": {"use": "facts", "questions": 30}, "shuffle": 0.2, "cloze": 0.2},
            ("slicer", "column"): {"name": "level"},
            ("tracker", "wandb"): {"mode": "offline"},
            ("tracker", "mlflow"): {"tracking_uri": (folder / "mlflow").as_uri()},
            ("backbone", "hf"): {"model": str(save_model(folder / "model"))},
            ("decoder", "ensemble"): {"runs": []},
            ("launcher", "slurm"): {"scheduler": "none"},
            ("trainer", "distil"): {
                "teacher": str(save_model(folder / "teacher", answers=True, max_position_embeddings=512))
            },
        }


HERE = [registered for registered in HOST.components() if (registered.kind, registered.name) not in ELSEWHERE]


@pytest.mark.parametrize("registered", HERE, ids=lambda r: f"{r.kind}-{r.plugin.name}:{r.name}")
def test_promises_are_kept(registered: Registered, needed: Any) -> None:
    key = registered.kind, registered.name
    schema = registered.component.options.model_json_schema()
    if registered.plugin.distribution != "qatk" and schema.get("required"):
        pytest.skip("a third party's, and needs options: its own tests give them")
    check_component(registered.kind, f"{registered.plugin.name}/{registered.name}", needed.get(key), host=HOST)


@pytest.mark.parametrize(
    ("kind", "name", "options"),
    [
        ("decoder", "min-null", {"n_best_size": 1}),
        ("decoder", "min-null", {"max_answer_length": 2, "null_threshold": 1.5}),
        ("head", "linear", {"mask_question": False}),
        ("head", "linear", {"dropout": 0.3}),
        ("featurizer", "stride", {"max_length": 24, "doc_stride": 0, "max_question_length": 6}),
        ("dataset", "facts", {"long": 1.0, "unanswerable": 1.0, "questions": 20}),
    ],
)
def test_promises_are_kept_with_other_options(kind: str, name: str, options: dict[str, Any]) -> None:
    check_component(kind, name, options, host=HOST)


def test_every_kind_has_a_component_to_check() -> None:
    assert {r.kind for r in HOST.components() if (r.kind, r.name) not in ELSEWHERE} == set(PROTOCOLS)


def test_a_name_is_enough() -> None:
    check_component("decoder", "min-null")
    assert str(ContractBroken(HOST.find("decoder", "min-null"), [], 1)).startswith(
        "decoder 'min-null' of plugin decoders"
    )
