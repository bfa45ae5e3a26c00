"""Contexts for the terminal: marks, cuts, and characters that a terminal would obey."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from qatk.display.text import Mark, excerpt, printable

CONTEXT = "Ann met Bob in Oslo. Ann left Oslo in May."


def plain(marks: list[Mark], width: int | None = None, context: str = CONTEXT) -> str:
    return excerpt(context, marks, width=width).plain


def test_a_mark_is_bracketed_and_styled() -> None:
    text = excerpt(CONTEXT, [Mark(15, 19, "bold green")])
    assert text.plain == "Ann met Bob in «Oslo». Ann left Oslo in May."
    [span] = text.spans
    assert (text.plain[span.start : span.end], span.style) == ("«Oslo»", "bold green")


def test_marks_in_each_other_across_each_other_and_side_by_side() -> None:
    gold, wrong = Mark(12, 19), Mark(15, 19, "red", "[", "]")
    assert plain([wrong, gold]) == "Ann met Bob «in [Oslo]». Ann left Oslo in May."
    assert plain([Mark(15, 19), wrong]) == "Ann met Bob in «[Oslo]». Ann left Oslo in May."
    assert plain([Mark(8, 14), Mark(12, 19, "red", "[", "]")]) == "Ann met «Bob [in» Oslo]. Ann left Oslo in May."
    assert plain([Mark(0, 3), Mark(3, 7, "", "[", "]")]).startswith("«Ann»[ met] Bob")


def test_marks_outside_are_clipped_or_left_out() -> None:
    assert plain([Mark(-1, -1), Mark(5, 5), Mark(50, 60), Mark(38, 99)]).endswith("in «May.»")
    assert plain([]) == CONTEXT


def test_cuts_fall_between_words() -> None:
    assert plain([Mark(15, 19)], 20) == "…Bob in «Oslo». Ann…"
    assert plain([Mark(0, 3)], 12) == "«Ann» met Bob…"
    assert plain([Mark(38, 41)], 14) == "…Oslo in «May»."
    assert plain([], 12) == "Ann met Bob…"
    assert plain([Mark(0, 11)], 3) == "«Ann met Bob»…", "the first mark is whole, however long"
    assert plain([Mark(15, 19), Mark(38, 41)], 20) == "…Bob in «Oslo». Ann…", "others are cut away"


def test_a_text_without_blanks_is_cut_all_the_same() -> None:
    context = "中" * 100
    assert plain([Mark(50, 52)], 10, context) == f"…{'中' * 4}«{'中' * 2}»{'中' * 4}…"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("Ünïcode 中 😀", "Ünïcode 中 😀"),
        ("a\nb\tc\r\u2028d", "a b c  d"),
        ("\x1b[31mred\x07\x7f", "␛[31mred␇�"),
        ("\x9b31m", "�31m"),
        ("abc\u202edcb", "abc�dcb"),
        ("\ud800", "�"),
        ("non\u00a0break e\u0301", "non\u00a0break e\u0301"),
    ],
)
def test_what_a_terminal_would_obey_is_replaced_one_for_one(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_markup_in_the_data_is_data() -> None:
    console = Console(file=io.StringIO(), width=60, force_terminal=True, color_system="truecolor")
    console.print(excerpt("[red]not[/red] :smile: [/] red", [Mark(0, 5)]))
    written = re.sub(r"\x1b\[[0-9;]*m", "", console.file.getvalue())  # type: ignore[attr-defined]
    assert written == "«[red]»not[/red] :smile: [/] red\n"


SPANS = st.lists(st.tuples(st.integers(-3, 60), st.integers(-3, 60)), max_size=4)


@settings(max_examples=200, deadline=None)
@given(context=st.text("ab \n", max_size=60), spans=SPANS, width=st.none() | st.integers(1, 70))
def test_what_is_shown_is_a_piece_of_the_context(context: str, spans: list[tuple[int, int]], width: int | None) -> None:
    marks = [Mark(start, end, "bold", "<", ">") for start, end in spans]
    text = excerpt(context, marks, width=width).plain
    assert text.count("<") == text.count(">")
    bare = text.replace("<", "").replace(">", "")
    kept = bare.removeprefix("…").removesuffix("…")
    assert kept in printable(context)
    if bare == kept:
        assert kept == printable(context)
    if width is not None:
        first = max(min(spans[0][1], len(context)) - max(spans[0][0], 0), 0) if spans else 0
        assert len(kept) <= max(width, first)
    if spans and 0 <= spans[0][0] < spans[0][1] <= len(context):
        start, end = spans[0]
        shown = excerpt(context, marks[:1], width=width).plain
        assert f"<{printable(context[start:end])}>" in shown
