"""``qatk.load_model``: runs and checkpoints that answer, by the path that a run takes."""

from __future__ import annotations

import json
import math
import shutil
from contextlib import nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import qatk
from model_tools import save_model
from qatk.calibration.risk_control import KeptPromise
from qatk.cli import app
from qatk.errors import ModelError, QatkError, QatkWarning, RunFolderError, UsageError
from qatk.evaluation.evaluate import read_data
from qatk.inference import sources
from qatk.inference.model import AnsweringModel
from qatk.plugins.host import PluginHost
from qatk.plugins.live import LiveDecoder
from qatk.recipes.compose import model_part
from serving import PROMISE
from small import write_recipe

CONTEXT = "The mill of Delft is old. It was built in 1843 by the guild."
QUESTION = "When was the mill of Delft built?"


@pytest.fixture(scope="module")
def model(run: Path) -> AnsweringModel:
    return qatk.load_model(run)


def test_the_questions_of_a_run_are_answered_as_the_run_did(run: Path, model: AnsweringModel) -> None:
    assert repr(model) == f"<AnsweringModel: {run}>"
    examples = read_data(run.parent / "dev.json")
    found = model.predict(examples)
    for name, values in (("predictions.json", found.text), ("null_odds.json", found.null_odds.tolist())):
        assert dict(zip(examples.id, values, strict=True)) == json.loads((run / name).read_text())
    result = qatk.load_run(run)
    assert qatk.evaluate(examples, found).metrics["f1"] == result.metrics["f1"]
    assert qatk.load_model(result).name == str(run)
    with pytest.raises(RunFolderError, match="has no folder"):
        qatk.load_model(replace(result, folder=None))


def test_a_reply_has_the_answer_its_place_and_how_sure_it_is(model: AnsweringModel) -> None:
    reply = model.answer(QUESTION, CONTEXT, top_k=3)
    assert CONTEXT[reply.start : reply.end] == reply.text if reply.is_answered else reply.text == ""
    assert len(reply.candidates) == 3
    assert all(CONTEXT[c.start : c.end] == c.text for c in reply.candidates)
    assert 0 <= reply.probability <= 1
    assert (reply.null_odds > model.parts.decoder.option("null_threshold", 0.0)) == (not reply.is_answered)
    assert reply.as_dict()["answer"] == reply.text
    assert reply.as_dict()["candidates"] == [asdict(candidate) for candidate in reply.candidates]
    assert [span.text for span in reply.spans] == [reply.text] * reply.is_answered
    both = model.answers([QUESTION] * 2, [CONTEXT] * 2, top_k=3)
    assert [(r.text, r.start) for r in both] == [(reply.text, reply.start)] * 2
    assert model.answers([], []) == model.answers(pd.Series([]), np.array([])) == []
    series, array = pd.Series([QUESTION] * 2), np.array([CONTEXT] * 2)
    for questions, contexts in ((series, array), (iter([QUESTION] * 2), (CONTEXT for _ in range(2)))):
        assert [r.text for r in model.answers(questions, contexts, top_k=3)] == [reply.text] * 2
    assert len(model.answer(QUESTION, CONTEXT, top_k=60).candidates) == 60


SHORT = """
import numpy as np
from qatk.api import Component, Options, Predictions, answers_of_spans, hookimpl
class First:
    def __init__(self, options):
        self.options = options
    def decode(self, examples, features, scores):
        n = len(examples)
        start, end = np.zeros(n, np.int32), np.array([len(examples.context_of(row)) for row in range(n)], np.int32)
        score, null = np.ones(n, np.float32), np.zeros(n, np.float32)
        found = answers_of_spans(examples, start, end, score, null, null_threshold=self.options.null_threshold)
        return found if self.options.lists else Predictions(found.text, found.char_start, found.char_end, score, null)
class FirstOptions(Options):
    null_threshold: float = 0.0
    lists: bool = True
@hookimpl
def qatk_decoders():
    return [Component("first", First, FirstOptions, "the whole context")]
"""


