"""The column types check what they are given and cannot be changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arrays import f32, i32, i64
from qatk.errors import DataError
from qatk.types import (
    Examples,
    FeatureColumns,
    Features,
    NBest,
    Predictions,
    SpanCandidates,
    SpanScores,
    TokenScores,
    ragged_rows,
)


def examples() -> Examples:
    return Examples(
        id=["a", "b", "c"],
        question=["who?", "why?", "when?"],
        title=["t", "t", "u"],
        context=["Ada wrote it in 1843.", "unused", "Nobody knows."],
        context_index=i32(0, 2, 0),
        answer_offsets=i64(0, 2, 2, 3),
        answer_text=["Ada", "Ada", "1843"],
        answer_start=i32(0, -1, 16),
    )


def features() -> Features:
    return Features(
        example_index=i32(0, 0, 2),
        token_offsets=i64(0, 2, 3, 6),
        input_ids=i32(1, 2, 3, 4, 5, 6),
        type_ids=np.zeros(6, np.int8),
        char_start=i32(-1, 0, 0, -1, 0, 4),
        char_end=i32(-1, 3, 3, -1, 3, 9),
        null_index=i32(0, 0, 0),
        start_target=i32(1, 0, 2),
        end_target=i32(1, 0, 2),
        counts={"questions_cut": 0},
    )


def test_answers_are_ragged() -> None:
    e = examples()
    assert e.has_answer.tolist() == [True, False, True]
    assert [e.answers_of(i) for i in range(3)] == [["Ada", "Ada"], [], ["1843"]]
    assert e.spans_of(0) == [(0, 3)]
    assert e.context_of(1) == "Nobody knows."


def test_taking_examples_keeps_what_belongs_to_them() -> None:
    taken = examples().take([2, 1])
    assert taken.id == ["c", "b"]
    assert [taken.context_of(i) for i in range(2)] == ["Ada wrote it in 1843.", "Nobody knows."]
    assert [taken.answers_of(i) for i in range(2)] == [["1843"], []]
    assert len(taken.context) == 2
    assert examples().take([]).id == []


def test_the_digest_sees_every_column() -> None:
    e = examples()
    assert e.digest() == examples().digest()
    for rows in ([0, 1], [1, 0, 2]):
        assert e.take(rows).digest() != e.digest()
    moved = Examples(
        e.id, e.question, e.title, e.context, e.context_index, e.answer_offsets, e.answer_text, i32(1, -1, 16)
    )
    assert moved.digest() != e.digest()


def test_the_digest_sees_where_texts_end() -> None:
    texts = [["ab", "c"], ["a", "bc"], ["abc", ""], ["ab", "\U0001f600"]]
    some = [Examples(["1", "2"], ["", ""], ["", ""], text, i32(0, 1)) for text in texts]
    some += [Examples(["1", "2"], text, ["", ""], ["", ""], i32(0, 1)) for text in texts]
    without = Examples([], [], [], [], i32())
    some += [without, Examples([], [], [], [], i32(), i64(0)), Examples([], [], [], [""], i32())]
    assert len({one.digest() for one in some}) == len(some)


def test_the_digest_of_many_texts_sees_the_last_one() -> None:
    many = [str(i) for i in range(9000)]
    one, other = (Examples([], [], [], contexts, i32()) for contexts in (many, [*many[:-1], "other"]))
    assert one.digest() != other.digest()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": ["a", "b\ud800", "c"]}, r"half of a surrogate pair in id 'b\ud800'"),
        ({"question": ["q", "\udc00", "q"]}, r"half of a surrogate pair in question '\udc00' (question 'b')"),
        ({"context": ["c\ud800", "d"], "context_index": i32(1, 0, 0)}, r"in context 'c\ud800' (question 'b')"),
        ({"context": ["\ud800", "d"], "context_index": i32(1, 1, 1)}, r"in context '\ud800'"),
        ({"answer_text": ["x", "y", "\ud83d\ude00"]}, r"in answer_text '\ud83d\ude00' (question 'c')"),
        ({"columns": {"type": ["", "", "\ud800"]}}, r"in type '\ud800' (question 'c')"),
    ],
)
def test_examples_refuse_halves_of_surrogate_pairs(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as found:
        replace(examples(), **change)
    assert str(found.value).splitlines()[0].endswith(message)


def test_a_half_of_a_surrogate_pair_is_found_among_many_texts() -> None:
    many = ["é"] * 9000 + ["\ud800"]
    with pytest.raises(DataError, match="question 'last'"):
        Examples([*many[:-1], "last"], many, [*many[:-1], ""], ["c"], np.zeros(9001, np.int32))


def test_gold_may_be_absent() -> None:
    e = Examples(["a"], ["q"], [""], ["c"], i32(0))
    assert not e.has_gold
    assert e.answers_of(0) == []
    assert e.take([0]).answer_offsets is None
    with pytest.raises(ValueError, match="no gold"):
        _ = e.has_answer


def test_arrays_cannot_be_written_to_and_the_callers_array_stays_his() -> None:
    mine = i32(0)
    e = Examples(["a"], ["q"], [""], ["c"], mine)
    with pytest.raises(ValueError, match="read-only"):
        e.context_index[0] = 1
    mine[0] = 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"question": ["q"]}, "Examples.question has 1 row, expected 3"),
        ({"context_index": i64(0, 0, 0)}, r"Examples.context_index must be a flat int32 array, not int64\[3\]"),
        ({"context_index": [0, 0, 0]}, "not list"),
        ({"context_index": i32(0, 0, 9)}, "points outside the contexts"),
        ({"answer_offsets": i64(0, 2, 1, 3)}, "must rise from 0 to 3"),
        ({"answer_start": i32(0)}, "has 1 value, expected 3"),
    ],
)
def test_examples_refuse(change: dict[str, Any], message: str) -> None:
    columns = {name: getattr(examples(), name) for name in Examples.__dataclass_fields__}
    with pytest.raises((TypeError, ValueError), match=message):
        Examples(**{**columns, **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"example_index": i32(2, 0, 0)}, "must not decrease"),
        ({"token_offsets": i64(0, 2, 3, 5)}, "must rise from 0 to 6"),
        ({"type_ids": np.zeros(6, np.int64)}, "flat int8"),
        ({"null_index": i32(0)}, "1 value, expected 3"),
        ({"end_target": None}, "needs both"),
    ],
)
def test_features_refuse(change: dict[str, Any], message: str) -> None:
    columns = {name: getattr(features(), name) for name in Features.__dataclass_fields__}
    with pytest.raises((TypeError, ValueError), match=message):
        Features(**{**columns, **change})


def test_taking_features() -> None:
    taken = features().take(np.array([0, 2]))
    assert taken.input_ids.tolist() == [1, 2, 4, 5, 6]
    assert taken.token_offsets.tolist() == [0, 2, 5]
    assert taken.start_target is not None
    assert taken.start_target.tolist() == [1, 2]


def test_scores_have_one_of_three_forms() -> None:
    candidates = SpanCandidates(i32(0), i32(1), i32(1), f32(3))
    tokens = TokenScores(f32(*range(6)))
    SpanScores(f32(0, 0, 0), tokens=tokens).check(features())
    SpanScores(f32(0, 0, 0), f32(*[0] * 6), f32(*[0] * 6)).check(features())
    SpanScores(f32(0, 0, 0), candidates=candidates).check(features())
    both = {"start": f32(0), "end": f32(0)}
    for wrong in ({}, {**both, "candidates": candidates}, {"start": f32(0)}, {**both, "tokens": tokens}):
        with pytest.raises(ValueError, match="one of the three forms"):
            SpanScores(f32(0), **wrong)
    with pytest.raises(ValueError, match="begin has 1 value, expected 6"):
        TokenScores(f32(*range(6)), f32(0))
    with pytest.raises(ValueError, match="scores for 1 window where there are 3"):
        SpanScores(f32(0), candidates=candidates).check(features())
    with pytest.raises(ValueError, match="scores for 1 token where there are 6"):
        SpanScores(f32(0, 0, 0), f32(0), f32(0)).check(features())
    with pytest.raises(ValueError, match="scores for 1 token where there are 6"):
        SpanScores(f32(0, 0, 0), tokens=TokenScores(f32(0))).check(features())


def test_scores_of_tokens_are_taken_by_windows() -> None:
    scores = SpanScores(f32(7, 8, 9), tokens=TokenScores(f32(0, 1, 2, 3, 4, 5), f32(9, 8, 7, 6, 5, 4)))
    taken = scores.take(features(), i64(0, 2))
    assert taken.null.tolist() == [7, 9]
    assert taken.tokens is not None
    assert taken.tokens.inside.tolist() == [0, 1, 3, 4, 5]
    assert taken.tokens.begin is not None
    assert taken.tokens.begin.tolist() == [9, 8, 6, 5, 4]


def test_windows_may_have_the_spans_of_their_answers() -> None:
    spans = {"span_offsets": i64(0, 1, 1, 3), "span_start": i32(1, 1, 2), "span_end": i32(1, 1, 2)}
    taken = replace(features(), **spans).take(i64(1, 2))
    assert taken.span_offsets is not None
    assert taken.span_offsets.tolist() == [0, 0, 2]
    assert taken.span_start is not None
    assert taken.span_start.tolist() == [1, 2]
    columns = FeatureColumns(targets=True, spans=True)
    for first in (0, 3):
        columns.append(replace(features(), **spans), first)
    joined = columns.features()
    assert joined.span_offsets is not None
    assert joined.span_offsets.tolist() == [0, 1, 1, 3, 4, 4, 6]
    assert joined.example_index.tolist() == [0, 0, 2, 3, 3, 5]
    with pytest.raises(ValueError, match="span_offsets, span_start and span_end, or none"):
        replace(features(), span_offsets=i64(0, 0, 0, 0))
    with pytest.raises(ValueError, match="span_offsets must rise from 0 to 3"):
        replace(features(), **spans | {"span_offsets": i64(0, 0, 0, 2)})


def test_predictions_and_null_odds() -> None:
    nbest = NBest(i64(0, 1, 1), ["x"], i32(0), i32(1), f32(2), f32(0.5))
    p = Predictions(["x", ""], i32(0, -1), i32(1, -1), f32(2, -np.inf), f32(1, 3), nbest)
    assert p.null_odds.tolist() == [-1, np.inf]
    with pytest.raises(ValueError, match="another number of examples"):
        Predictions(["x"], i32(0), i32(1), f32(2), f32(1), nbest)


def test_rows_are_taken_by_numbers_or_by_a_bool_each() -> None:
    asked, nbest = examples(), NBest(i64(0, 1, 1, 1), ["x"], i32(0), i32(1), f32(2), f32(0.5))
    p = Predictions(["x", "", "y"], i32(0, -1, 0), i32(1, -1, 1), f32(2, 1, 0), f32(1, 3, 5), nbest)
    for rows in (asked.has_answer, [True, False, True], [0, 2], range(0, 3, 2), i64(0, 2)):
        assert asked.take(rows).id == ["a", "c"]
        assert p.take(rows).text == ["x", "y"]  # type: ignore[arg-type]
    assert features().take(np.array([True, False, True])).example_index.tolist() == [0, 2]
    assert len(asked.take([])) == 0
    for wrong, said in (([3], "there is no row 3: there are 3 rows, from 0"), ([-1], "no row -1"), ([True], "a mask")):
        with pytest.raises(IndexError, match=said):
            asked.take(wrong)
        with pytest.raises(IndexError, match=said):
            p.take(wrong)  # type: ignore[arg-type]
    for wrong in ([0.5], 0, ["a"]):
        with pytest.raises(TypeError, match="rows are chosen by a list of numbers or of bools"):
            asked.take(wrong)  # type: ignore[arg-type]


def test_columns_print_as_a_line() -> None:
    nbest = NBest(i64(0, 1, 1), ["x"], i32(0), i32(1), f32(2), f32(0.5))
    p = Predictions(["x", ""], i32(0, -1), i32(1, -1), f32(2, -np.inf), f32(1, 3), nbest)
    asked = replace(examples(), answer_offsets=None, answer_text=(), answer_start=i32(), columns={"topic": ["a"] * 3})
    assert [repr(each) for each in (examples(), asked, p, nbest)] == [
        "<Examples: 3 questions, 2 with an answer, 3 contexts>",
        "<Examples: 3 questions, no gold answers, 3 contexts, columns topic>",
        "<Predictions: 2 questions, 1 answered>",
        "<NBest: 1 span of 2 questions>",
    ]


def test_candidates_of_batches_come_together_by_window() -> None:
    none = -np.inf
    batches = [
        (
            np.array([2, 0]),
            np.array([0, 3]),
            np.array([[4, 1], [5, 9]]),
            np.array([[6, 1], [5, 9]]),
            [[1, 2], [3, none]],
        ),
        (np.array([1]), np.array([0]), np.array([[7, 0]]), np.array([[8, 0]]), [[4, none]]),
    ]
    found = SpanCandidates.by_window(
        [SpanCandidates.of_batch(*given, np.array(score, np.float32)) for *given, score in batches]
    )
    assert found.feature.tolist() == [0, 1, 2, 2]
    assert found.start.tolist() == [2, 7, 4, 1]
    assert found.end.tolist() == [2, 8, 6, 1]
    assert found.score.tolist() == [3, 4, 1, 2]
    assert found.offsets(4).tolist() == [0, 1, 2, 4, 4]
    assert found.of_windows(1, 3) == slice(1, 4)
    assert len(SpanCandidates.by_window([]).score) == 0


@given(st.lists(st.lists(st.integers(0, 9), max_size=4), max_size=6), st.data())
def test_ragged_rows_picks_the_rows(rows: list[list[int]], data: st.DataObject) -> None:
    wanted = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=8)) if rows else []
    offsets = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    values = np.array([v for row in rows for v in row], np.int64)
    positions, new = ragged_rows(offsets, np.array(wanted, np.int64))
    picked = [values[positions][new[i] : new[i + 1]].tolist() for i in range(len(wanted))]
    assert picked == [rows[i] for i in wanted]
