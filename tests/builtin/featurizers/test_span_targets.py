"""The spans of answers that lie in each window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qatk.api import Features
from qatk.types import Examples
from qatk_builtin.featurizers import StrideOptions
from qatk_builtin.featurizers.stride import StrideFeaturizer
from several_cases import examples_of_spans
from tiny_cases import prepared


def windows(examples: Examples, targets: bool = True) -> Features:
    tiny = prepared()
    return StrideFeaturizer(StrideOptions(max_length=40, doc_stride=4)).featurize(
        examples, tiny.tokenizer(), tiny.spec(), targets=targets
    )


def texts(examples: Examples, found: Features, window: int) -> list[str]:
    assert found.span_offsets is not None
    assert found.span_start is not None
    assert found.span_end is not None
    base, context = int(found.token_offsets[window]), examples.context_of(int(found.example_index[window]))
    spans = range(found.span_offsets[window], found.span_offsets[window + 1])
    edges = [(base + int(found.span_start[k]), base + int(found.span_end[k])) for k in spans]
    return [context[found.char_start[first] : found.char_end[last]] for first, last in edges]


def test_a_window_has_each_span_once_by_its_first_alternative() -> None:
    examples = examples_of_spans([["ab cd"], ["ef", "ef gh"]], [], [["ij"]])
    found = windows(examples)
    assert [texts(examples, found, window) for window in range(len(found))] == [["ab cd", "ef"], [], ["ij"]]
    assert found.start_target is not None
    assert found.span_start is not None
    assert found.start_target[0] == found.span_start[0]


def test_spans_that_reach_beyond_a_window_are_not_its_spans() -> None:
    many = " ".join("xy" for _ in range(60))
    examples = examples_of_spans([["ab"], [many], ["cd"]])
    found = windows(examples)
    assert len(found) > 2
    held = [texts(examples, found, window) for window in range(len(found))]
    assert (held[0], held[-1]) == (["ab"], ["cd"])
    assert not any(many in each for each in held)
    assert found.counts["answers"] == 3


def test_parts_of_the_data_without_several_have_the_columns_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qatk_builtin.featurizers.splicing.PART_CHARS", 1)
    examples = examples_of_spans([["ab"]], [["cd"], ["ef"]], [])
    found = windows(examples)
    assert [texts(examples, found, window) for window in range(3)] == [["ab"], ["cd", "ef"], []]


def test_single_answers_have_no_such_columns() -> None:
    single = replace(examples_of_spans([["ab"], ["cd"]]), answer_span=np.zeros(2, np.int32))
    assert single.answer_span is None
    assert windows(single).span_offsets is None
    without = replace(single, answer_offsets=None, answer_text=(), answer_start=np.zeros(0, np.int32))
    assert windows(without, targets=False).span_offsets is None