def test_a_decoder_that_knows_the_best_span_alone_answers(model: AnsweringModel, tmp_path: Path) -> None:
    (tmp_path / "first.py").write_text(SHORT)
    host = PluginHost.discover(files=[str(tmp_path / "first.py")])
    likely = pytest.approx(1 / (1 + math.exp(-1)))
    for lists, threshold, text, count in (
        (True, 0.0, CONTEXT, 1),
        (False, 0.0, CONTEXT, 1),
        (True, -5.0, "", 1),
        (False, -5.0, "", 0),
    ):
        section = {"use": "first", "lists": lists, "null_threshold": threshold}
        decoder = model_part(LiveDecoder, "decoder", {"decoder": section}, host)
        reply = replace(model, parts=replace(model.parts, decoder=decoder)).answer(QUESTION, CONTEXT)
        assert reply.text == text
        assert [(c.text, c.probability) for c in reply.candidates] == [(CONTEXT, likely)] * count
        assert reply.is_withheld == (count and not text)


def test_a_custom_head_and_a_calibrated_threshold_travel_with_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = write_recipe(tmp_path)
    settings = ["head={use: conditional}", "decoder.null_threshold=calibrated"]
    result = qatk.run(recipe, out=tmp_path / "run", settings=settings)
    model = qatk.load_model(tmp_path / "run")
    examples = result.evaluation.examples
    assert model.threshold == json.loads((tmp_path / "run" / "calibration.json").read_text())["threshold"]
    found = model.predict(examples)
    assert found.null_odds.tolist() == result.evaluation.predictions.null_odds.tolist()
    kept = {"at_most": 0.05, "confidence": 0.9, "chosen": {"threshold": model.threshold - 3}}
    calibration = tmp_path / "run" / "calibration.json"
    calibration.write_text(json.dumps({**json.loads(calibration.read_text()), "promise": kept}))
    opened: list[Path] = []
    read = sources.read_part
    monkeypatch.setattr(sources, "read_part", lambda path: opened.append(path) or read(path))
    promised = qatk.load_model(tmp_path / "run")
    assert opened == [calibration]
    assert promised.threshold == model.threshold - 3
    assert promised.changed(decoder={"max_answer_length": 3}).threshold == model.threshold
    best = found.score > -float("inf")
    assert [text != "" for text in found.text] == (best & (found.null_odds <= model.threshold)).tolist()


def test_probabilities_are_among_the_models_own_best_spans(run: Path) -> None:
    """However many are asked for: a limit on the probability would mean another thing with each number."""
    model = qatk.load_model(run)
    size = model.parts.decoder.option("n_best_size", 0)
    few, many = (model.answer(QUESTION, CONTEXT, top_k=top_k) for top_k in (size, 3 * size))
    assert len(few.candidates) == size < len(many.candidates)
    assert few.no_answer_probability + sum(span.probability for span in few.candidates) == pytest.approx(1)
    assert many.probability == pytest.approx(few.probability, rel=1e-5)
    assert many.no_answer_probability == pytest.approx(few.no_answer_probability, rel=1e-5)
    for one, other in zip(few.candidates, many.candidates, strict=False):
        assert (other.start, other.end, other.score) == (one.start, one.end, one.score)
        assert other.probability == pytest.approx(one.probability, rel=1e-5)
    last, beyond = many.candidates[size - 1 : size + 1]
    assert beyond.probability / last.probability == pytest.approx(np.exp(beyond.score - last.score), rel=1e-4)
    alike = model.keeping(2 * size).keeping(3 * size).answer(QUESTION, CONTEXT)
    assert alike.probability == pytest.approx(few.probability, rel=1e-5)


