from __future__ import annotations

import pytest

from qatk.evaluation.word_bounds import cuts_word, whole_words


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
