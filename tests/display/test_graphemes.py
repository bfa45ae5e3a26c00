"""Characters as readers see them: where a text may be cut, and what its words are."""

from __future__ import annotations

import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st

from qatk.display import clusters, excerpt, in_whole_words, occurrences, places_of, shortened, word_places, words_of
from qatk.display.graphemes import cut_after, cut_before
from qatk.display.text import Mark

PIECES = ["a", "e\u0301", " ", "ที่", "नि", "\u1100\u1161", "👩\u200d🔬", "東京", "か\u3099", "שָׁ", "\r\n", "."]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


@example("a\r\n", 2)
@given(TEXTS, st.integers(-3, 70))
def test_no_cut_falls_into_a_cluster(text: str, at: int) -> None:
    ends = {0, *(match.end() for match in regex.finditer(r"\X", text))}
    before, after = cut_before(text, at), cut_after(text, at)
    inside = min(max(at, 0), len(text))
    assert {before, after} <= ends
    assert before == max(end for end in ends if end <= inside)
    assert after == min(end for end in ends if end >= inside)
    assert "".join(clusters(text)) == text


@given(TEXTS.filter(bool), st.data())
def test_a_span_is_stretched_to_whole_words_and_clusters(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    words = word_places(text)
    begin = next((begin for begin, stop in words if begin <= start < stop), start)
    stop = next((stop for begin, stop in words if begin < end <= stop), end)
    assert in_whole_words(text, start, end) == (cut_before(text, begin), cut_after(text, stop))


@given(TEXTS, st.integers(0, 40), st.integers(0, 10), st.integers(1, 30))
def test_an_excerpt_cuts_no_cluster(text: str, start: int, length: int, width: int) -> None:
    shown = excerpt(text, [Mark(start, start + length, "", "\x01", "\x02")], width=width).plain
    pieces = [piece for piece in regex.split("[\x01\x02…]", shown) if piece]
    whole = clusters(text.replace("\r\n", "  "))
    assert all(cluster in whole or cluster == " " for piece in pieces for cluster in clusters(piece))


def test_marks_and_cuts_by_hand() -> None:
    assert excerpt("Cafe\u0301 noir", [Mark(0, 4)]).plain == "«Cafe\u0301» noir"
    thai = "ที่" * 20
    assert excerpt(thai, [Mark(30, 33)], width=12).plain == "…ที่«ที่»ที่…"
    mixed = f"Seen {'東京' * 40}"
    assert excerpt(mixed, [Mark(61, 63)], width=10).plain == "…東京東京«東京»東京東京…", "no blank is looked for"
    assert shortened("Cafe\u0301s", 4) == "Caf…"
    assert shortened("Cafe", 4) == "Cafe"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("the old mill", ["the", "old", "mill"]),
        ("東京都 in 2024年", ["東", "京", "都", "in", "2024", "年"]),
        ("ที่นี่ ABC", ["ที่", "นี่", "ABC"]),
        ("서울 시청", ["서울", "시청"]),
        ("यह दिल्ली", ["यह", "दिल्ली"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words
    assert [text[a:b] for a, b in word_places(text)] == words


def test_an_answer_is_counted_where_no_longer_word_holds_it() -> None:
    assert occurrences("mill", "a mill, a windmill, mill") == 2
    assert occurrences("京", "東京と京都") == 2
    assert occurrences("नि", "नि निक नि") == 2
    assert occurrences("400", "It weighs 2,400 kg, not 400 g or 400.5 g.") == 1
    assert places_of("kg", "5 kg of 2.5 KG, 2.5kg", any_case=True) == [(2, 4), (12, 14)]
    assert places_of("5", "5 of 2.5 and 5,000") == [(0, 1)]
    assert occurrences("", "x") == 0
