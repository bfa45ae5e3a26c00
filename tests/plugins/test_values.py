"""Values that components give are looked at as a run gets them: a wrong one is told with its row, and whose it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from qatk.api import Component, Examples, NoOptions, Predictions, SpanCandidates, SpanScores
from qatk.plugins.attribution import explain
from qatk.plugins.host import PluginHost
from qatk.plugins.live import LiveDataset, LiveDecoder, LiveMetric
from qatk.plugins.live_windows import LiveFeaturizer
from qatk.plugins.registered import Plugin, Registered
from qatk.plugins.values import check_scores
from qatk.testing.inputs.decoding import decoding_problems
from qatk.testing.inputs.questions import answers_to, questions
from qatk.testing.inputs.tokenizers import tokenizers_to_try

OTHER = Plugin("other", "qatk-other", "1.0", "other")
COLUMNS: dict[str, Any] = {
    "id": ["a", "b"],
    "question": ["Who?", "When?"],
    "title": ["T", ""],
    "context": ["Ada did, in 1843."],
    "context_index": np.zeros(2, np.int32),
    "answer_offsets": np.array([0, 1, 2], np.int64),
    "answer_text": ["Ada", "1843"],
    "answer_start": np.array([0, 12], np.int32),
}


def live(adapter: Any, kind: str, plugin: Plugin = OTHER, **methods: Callable[..., Any]) -> Any:
    cls = type("Bad", (), {"__init__": lambda self, options: None, **methods})
    return adapter.build(Registered(kind, Component("bad", cls), plugin), NoOptions())


def load(changes: dict[str, Any], plugin: Plugin = OTHER) -> Examples:
    return live(LiveDataset, "dataset", plugin, load=lambda self: Examples(**{**COLUMNS, **changes})).load()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"question": ["Who?", None]}, r"question of row 1 \(question 'b'\) is None, no text"),
        ({"question": [float("nan"), "When?"]}, r"question of row 0 \(question 'a'\) is nan, no text"),
        ({"id": ["a", 7]}, "id of row 1 is 7, no text"),
        ({"context": [None]}, r"context of row 0 \(question 'a'\) is None, no text"),
        ({"answer_text": ["Ada", None]}, r"answer_text of row 1 \(question 'b'\) is None, no text"),
        ({"columns": {"level": ["easy", np.nan]}}, r"level of row 1 \(question 'b'\) is nan, no text"),
    ],
)
def test_what_is_no_text_is_told_with_plugin_and_row(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message) as caught:
        load(changes)
    said = explain(caught.value)
    assert said is not None
    assert "dataset 'bad' of plugin other (qatk-other 1.0) failed during load: TypeError" in said


def test_an_answer_that_stands_elsewhere_is_told() -> None:
    wrong = {"answer_start": np.array([0, 11], np.int32)}
    message = "the answer '1843' to question 'b' does not stand at its answer_start 11, where the context has ' 184'"
    with pytest.raises(ValueError, match=message):
        load(wrong)
    assert len(load({"answer_start": np.array([0, -1], np.int32)})) == 2
    assert len(load({"answer_offsets": None, "answer_text": (), "answer_start": np.zeros(0, np.int32)})) == 2
    assert len(load(wrong, Plugin("datasets", "qatk", "0.1.0", "x"))) == 2, "those of qatk have an option for it"


def test_an_id_that_occurs_twice_is_told() -> None:
    with pytest.raises(ValueError, match="the id 'a' of row 1 occurs twice") as caught:
        load({"id": ["a", "a"]})
    assert "dataset 'bad' of plugin other (qatk-other 1.0) failed during load" in str(explain(caught.value))
    two = Examples(**COLUMNS)
    loads = {"load": lambda self: two, "stream": lambda self, size: iter([two, two])}
    blocks = live(LiveDataset, "dataset", **loads).stream(2)
    assert next(blocks) is two
    with pytest.raises(ValueError, match="the id 'a' of row 0 occurs twice"):
        next(blocks)


def test_windows_longer_than_the_backbone_takes_are_told(host: PluginHost) -> None:
    stride = host.build("featurizer", "stride", {"max_length": 96, "doc_stride": 8})
    _, tokenizer, spec = tokenizers_to_try()[0]

    def featurize(self: Any, examples: Examples, tokenizer: Any, spec: Any, *, targets: bool) -> Any:
        return stride.featurize(examples, tokenizer, replace(spec, max_length=512), targets=targets)

    featurizer = live(LiveFeaturizer, "featurizer", featurize=featurize)
    assert len(featurizer.featurize(questions(), tokenizer, replace(spec, max_length=96), split="dev"))
    with pytest.raises(ValueError, match=r"a window of 96 tokens, where testing \(word pieces\) takes 95"):
        featurizer.featurize(questions(), tokenizer, replace(spec, max_length=95), split="dev")


def test_scores_that_are_no_numbers_are_told() -> None:
    with pytest.raises(ValueError, match=r"scores\.null is NaN in row 1"):
        check_scores(SpanScores(np.array([0, np.nan], np.float32), np.zeros(3, np.float32), np.zeros(3, np.float32)))
    column, score = np.zeros(1, np.int32), np.array([np.nan], np.float32)
    with pytest.raises(ValueError, match=r"scores\.candidates\.score is NaN in row 0"):
        check_scores(SpanScores(np.zeros(1, np.float32), candidates=SpanCandidates(column, column, column, score)))


def spoilt(name: str, value: Any) -> Callable[[Predictions], Predictions]:
    def change(found: Predictions) -> Predictions:
        if not name.startswith("nbest."):
            return replace(found, **{name: value(getattr(found, name))})
        field = name.removeprefix("nbest.")
        assert found.nbest is not None
        return replace(found, nbest=replace(found.nbest, **{field: value(getattr(found.nbest, field))}))

    return change


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "text",
            lambda t: [word.upper() for word in t],
            "the answer of 'q0' has the text 'WROTE IT', where characters",
        ),
        ("char_end", lambda e: e + np.int32(1), r"the answer of 'q0' .* are 'wrote it '"),
        ("char_end", lambda e: e + np.int32(999), r"the answer of 'q0' ends at 1\d+, where the context has \d+ char"),
        ("char_start", lambda s: s - s - np.int32(1), "the answer of 'q0' has the text 'wrote it', where it has no"),
        ("score", lambda s: s * np.float32("nan"), "the score of 'q0' is NaN"),
        ("nbest.text", lambda t: ["x"] * len(t), "the n-best of 'q0' has the text 'x', where"),
        ("nbest.probability", lambda p: p + 1, "the n-best of 'q0' has the probability 1.* and none from 0 to 1"),
        ("nbest.probability", lambda p: p * np.float32("nan"), "the n-best of 'q0' has the probability nan"),
    ],
)
def test_answers_that_are_none_are_told(host: PluginHost, name: str, value: Any, message: str) -> None:
    problem, right = decoding_problems()[0], host.build("decoder", "min-null")
    arguments = problem.examples, problem.features, problem.scores
    good = live(LiveDecoder, "decoder", decode=lambda self, *a: right.decode(*a))
    assert good.decode(*arguments).text[0] == "wrote it"
    bad = live(LiveDecoder, "decoder", decode=lambda self, *a: spoilt(name, value)(right.decode(*a)))
    with pytest.raises(ValueError, match=message):
        bad.decode(*arguments)


def test_values_of_metrics_that_are_no_numbers_are_told() -> None:
    examples = questions()
    given = examples, answers_to(examples)
    nan = np.array([0, 1, np.nan, 0, 0, 0, 0], np.float64)
    for values, message in ((nan, "nan for question 'q2'"), (100 * np.eye(7)[3], "100 for question 'q3'")):
        metric = live(LiveMetric, "metric", score=lambda self, *a, v=values: {"mine": v})
        with pytest.raises(ValueError, match=f"'mine' is {message}, and no fraction from 0 to 1"):
            metric.score(*given)
    for figures, message in (
        ({"mine": "9"}, "the figure 'mine' is '9', and no number"),
        ({"mine": None}, "the figure 'mine' is None"),
        ({"mine": True}, "the figure 'mine' is True"),
        ([1.0], "it returned an object of type list, expected Mapping"),
    ):
        metric = live(LiveMetric, "metric", score=lambda self, *a: {}, corpus=lambda self, *a, f=figures: f)
        with pytest.raises(TypeError, match=message):
            metric.corpus(*given)
    whole = {"count": np.int64(3), "share": np.float32(0.5)}
    metric = live(LiveMetric, "metric", score=lambda self, *a: {}, corpus=lambda self, *a: whole)
    assert json.dumps(metric.corpus(*given)) == '{"count": 3, "share": 0.5}'