def test_a_promised_error_rate_travels_with_a_run(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    examples = read_data(run.parent / "dev.json")
    odds = qatk.load_model(folder).predict(examples).null_odds
    threshold = float(np.median(odds))
    promise = {"at_most": 0.05, "confidence": 0.9, "chosen": {"threshold": threshold}}
    (folder / "calibration.json").write_text(json.dumps({"threshold": 0.0, "promise": promise}))
    model = qatk.load_model(folder)
    assert model.promise == KeptPromise(threshold, 0.05, 0.9)
    found = model.predict(examples)
    assert 0 < sum(text != "" for text in found.text) < len(examples)
    assert not any(text for text, odd in zip(found.text, odds, strict=True) if odd > threshold)
    replies = model.answers(examples.question, [examples.context_of(row) for row in range(len(examples))])
    assert [reply.is_withheld for reply in replies] == ((odds > threshold) & (odds < 0)).tolist()
    says = "at most 5 % of the answers are wrong, on data like dev (confidence 90 %)"
    assert model.answer(QUESTION, CONTEXT).as_dict()["promise"] == says
    assert model.keeping(60).promise == model.promise
    own = model.parts.decoder.option("max_answer_length", 0)
    named = {"null_threshold": model.parts.decoder.option("null_threshold", 0.0)}
    for section, options, kept in (
        ("decoder", {"overlapping": False, "n_best_size": 7}, True),
        ("decoder", {"max_answer_length": own}, True),
        ("decoder", {"max_answer_length": 3}, False),
        ("decoder", {"null_threshold": -1.0}, False),
        ("decoder", named, False),
        ("featurizer", {"doc_stride": 9}, False),
        ("passages", {}, True),
        ("passages", {"use": "bm25"}, False),
    ):
        warned = nullcontext() if kept or "null_threshold" in options else pytest.warns(QatkWarning, match="with other")
        with warned:
            loaded = qatk.load_model(folder, settings={section: options})
        assert loaded.promise == (model.promise if kept else None), (section, options)
        if section != "passages":
            assert model.changed(**{section: options}).promise == loaded.promise
    assert qatk.load_model(folder, settings={"decoder": named}).threshold is None
    asked = ["predict", str(folder), str(run.parent / "dev.json"), "--out", str(tmp_path / "said.json")]
    assert f"promise: {says}" in CliRunner().invoke(app, asked).stdout
    said = (tmp_path / "said.json").read_text()
    for alike in (["--no-overlap"], ["--passages", "none"]):
        assert f"promise: {says}" in CliRunner().invoke(app, [*asked, *alike]).stdout
        assert (tmp_path / "said.json").read_text() == said
    del promise["chosen"]
    (folder / "calibration.json").write_text(json.dumps({"threshold": 0.0, "promise": promise}))
    with pytest.raises(RunFolderError, match="the promise lacks a threshold"):
        qatk.load_model(folder)


@pytest.mark.parametrize(
    ("measured", "loaded", "kept"),
    [
        ("fp32", {"settings": ["trainer.precision=fp32"]}, True),
        ("fp32", {"runtime": "onnx"}, True),
        ("bf16", {"settings": ["trainer.precision=fp32"]}, True),
        ("bf16", {"settings": ["trainer.precision=bf16"]}, True),
        ("fp32", {"settings": ["trainer.precision=bf16"]}, False),
        ("fp32", {"runtime": "torch:bf16"}, False),
        ("fp32", {"runtime": "onnx:int8"}, False),
        ("int8", {"settings": ["trainer.precision=fp32"], "runtime": "torch"}, False),
        ("int8", {"settings": ["trainer.precision=fp32"]}, True),
    ],
)
def test_a_promise_holds_in_the_precision_of_the_odds_that_it_is_about(
    run: Path, tmp_path: Path, measured: str, loaded: dict[str, Any], kept: bool
) -> None:
    shutil.copytree(run, folder := tmp_path / "run")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["model"]["precision"] = measured
    if measured == "int8":
        manifest["recipe"]["runtime"] = {"use": "onnx", "precision": "int8"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "calibration.json").write_text(json.dumps({"threshold": 0.0, "promise": PROMISE}))
    with nullcontext() if kept else pytest.warns(QatkWarning, match=f"does not hold in .*: it was .* in {measured};"):
        model = qatk.load_model(folder, **loaded)
    assert model.threshold == (PROMISE["chosen"]["threshold"] if kept else None)


def test_a_threshold_fitted_after_the_run_is_used_where_it_is_asked_for(
    run: Path, model: AnsweringModel, tmp_path: Path
) -> None:
    calibrated: dict[str, Any] = {"null_threshold": "calibrated"}
    shutil.copytree(run, folder := tmp_path / "run")
    for ask in (
        partial(qatk.load_model, run, settings={"decoder": calibrated}),
        partial(model.changed, decoder=calibrated),
    ):
        with pytest.raises(RunFolderError, match=f"calibration.json is missing\n  fit one: qatk calibrate {run}"):
            ask()
    published = shutil.copytree(run, tmp_path / sources.PUBLISHED)
    with pytest.raises(RunFolderError, match="calibrate its run and publish that again, or give a number"):
        qatk.load_model(published, settings={"decoder": calibrated})
    (folder / "calibration.json").write_text(json.dumps({"threshold": -0.125}))
    plain = qatk.load_model(folder)
    assert plain.threshold is None
    for changed in (qatk.load_model(folder, settings={"decoder": calibrated}), plain.changed(decoder=calibrated)):
        assert changed.threshold == changed.changed(decoder={"n_best_size": 3}).threshold == -0.125
        assert changed.changed(decoder={"null_threshold": 1.0}).threshold is None


def test_a_checkpoint_answers_without_training(tmp_path: Path) -> None:
    model = qatk.load_model(save_model(tmp_path, answers=True, initializer_range=0.5), device="cpu")
    for ask in (
        partial(qatk.load_model, tmp_path, settings={"decoder": {"null_threshold": "calibrated"}}),
        partial(model.changed, decoder={"null_threshold": "calibrated"}),
    ):
        with pytest.raises(UsageError, match="the model has no run, so no null threshold was fitted for it"):
            ask()
    assert model.parts.featurizer.option("max_length", 0) == 64  # what the model takes
    long = " ".join(f"{year}. {CONTEXT}" for year in range(1800, 1840))
    reply = model.answer(QUESTION, long)
    assert all(long[c.start : c.end] == c.text for c in reply.candidates)


def test_a_model_without_a_head_is_refused(tmp_path: Path) -> None:
    save_model(tmp_path)
    with pytest.raises(ModelError, match="no weights of a question-answering head"):
        qatk.load_model(tmp_path)


def test_options_can_be_changed_and_are_checked(run: Path, model: AnsweringModel) -> None:
    short = qatk.load_model(run, settings={"decoder": {"max_answer_length": 1}})
    assert all(" " not in c.text for c in short.answer(QUESTION, CONTEXT, top_k=20).candidates)
    listed = qatk.load_model(run, settings=["decoder.max_answer_length=1", "decoder.n_best_size=3"])
    dotted = qatk.load_model(run, settings={"decoder.max_answer_length": 1, "decoder": {"n_best_size": 3}})
    for changed in (listed.sections["decoder"], dotted.sections["decoder"]):
        assert (changed["max_answer_length"], changed["n_best_size"]) == (1, 3)
    for wrong in (["decoder=min_null"], {"decoder": 5}):
        with pytest.raises(UsageError, match=r"settings hold .* for 'decoder', where its options are due"):
            qatk.load_model(run, settings=wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"settings is 'decoder\.n_best_size=5', where a list is due"):
        qatk.load_model(run, settings="decoder.n_best_size=5")
    assert model.changed() is model
    with pytest.raises(UsageError, match="max_length"):
        model.changed(decoder={"max_length": 3})
    with pytest.raises(UsageError, match="no section 'decoders'"):
        qatk.load_model(run, settings={"decoders": {}})


@pytest.mark.parametrize(
    ("question", "context", "top_k", "words"),
    [
        ("", CONTEXT, 1, "the question is blank"),
        (QUESTION, " \n", 1, "the context is blank"),
        (QUESTION, CONTEXT, 0, "top_k is 0"),
        (QUESTION, CONTEXT, "3", "top_k is '3'"),
    ],
)
def test_what_cannot_be_answered(model: AnsweringModel, question: str, context: str, top_k: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        model.answer(question, context, top_k=top_k)


def test_texts_are_no_lists_of_questions(model: AnsweringModel) -> None:
    with pytest.raises(UsageError, match=r"questions is .*, where a list is due\n  answers takes lists; for one"):
        model.answers(QUESTION, CONTEXT)
    with pytest.raises(UsageError, match="contexts is 3, where a list is due"):
        model.answers([QUESTION], 3)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="question 1 is no text but float"):
        model.answers(pd.Series([QUESTION, math.nan]), [CONTEXT] * 2)


def test_folders_that_are_no_model(run: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"is not a model: it has no config\.json\n  name a run folder"):
        qatk.load_model(tmp_path)
    with pytest.raises(UsageError, match="no path but an object of type list"):
        qatk.load_model([run])  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="no model is named"):
        qatk.load_model("")
    with pytest.raises(QatkError, match="there is no folder"):
        qatk.load_model(tmp_path / "nowhere")
    broken = tmp_path / "broken"
    shutil.copytree(run, broken)
    shutil.rmtree(broken / "model")
    with pytest.raises(RunFolderError, match="has no model"):
        qatk.load_model(broken)
    manifest = json.loads((broken / "manifest.json").read_text())
    del manifest["stages"]["score"]
    (broken / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(RunFolderError, match="is unfinished"):
        qatk.load_model(broken)


def test_a_twin_answers_alike_with_parts_of_its_own(model: AnsweringModel) -> None:
    twin = model.twin()
    assert twin.model is model.model
    assert twin.tokenizer is not model.tokenizer
    assert twin.parts.decoder is not model.parts.decoder
    assert twin.answer(QUESTION, CONTEXT) == model.answer(QUESTION, CONTEXT)
