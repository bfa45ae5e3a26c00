"""What is mended, what is left, and that a check after it finds nothing that was promised to be mended."""

from __future__ import annotations

import unicodedata
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qatk.data import Change, check, fix, strict
from qatk.data.mending import mended_text
from qatk.data.quality import KINDS
from qatk.types import RawExamples
from qatk_builtin.datasets.squad import read_raw_squad
from squad_files import CONTEXT, document, qa, write

PROMISED = {name for name, kind in KINDS.items() if kind.mend}
NFD = unicodedata.normalize("NFD", "Zoë met Bob in Århus.")


def raw(tmp_path: Path, *qas: dict[str, Any], context: str = CONTEXT) -> RawExamples:
    return read_raw_squad(write(tmp_path, document(*qas, context=context)))


def answers(found: RawExamples) -> list[tuple[str, int | None]]:
    return list(zip(found.answer_text, found.answer_start, strict=True))


MENDED = [
    (("Bob", 3), ("Bob", 8), "misplaced-answer"),
    (("Oslo", 40), ("Oslo", 30), "misplaced-answer"),
    (("ann  MET", 0), ("Ann met", 0), "misspelt-answer"),
    ((" Bob,", 7), ("Bob", 8), "padded-answer"),
    (("Bob", None), ("Bob", 8), "unknown-place"),
]


@pytest.mark.parametrize(("before", "after", "kind"), MENDED)
def test_answers_are_put_where_they_stand(
    before: tuple[str, Any], after: tuple[str, int], kind: str, tmp_path: Path
) -> None:
    found, changes = fix(raw(tmp_path, qa("a", before)))
    assert answers(found) == [after]
    assert kind in {change.kind for change in changes}
    assert {change.id for change in changes} == {"a"}


@pytest.mark.parametrize("before", [("he", 9), ("He", 0), ("he", None), ("HE", 9)])
def test_answers_are_put_at_whole_words(before: tuple[str, Any], tmp_path: Path) -> None:
    found, _ = fix(raw(tmp_path, qa("a", before), context="The other day he rang them."))
    assert answers(found) == [("he", 14)]


def test_a_context_in_another_form_of_unicode_takes_its_answers_along(tmp_path: Path) -> None:
    start = NFD.index("A\u030arhus")
    found, changes = fix(raw(tmp_path, qa("a", ("A\u030arhus", start), ("Zoe", 0), ("Bob", 9)), context=NFD))
    assert list(found.context) == ["Zoë met Bob in Århus."]
    assert answers(found) == [("Århus", 15), ("Zoë", 0), ("Bob", 8)]
    assert [(c.kind, c.after) for c in changes if c.before == "Zoe"] == [("mixed-unicode", "Zoë")]


def test_what_is_not_seen_is_taken_out(tmp_path: Path) -> None:
    context = "Ann\x00 met\x0bBob \u200b\u200bin\ufeff Oslo."
    at = context.index("\u200b")
    found, _ = fix(raw(tmp_path, qa("a", ("\u200b\u200bin\ufeff", at), ("Bob", 9)), context=context))
    assert list(found.context) == ["Ann met Bob in Oslo."]
    assert answers(found) == [("in", 12), ("Bob", 8)]


def test_blank_answers_go_where_it_is_clear_what_is_meant(tmp_path: Path) -> None:
    rows = raw(tmp_path, qa("a", ("", 0), ("Bob", 8)), qa("b", ("", 0), is_impossible=True), qa("c", (" ", 3)))
    found, changes = fix(rows)
    assert (answers(found), found.answer_offsets.tolist()) == ([("Bob", 8), (" ", 3)], [0, 1, 1, 2])
    assert [(c.id, c.kind, c.after) for c in changes] == [("a", "blank-answer", None), ("b", "blank-answer", None)]


def test_a_broken_further_column_is_found_and_its_change_listed(tmp_path: Path) -> None:
    path = write(tmp_path, document(qa("a", ("Bob", 8), by="Zo\ud800"), qa("b", ("Bob", 8), by="Zoë")))
    rows = read_raw_squad(path, ["by"])
    [finding] = [each for each in check(rows).findings if each.kind == "broken-character"]
    assert (finding.ids, "the column 'by' has U+D800 in" in finding.examples[0]) == (["a"], True)
    found, changes = fix(rows)
    assert found.columns == {"by": ["Zo\ufffd", "Zoë"]}
    assert changes == [
        Change("a", "data[0].paragraphs[0].qas[0]", "broken-character", "Zo\ud800", "Zo\ufffd"),
    ]


