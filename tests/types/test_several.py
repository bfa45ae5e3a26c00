"""Answers of several spans: the columns that hold them, and that single answers are none the wiser."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from arrays import f32, i32, i64
from qatk.types import Answer, Examples, Predictions, Span, Spans

CONTEXT = "Arlen, Borsk and old Cadiz lie on the Orrin."


def examples(span: Any = None) -> Examples:
    """A question with three spans, the last with two alternatives; one without an answer; one with one span."""
    return Examples(
        id=["a", "b", "c"],
        question=["Which towns lie on the Orrin?", "Why?", "Where does Arlen lie?"],
        title=["", "", ""],
        context=[CONTEXT],
        context_index=i32(0, 0, 0),
        answer_offsets=i64(0, 4, 4, 6),
        answer_text=["Arlen", "Borsk", "old Cadiz", "Cadiz", "on the Orrin", "the Orrin"],
        answer_start=i32(0, 7, 17, 21, 31, 34),
        answer_span=i32(0, 1, 2, 2, 0, 0) if span is None else span,
    )


def predictions() -> Predictions:
    spans = Spans(
        i64(0, 2, 4, 4), ["Arlen", "Cadiz", "Borsk", "Orrin"], i32(0, 21, 7, 38), i32(5, 26, 12, 43), f32(1, 3, 4, 2)
    )
    return Predictions(
        ["Cadiz", "", "the Orrin"], i32(21, -1, 34), i32(26, -1, 43), f32(3, 4, 5), f32(0, 9, 0), several=spans
    )


def test_answers_are_grouped_into_the_spans_that_are_due() -> None:
    found = examples()
    assert found.spans_of_answer(0) == [[("Arlen", 0)], [("Borsk", 7)], [("old Cadiz", 17), ("Cadiz", 21)]]
    assert found.spans_of_answer(1) == []
    assert found.spans_of_answer(2) == [[Answer("on the Orrin", 31), Answer("the Orrin", 34)]]
    assert found.spans_due.tolist() == [3, 0, 1]
    assert found.answers_of(0) == ["Arlen", "Borsk", "old Cadiz", "Cadiz"]


def test_without_groups_all_answers_are_alternatives_of_one_span() -> None:
    found = replace(examples(), answer_span=None)
    assert [len(span) for span in found.spans_of_answer(0)] == [4]
    assert found.spans_due.tolist() == [1, 0, 1]
    assert replace(found, answer_offsets=None).spans_of_answer(0) == []


def test_groups_of_one_span_each_are_no_groups() -> None:
    grouped, bare = examples(np.zeros(6, np.int32)), replace(examples(), answer_span=None)
    assert grouped.answer_span is None
    assert grouped.digest() == bare.digest() != examples().digest()


def test_the_digest_of_single_answers_is_what_it_was_before() -> None:
    """The digest of a manifest and the key of cached windows, as commit b5c718d made them."""
    assert replace(examples(), answer_span=None).digest().startswith("a43ef9687ab02d3d")


def test_taking_examples_keeps_their_spans() -> None:
    taken = examples().take([2, 0])
    assert taken.answer_span is not None
    assert taken.answer_span.tolist() == [0, 0, 0, 1, 2, 2]
    assert taken.spans_of_answer(1) == examples().spans_of_answer(0)
    assert examples().take([1, 2]).answer_span is None


@pytest.mark.parametrize(
    ("span", "message"),
    [
        (i32(0, 1, 2, 2), "has 4 values, expected 6"),
        (i64(0, 1, 2, 2, 0, 0), "flat int32"),
        (i32(1, 1, 2, 2, 0, 0), "must count the spans"),
        (i32(0, 2, 3, 3, 0, 0), "must count the spans"),
        (i32(0, 1, 0, 2, 0, 0), "must count the spans"),
        (i32(0, 1, 2, 2, 2, 3), "must count the spans"),
        (i32(0, 1, 2, 3, 0, -1), "must count the spans"),
    ],
)
def test_groups_that_are_refused(span: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        examples(span)


def test_groups_without_gold_are_refused() -> None:
    with pytest.raises(ValueError, match="there are none"):
        replace(examples(), answer_offsets=None)


def test_an_answer_may_have_several_spans() -> None:
    found = predictions()
    assert found.spans(0) == [Span("Arlen", 0, 5, 1.0), Span("Cadiz", 21, 26, 3.0)]
    assert found.spans(1) == []
    assert found.spans(2) == [("the Orrin", 34, 43, 5.0)]
    assert found.several is not None
    assert [span.text for span in found.several.of(1)] == ["Borsk", "Orrin"]


def test_taking_predictions_keeps_their_spans() -> None:
    taken = predictions().take(i64(2, 0))
    assert [taken.spans(row) for row in (0, 1)] == [predictions().spans(row) for row in (2, 0)]
    assert predictions().take(i64(2)).several is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"offsets": i64(0, 2, 4)}, "another number of examples"),
        ({"offsets": i64(0, 2, 5, 4)}, "must rise"),
        ({"char_start": i32(0, 20, 7, 38)}, "must hold the best span, and does not in row 0"),
        ({"score": np.zeros(4)}, "flat float32"),
    ],
)
def test_spans_that_are_refused(change: dict[str, Any], message: str) -> None:
    found = predictions()
    assert found.several is not None
    with pytest.raises((TypeError, ValueError), match=message):
        replace(found, several=replace(found.several, **change))
