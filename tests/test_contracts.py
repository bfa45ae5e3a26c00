"""Promises that every component of a kind must keep, checked on all that are installed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from min_null_tools import Window, examples, features, scores

from qatk.api import Examples, Options, Predictions, SpanCandidates, SpanScores
from qatk.plugins import METHODS, PluginHost, Registered

HOST = PluginHost.discover(environ={})


def collected(kind: str) -> Any:
    found = [pytest.param(r, id=f"{r.plugin.name}:{r.name}") for r in HOST.components(kind)]
    assert found, f"no {kind} to check"
    return pytest.mark.parametrize("registered", found)


@pytest.mark.parametrize("registered", HOST.components(), ids=lambda r: f"{r.kind}-{r.plugin.name}:{r.name}")
class TestEvery:
    def test_has_a_summary_and_options_that_refuse_unknown_keys(self, registered: Registered) -> None:
        assert registered.component.summary
        assert len(registered.component.summary) < 80
        with pytest.raises(ValueError, match="no_such_option"):
            registered.component.options.model_validate({"no_such_option": 1})

    def test_options_hold_plain_values(self, registered: Registered) -> None:
        schema = registered.component.options.model_json_schema()
        assert "$defs" not in schema
        json.dumps(schema)

    def test_its_class_takes_options_and_has_its_methods(self, registered: Registered) -> None:
        cls = registered.cls()
        assert all(callable(getattr(cls, method)) for method in METHODS[registered.kind])
        assert cls.__doc__


def built(registered: Registered, **options: Any) -> Any:
    return registered.build(registered.component.options.model_validate(options)).instance


CONTEXT = "Ada wrote it in 1843."
TOKENS = [(0, 3), (4, 9), (10, 12), (13, 15), (16, 20), (20, 21)]


def problem(*windows: Window) -> tuple[Examples, Any, SpanScores]:
    gold = examples([CONTEXT] * (1 + max(w.example for w in windows)))
    return gold, features(windows), scores(windows)


def window(example: int, starts: list[float], ends: list[float], null: float) -> Window:
    return Window(example, TOKENS, starts, ends, null)


WINDOWS = [
    window(0, [5, 0, 0, 0, 1, 0], [4, 0, 0, 0, 1, 0], 1.0),
    window(0, [0, 0, 0, 0, 6, 0], [0, 0, 0, 0, 2, 0], -1.0),
    window(1, [-np.inf] * 6, [-np.inf] * 6, 0.5),
    window(2, [1] * 6, [1] * 6, 2.0),
]


@collected("decoder")
class TestDecoders:
    def test_texts_are_slices_and_rows_match(self, registered: Registered) -> None:
        gold, windows, given = problem(*WINDOWS)
        predictions: Predictions = built(registered).decode(gold, windows, given)
        assert len(predictions) == len(gold)
        for row, text in enumerate(predictions.text):
            start, end = predictions.char_start[row], predictions.char_end[row]
            assert text == ("" if start < 0 else gold.context_of(row)[start:end])

    def test_no_valid_span_is_no_answer(self, registered: Registered) -> None:
        gold, windows, given = problem(*WINDOWS)
        assert built(registered).decode(gold, windows, given).text[1] == ""

    def test_it_is_deterministic_and_leaves_its_inputs(self, registered: Registered) -> None:
        gold, windows, given = problem(*WINDOWS)
        assert given.start is not None
        before = given.start.copy()
        first, second = (built(registered).decode(gold, windows, given) for _ in range(2))
        assert list(first.text) == list(second.text)
        np.testing.assert_array_equal(first.null_odds, second.null_odds)
        np.testing.assert_array_equal(given.start, before)

    def test_both_forms_of_scores(self, registered: Registered) -> None:
        gold, windows, given = problem(WINDOWS[0])
        first = int(np.flatnonzero(windows.char_start >= 0)[0])
        one = np.array([first], np.int32)
        candidates = SpanCandidates(np.zeros(1, np.int32), one, one, np.array([9.0], np.float32))
        spans = SpanScores(given.null, candidates=candidates)
        assert built(registered).decode(gold, windows, spans).text == ["Ada"]


@collected("metric")
class TestMetrics:
    def test_row_order_does_not_matter(self, registered: Registered, tmp_path: Path) -> None:
        if registered.name == "evaluate":
            pytest.skip("scores whole sets; tests/test_metrics.py checks it on a local metric")
        gold = HOST.build("dataset", "facts", {"questions": 40})
        data: Examples = gold.load()
        texts = [(data.answers_of(i) or [""])[0] if i % 3 else "1843" for i in range(len(data))]
        order = np.random.default_rng(0).permutation(len(data))
        metric = built(registered)
        straight = metric.score(data, as_predictions(texts))
        shuffled = metric.score(data.take(order), as_predictions([texts[i] for i in order]))
        for name, values in straight.items():
            assert values.dtype == np.float64
            assert ((values >= 0) & (values <= 1)).all()
            np.testing.assert_array_equal(values[order], shuffled[name])


def as_predictions(texts: list[str]) -> Predictions:
    none = np.full(len(texts), -1, np.int32)
    zero = np.zeros(len(texts), np.float32)
    return Predictions(texts, none, none, zero, zero)


@collected("slicer")
class TestSlicers:
    def test_row_order_does_not_matter_and_no_group_is_empty(self, registered: Registered) -> None:
        data: Examples = HOST.build("dataset", "facts", {"questions": 200}).load()
        data = replace(data, columns={"level": [str(k % 3) for k in range(len(data))]})
        order = np.random.default_rng(0).permutation(len(data))
        slicer = built(registered, **{"name": "level"} if registered.name == "column" else {})
        straight, shuffled = slicer.masks(data), slicer.masks(data.take(order))
        assert straight
        assert all(mask.any() for mask in straight.values())
        assert set(straight) == set(shuffled)
        for name, mask in straight.items():
            assert mask.dtype == np.bool_
            np.testing.assert_array_equal(mask[order], shuffled[name])


@collected("featurizer")
class TestFeaturizers:
    @pytest.fixture
    def made(self, registered: Registered) -> Any:
        data: Examples = HOST.build("dataset", "facts", {"questions": 120, "long": 0.3}).load()
        backbone = HOST.build("backbone", "tiny", {"vocab_size": 600, "hidden_size": 16, "max_length": 96})
        backbone.prepare(data)
        featurizer = built(registered, max_length=64, doc_stride=16)
        spec, tokenizer = backbone.spec(), backbone.tokenizer()
        return data, [featurizer.featurize(data, tokenizer, spec, targets=t) for t in (False, True)]

    def test_windows_cover_every_word_and_labels_give_the_answers(self, made: Any) -> None:
        data, (predicting, training) = made
        for row in range(len(data)):
            covered = np.zeros(len(data.context_of(row)), np.bool_)
            for window in np.flatnonzero(predicting.example_index == row):
                tokens = slice(predicting.token_offsets[window], predicting.token_offsets[window + 1])
                for start, end in zip(predicting.char_start[tokens], predicting.char_end[tokens], strict=True):
                    covered[max(start, 0) : max(end, 0)] = True
            missed = [c for c, there in zip(data.context_of(row), covered, strict=True) if not there]
            assert not "".join(missed).strip()
        self.check_labels(data, training)

    @staticmethod
    def check_labels(data: Examples, training: Any) -> None:
        labelled = 0
        for window in range(len(training)):
            first, row = training.token_offsets[window], int(training.example_index[window])
            start, end = first + training.start_target[window], first + training.end_target[window]
            if training.start_target[window] != training.null_index[window]:
                text = data.context_of(row)[training.char_start[start] : training.char_end[end]]
                assert text in data.answers_of(row)
                labelled += 1
        assert labelled > 60

    def test_limits_and_null_positions(self, made: Any) -> None:
        for windows in made[1]:
            assert windows.lengths.max() <= 64
            at_null = windows.input_ids[windows.token_offsets[:-1] + windows.null_index]
            assert len(set(at_null.tolist())) == 1


def test_options_are_frozen() -> None:
    for registered in HOST.components():
        assert issubclass(registered.component.options, Options)
        assert registered.component.options.model_config["frozen"]
