from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qatk.word_bounds import cuts_word, find_all, nearest_start, starts_of, whole_words


@pytest.mark.parametrize(
    ("marked", "cut"),
    [
        ("in |Oslo| today", False),
        ("in |Osl|o", True),
        ("in O|slo|", True),
        ("the |1990|s", False),
        ("in 1|990|", True),
        ("about |1|,000 men", True),
        ("about 1,|000| men", True),
        ("in |1905|, then", False),
        ("a |well|-known man", False),
        ("|Zoe|\u0308", True),
        ("in Zoe\u0308|va| now", True),
        ("\u0939\u092e |\u0926\u093f|\u0932\u094d\u0932\u0940 \u0917\u090f", True),
        ("\u0939\u092e |\u0926\u093f\u0932\u094d\u0932\u0940| \u0917\u090f", False),
        ("\u0e40\u0e02\u0e32|\u0e14\u0e37\u0e48\u0e21|\u0e19\u0e49\u0e33", False),
        ("京都の|寺|です", False),
        ("|Ann|'s", False),
    ],
)
def test_what_cuts_a_word(marked: str, cut: bool) -> None:
    before, inner, after = marked.split("|")
    assert cuts_word(before + inner + after, len(before), len(before + inner)) is cut


@pytest.mark.parametrize(
    ("marked", "whole"),
    [
        ("in O|sl|o now", "Oslo"),
        ("about |1|,000 men", "1,000"),
        ("the |Zo|e\u0308 ran", "Zoe\u0308"),
        ("京都の|寺|です", "寺"),
        ("|Ann|", "Ann"),
    ],
)
def test_a_span_grows_to_whole_words(marked: str, whole: str) -> None:
    before, inner, after = marked.split("|")
    context = before + inner + after
    start, end = whole_words(context, len(before), len(before + inner))
    assert context[start:end] == whole


@pytest.mark.parametrize(
    ("text", "context", "starts"),
    [
        ("5", "In 1985 it had 5 bells.", [15]),
        ("art", "art to start an art", [0, 16]),
        ("tar", "a start, tarred", [3, 9]),
        ("art", "a start", [4]),
        ("art", "a bell", []),
        ("aa aa", "aa aa aaa", [0]),
        ("寺", "京都の寺と寺", [3, 5]),
    ],
)
def test_places_within_words_count_where_there_are_no_others(text: str, context: str, starts: list[int]) -> None:
    assert starts_of(text, context) == starts


def test_occurrences_may_overlap_and_lie_within_words() -> None:
    assert list(find_all("aa", "aaa caab")) == [0, 1, 5]
    assert list(find_all("b", "aaa")) == []


@given(
    context=st.text("aab1 ,\u0e01\u0308", max_size=40), begin=st.integers(0, 39), size=st.integers(1, 4), data=st.data()
)
def test_the_nearest_start_is_that_of_all(context: str, begin: int, size: int, data: st.DataObject) -> None:
    text = context[begin : begin + size] or "a"
    at = data.draw(st.integers(0, len(context)))
    assert nearest_start(text, context, at) == min(
        starts_of(text, context), key=lambda start: abs(start - at), default=None
    )