def test_ids_stand_once(tmp_path: Path) -> None:
    twice = qa("a", ("Bob", 8))
    found, changes = fix(raw(tmp_path, twice, twice, qa("a", ("Ann", 0)), qa("a-2"), {**qa("b"), "id": "b\ud800"}))
    assert list(found.id) == ["a", "a-3", "a-2", "b\ufffd"]
    assert [found.place(row) for row in (1, 2)] == ["data[0].paragraphs[0].qas[2]", "data[0].paragraphs[0].qas[3]"]
    kinds = [(c.kind, c.after) for c in changes]
    assert kinds == [("broken-character", "b\ufffd"), ("duplicate-id", None), ("duplicate-id", "a-3")]


def test_flags_follow_the_answers(tmp_path: Path) -> None:
    found, changes = fix(raw(tmp_path, qa("a", ("Bob", 8), is_impossible=True), qa("b", is_impossible=False), qa("c")))
    assert list(found.impossible) == [False, True, None]
    assert [(c.id, c.before, c.after) for c in changes] == [("a", "true", "false"), ("b", "false", "true")]


def test_what_is_in_order_stays_as_it_is(tmp_path: Path) -> None:
    rows = raw(tmp_path, qa("a", ("Bob", 8), is_impossible=False), qa("b"))
    found, changes = fix(rows)
    assert not changes
    assert strict(found, "error", "x").digest() == strict(rows, "error", "x").digest()


PIECES = st.sampled_from(
    [
        *"aZ19 .,;:()\"'-\n\x00\x0b\u2028\u200b\ufeff\ufffd\ud800\u0301\u2019\u201cé",
        *("e\u0301", "A\u030a", "\u1112\u1161\u11ab", "\u0b47\u0b3e", "&amp;", "<b>", "Oslo", " met ", "京都"),
    ]
)
TEXTS = st.lists(PIECES, max_size=12).map("".join)


@given(TEXTS)
def test_a_mended_text_is_that_text_without_what_is_not_seen_in_nfc(text: str) -> None:
    mended = mended_text(text)
    plain = text.translate({0: None, 0x200B: None, 0xFEFF: None, 0x0B: " ", 0x2028: "\n", 0xD800: "\ufffd"})
    assert mended.text == unicodedata.normalize("NFC", plain)
    places = [mended.begin(at) for at in range(len(text) + 1)], [mended.end(at) for at in range(len(text) + 1)]
    for each in places:
        assert each == sorted(each)
        assert (each[0], each[-1]) == (0, len(mended.text))
    assert all(a <= b for a, b in zip(*places, strict=True))


@st.composite
def broken_data(draw: st.DrawFn) -> RawExamples:
    """Data that are wrong in many ways at once: answers cut out of their contexts, moved, padded, or anything."""
    contexts = draw(st.lists(TEXTS.filter(str.strip), min_size=1, max_size=3, unique=True))
    n = draw(st.integers(1, 5))
    index = [draw(st.integers(0, len(contexts) - 1)) for _ in range(n)]
    counts, texts, starts = list[int](), list[str](), list[int | None]()
    for k in index:
        counts.append(draw(st.integers(0, 3)))
        for _ in range(counts[-1]):
            begin = draw(st.integers(0, len(contexts[k])))
            part = contexts[k][begin : draw(st.integers(begin, len(contexts[k])))]
            texts.append(draw(st.one_of(st.just(part), st.just(f" {part.upper()},"), TEXTS)))
            starts.append(draw(st.one_of(st.just(begin), st.none(), st.integers(-9, 99))))
    return RawExamples(
        id=draw(st.lists(st.sampled_from(["a", "a-2", "b", "c\ud800"]), min_size=n, max_size=n)),
        question=draw(st.lists(TEXTS, min_size=n, max_size=n)),
        title=draw(st.lists(TEXTS, min_size=n, max_size=n)),
        context=contexts,
        context_index=np.array(index, np.int32),
        answer_offsets=np.array(list(accumulate(counts, initial=0)), np.int64),
        answer_text=texts,
        answer_start=starts,
        has_gold=np.ones(n, np.bool_),
        impossible=draw(st.lists(st.sampled_from([None, True, False]), min_size=n, max_size=n)),
    )


@settings(max_examples=400)
@given(broken_data())
def test_a_check_after_it_finds_nothing_that_it_promised_to_mend(broken: RawExamples) -> None:
    found, changes = fix(broken)
    left = {finding.kind for finding in check(found).findings} & PROMISED
    if "blank-answer" in left:  # promised only where it is clear what is meant
        for row in range(len(found)):
            among = found.answer_text[found.answer_offsets[row] : found.answer_offsets[row + 1]]
            blank = [text for text in among if not text.strip()]
            assert not blank or (len(blank) == len(among) and found.impossible[row] is not True)
        left.remove("blank-answer")
    assert not left
    assert {change.kind for change in changes} <= PROMISED
    again, more = fix(found)
    assert not more
    assert answers(again) == answers(found)
    if not {f.kind for f in check(broken).findings} & PROMISED:
        assert not changes
