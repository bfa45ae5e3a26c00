"""A run whose answers have several spans, by the recipe of the docs, down to the model that it leaves."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import qatk
from qatk.evaluation import exact_and_f1
from qatk.results import RunResult
from repository import ROOT

RECIPE = next(
    block
    for block in re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/how-to/several-spans.md").read_text(), re.DOTALL)
    if "tagger" in block
)
QUICK = ["reporters=[]", "trainer.max_steps=2", "featurizer={use: stride, max_length: 128, doc_stride: 32}"]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    folder = tmp_path_factory.mktemp("several")
    (folder / "recipe.yaml").write_text(RECIPE)
    return qatk.run(folder / "recipe.yaml", out=folder / "run", limit=48, settings=QUICK)


def test_the_answers_of_a_run_have_several_spans(result: RunResult) -> None:
    examples, found = result.evaluation.examples, result.evaluation.predictions
    assert found.several is not None
    assert np.diff(found.several.offsets).max() > 1
    assert (
        result.evaluation.per_question["f1"].tolist() == exact_and_f1(examples, found.text, found.several)[1].tolist()
    )
    assert {"word_f1", "multispan_em_f1", "coverage"} <= set(result.evaluation.metrics)
    written = json.loads((result.folder / "predictions.json").read_text())
    assert written == {name: [span.text for span in found.spans(row)] for row, name in enumerate(examples.id)}


def test_its_thresholds_are_fitted_on_other_articles(result: RunResult) -> None:
    held = json.loads((result.folder / "decoder.json").read_text())
    assert "threshold" in json.dumps(held)
    assert json.loads((result.folder / "calibration.json").read_text())["folds"]


def test_its_model_answers_with_several_spans(result: RunResult) -> None:
    model = qatk.load_model(result.folder)
    examples = result.evaluation.examples
    found = model.predict(examples)
    rows = np.flatnonzero(found.several.offsets[1:] - found.several.offsets[:-1] > 1) if found.several else []
    assert len(rows)
    said = [row for row in rows.tolist() if found.text[row]]
    for row in said[:2]:
        reply = model.answer(examples.question[row], examples.context_of(row))
        assert [span.text for span in reply.spans] == [span.text for span in found.spans(row)]
        assert reply.text == found.text[row]
