"""Labels among hand-made tokens: what tokenizers rarely do, but may."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qatk_builtin.featurizers.targets import place_answers
from qatk_builtin.featurizers.tokens import TokenRows
from stride_tools import examples_of


def rows(*texts: list[tuple[int, int]]) -> TokenRows:
    spans = np.array([span for text in texts for span in text], np.int32).reshape(-1, 2)
    offsets = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    return TokenRows(offsets, np.zeros(len(spans), np.int32), spans[:, 0].copy(), spans[:, 1].copy())


# "ab cd": between the two words a token that covers nothing but stands among the characters, and one at the end
EMPTY_BETWEEN = [(0, 2), (3, 3), (2, 2), (3, 5), (4, 4)]
# the second and third token change places, as when a normalizer reorders marks
OUT_OF_ORDER = [(0, 1), (2, 3), (1, 2), (3, 4)]


@pytest.mark.parametrize(
    ("spans", "answer", "first", "last"),
    [
        (EMPTY_BETWEEN, ("ab", 0), 0, 0),
        (EMPTY_BETWEEN, ("ab ", 0), 0, 0),
        (EMPTY_BETWEEN, ("cd", 3), 3, 3),
        (EMPTY_BETWEEN, ("ab cd", 0), 0, 3),
        (OUT_OF_ORDER, ("abcd", 0), 0, 3),
        (OUT_OF_ORDER, ("a", 0), 0, 0),
        (OUT_OF_ORDER, ("d", 3), 3, 3),
        (OUT_OF_ORDER, ("bc", 1), 1, 2),
    ],
)
def test_answers_start_and_end_at_tokens_that_cover_something(
    spans: list[tuple[int, int]], answer: tuple[str, int], first: int, last: int
) -> None:
    examples = examples_of([("q", "first context"), ("q", "second context")], [[answer], [answer]])
    gold = place_answers(examples, rows([(0, 1), *spans[1:]], spans), np.array([1, 1]))
    assert gold.placed.all()
    assert (gold.first.tolist(), gold.last.tolist()) == ([first] * 2, [last] * 2)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_token_of_the_answer_is_left_out_in_any_order(data: st.DataObject) -> None:
    starts = data.draw(st.permutations(range(9)))
    spans = [(start, start + data.draw(st.integers(0, 2))) for start in starts]
    start = data.draw(st.integers(0, 8))
    end = data.draw(st.integers(start + 1, 10))
    gold = place_answers(examples_of([("q", "text")], [[("x" * (end - start), start)]]), rows(spans), np.array([0]))
    touching = {k for k, (a, b) in enumerate(spans) if a < b and a < end and b > start}
    if touching:
        assert gold.placed[0]
        assert touching <= set(range(gold.first[0], gold.last[0] + 1))


def test_answers_beyond_the_tokens_are_not_placed() -> None:
    answers = [[("x", 90), ("ab", -1), ("", 0)], [("x", 5)]]
    examples = examples_of([("q", "first"), ("q", "second")], answers)
    gold = place_answers(examples, rows([(0, 2)], EMPTY_BETWEEN), np.array([0, 1]))
    assert not gold.placed.any()
    nothing = place_answers(examples, rows([], []), np.array([0, 1]))
    assert not nothing.placed.any()
