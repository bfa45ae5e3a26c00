"""What is scored on the questions that the threshold was fitted on says so."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import qatk
from qatk.comparison.models import ask_models
from qatk.evaluation.evaluate import read_data
from qatk.inference.predict import predict_file
from qatk.languages import ENGLISH
from qatk.types import Examples

HELD_OUT = {"held_out": {"exact": {"first": 31.25}, "f1": {"first": 33.5}}}
PROMISE = {"chosen": {"threshold": -1.0}, "at_most": 0.2, "confidence": 0.95}
FIGURES = "EM and F1 are too good; held out, they are 31.25 and 33.50$"


@pytest.mark.parametrize(
    "score",
    [
        lambda run, asked: predict_file(qatk.load_model(run), asked, run / "answers.json"),
        lambda run, asked: ask_models({"a": run}, asked, ENGLISH, None, {}),
        lambda run, asked: qatk.bench(run, data=asked),
        lambda run, asked: qatk.export(run, "onnx", run / "export", data=asked),
    ],
    ids=["predict", "compare", "bench", "export"],
)
@pytest.mark.parametrize(
    ("calibration", "other", "said"),
    [
        (HELD_OUT, False, FIGURES),
        ({**HELD_OUT, "promise": PROMISE}, False, "are too good$"),
        ({}, False, "are too good$"),
        ({"on": "other"}, False, ""),
        ({}, True, ""),
        (None, False, ""),
    ],
)
def test_the_questions_of_a_fitted_threshold_are_told(
    score: Callable[[Path, Examples], object],
    calibration: dict[str, object] | None,
    other: bool,
    said: str,
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    recwarn: pytest.WarningsRecorder,
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise RuntimeError

    for work in ("predict._answer", "model.AnsweringModel.predict", "bench._measure", "exporting._divided"):
        monkeypatch.setattr(f"qatk.inference.{work}", stop)
    shutil.copytree(run, folder := tmp_path / "run")
    if calibration is not None:
        content = json.loads((folder / "manifest.json").read_text())
        content["recipe"]["decoder"]["null_threshold"] = "calibrated"
        (folder / "manifest.json").write_text(json.dumps(content))
        (folder / "calibration.json").write_text(json.dumps({"threshold": 0.5, "temperature": 1.0, **calibration}))
    asked = read_data(run.parent / "dev.json")
    if other:
        asked = replace(asked, question=["Who?", *asked.question[1:]])
    with pytest.raises(RuntimeError):
        score(folder, asked)
    told = [str(each.message) for each in recwarn if "the threshold was fitted on these" in str(each.message)]
    assert len(told) == bool(said)
    assert all(re.search(said, text) for text in told)
