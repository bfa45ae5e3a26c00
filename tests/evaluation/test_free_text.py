"""Free-text answers find their spans, and what has none is told apart."""

from __future__ import annotations

import json
import re
import runpy
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands import call
from qatk.comparison.compare import compare_systems
from qatk.comparison.systems import read_systems
from qatk.errors import UsageError
from qatk.evaluation.answer_costs import read_costs
from qatk.evaluation.evaluate import evaluate
from qatk.evaluation.free_text import (
    ABSENT,
    ABSTAINED,
    ABSTENTION_OPENINGS,
    ABSTENTIONS,
    ALIGNMENTS,
    EXACT,
    FUZZY,
    NORMALISED,
    Aligner,
    align_answers,
)
from qatk.types import Examples, Span
from qatk_builtin.reporters.shared.comparison import Contrast
from repository import ROOT
from scoring_cases import examples_of

CONTEXT = (
    "The old mill of Delft, built in 1843 by the Guild of Bakers, burnt down in 1923. "
    "\u4eac\u90fd\u306e\u5bfa\u3067\u3059 Cafe\u0301 O\u2019Neil's. Its owner is unknown to us."
)
ALIGNER = Aligner()
PAGE = (ROOT / "docs" / "how-to" / "language-models.md").read_text("utf-8")
DATA, ANSWERS = (ROOT / "examples" / "compare" / name for name in ("dev.json", "free_text.jsonl"))


@pytest.mark.parametrize(
    ("said", "kind", "text"),
    [
        ("1843", EXACT, "1843"),
        (" 1843\n", EXACT, "1843"),
        ("\u4eac\u90fd", EXACT, "\u4eac\u90fd"),
        ("unknown", EXACT, "unknown"),
        ("84", ABSENT, "84"),
        ("the mill", NORMALISED, "mill"),
        ("Old Mill of delft.", NORMALISED, "old mill of Delft"),
        ("\u201cguild of the bakers\u201d", NORMALISED, "Guild of Bakers"),
        ("delft built", NORMALISED, "Delft, built"),
        ("caf\u00e9 o'neil", NORMALISED, "Cafe\u0301 O\u2019Neil"),
        ("mill Delft", ABSENT, "mill Delft"),
        ("the gild of bakers", FUZZY, "the Guild of Bakers"),
        ("burnd down in 1923", FUZZY, "burnt down in 1923"),
        ("burnt down in 1924", ABSENT, "burnt down in 1924"),
        ("It was built by the guild of bakers", ABSENT, "It was built by the guild of bakers"),
        ("", ABSTAINED, ""),
        (" ... ", ABSTAINED, ""),
        ("I don\u2019t know.", ABSTAINED, ""),
        ("**Unanswerable**", ABSTAINED, ""),
        ("The context does not say who.", ABSTAINED, ""),
        ("The answer is not here: nobody wrote it down.", ABSTAINED, ""),
        ("The answer is Nottingham.", ABSENT, "The answer is Nottingham."),
        ("Not givenchy", ABSENT, "Not givenchy"),
    ],
)
def test_a_text_finds_its_span(said: str, kind: int, text: str) -> None:
    found = ALIGNER.align(said, CONTEXT)
    assert (ALIGNMENTS[found.kind], found.text) == (ALIGNMENTS[kind], text)


@pytest.mark.parametrize(
    ("said", "kind", "text"),
    [
        ("दान!", NORMALISED, "दान"),
        ("दिन", ABSENT, "दिन"),  # "day" is not "donation"
        ("दीन", ABSENT, "दीन"),
        (
            "\u201cमंदिर को\u201d",
            NORMALISED,
            "मंदिर को",
        ),
        ("(கா)", NORMALISED, "கா"),
        ("க", ABSENT, "க"),
        ("ที่!", NORMALISED, "ที่"),
        ("ที!", ABSENT, "ที!"),
        ("10\u00b3", ABSENT, "10\u00b3"),
        ("_10\u00b2_", NORMALISED, "10\u00b2"),
    ],
)
def test_words_are_compared_with_their_signs(said: str, kind: int, text: str) -> None:
    context = "उसने मंदिर को दान दिया। கா ที่ 10\u00b2"
    assert Aligner(fuzzy=None).align(said, context) == (kind, text)


WORDS = CONTEXT.replace(",", "").split()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(WORDS) - 2), st.integers(2, 6))
def test_words_of_the_context_in_capitals_are_found_in_it(first: int, number: int) -> None:
    said = " ".join(WORDS[first : first + number]).upper()
    found = ALIGNER.align(said, CONTEXT)
    assert found.kind in (EXACT, NORMALISED)
    assert found.text in CONTEXT


@pytest.mark.parametrize(
    ("said", "context", "kind"),
    [
        ("5", "It cost 5,000 dollars.", ABSENT),
        ("3.", "It grew by 3.5 per cent.", ABSENT),
        ("500 rooms", "It has 1,500 rooms.", ABSENT),
        ("500 Rooms", "Of 1,500 rooms, 500 rooms are free.", NORMALISED),
        ("1,500 Rooms", "It has 1,500 rooms.", NORMALISED),
        ("room 5", "It is in Room 5, on the left.", NORMALISED),
    ],
)
def test_a_number_is_not_found_in_another(said: str, context: str, kind: int) -> None:
    found = ALIGNER.align(said, context)
    assert found.kind == kind
    assert found.text in context or kind == ABSENT


def test_what_means_no_answer_can_be_added_to() -> None:
    assert ALIGNER.align("pass", CONTEXT).kind == ABSENT
    assert Aligner(abstentions=["Pass!"]).align("pass.", CONTEXT).kind == ABSTAINED


def test_without_fuzzy_matches_rapidfuzz_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidfuzz", None)
    assert Aligner(fuzzy=None).align("the gild of bakers", CONTEXT).kind == ABSENT
    with pytest.raises(UsageError, match=re.escape('pip install "qatk[align]"')):
        Aligner()


@pytest.mark.parametrize("fuzzy", [0.0, 100.5, float("nan")])
def test_a_similarity_out_of_range_is_refused(fuzzy: float) -> None:
    with pytest.raises(UsageError, match="above 0 and up to 100"):
        Aligner(fuzzy)


def asked() -> Examples:
    examples = examples_of([["red fox"], ["hen"], []])
    return replace(examples, context=["A red fox and a hen.", "It was the hen.", "No bird was seen."])


def test_lists_are_aligned_text_by_text_and_the_worst_counts() -> None:
    said = {"q0": ["The RED fox", "hen", "a red fox", "n/a"], "q1": ["hen", "dodo"], "q2": ["none"], "other": ["x"]}
    found = align_answers(asked(), said, ALIGNER)
    assert found.said == {"q0": ["red fox", "hen"], "q1": ["hen", "dodo"], "q2": [], "other": ["x"]}
    assert found.kind == {"q0": NORMALISED, "q1": ABSENT, "q2": ABSTAINED}


def test_scores_are_those_of_the_spans(tmp_path: Path) -> None:
    said = {"q0": "The Red Fox!", "q1": "I do not know", "q2": "Not stated in the text."}
    plain, aligned = (evaluate(asked(), said, align=align) for align in (None, ALIGNER))
    assert plain.per_question["exact"].tolist() == [1, 0, 0]
    assert aligned.per_question["exact"].tolist() == [1, 0, 1]
    assert aligned.predictions.text == ["red fox", "", ""]
    assert {name: rows.tolist() for name, rows in aligned.masks["alignment"].items() if rows.any()} == {
        "normalised": [True, False, False],
        "no answer": [False, True, True],
    }
    assert not plain.masks


def test_what_is_said_with_its_place_is_a_span_already() -> None:
    spans = [Span("ed fo", 3, 8, 0.5), Span("hen", -1, -1, 0.1)]
    found = align_answers(asked(), {"q0": spans}, ALIGNER)
    assert found.said == {"q0": [spans[0], "hen"]}
    assert found.kind == {"q0": EXACT}


def test_free_text_is_compared_with_spans_beside_what_it_costs() -> None:
    careful = ROOT / "examples" / "compare" / "careful.json"
    systems = read_systems([careful, ANSWERS], data=DATA, align=ALIGNER)
    scored = [evaluate(DATA, file, align=ALIGNER).metrics["f1"] for file in (careful, ANSWERS)]
    assert [system.evaluation.metrics["f1"] for system in systems] == scored
    assert systems[0].facts == {"not_in_context": 0.0}
    assert systems[1].facts.keys() == {"not_in_context", "seconds_per_1000", "cost_per_1000"}
    assert systems[1].facts["not_in_context"] == 43 / 240
    encoder = replace(systems[0], facts={"examples_per_second": 20.0})
    headers, lines = (found := Contrast(compare_systems([encoder, systems[1]], draws=1000))).headers, found.lines()
    cells = [dict(zip(headers, line.cells, strict=True)) for line in lines]
    assert [row["s/1,000"] for row in cells] == ["50", "732"]
    assert [row["cost/1,000"] for row in cells] == ["-", "0.22"]
    assert [row["not in context"] for row in cells] == ["-", "17.9 %"]


def test_without_free_text_there_is_nothing_to_align(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no free-text answers to align"):
        read_systems([tmp_path, tmp_path / "b"], data=DATA, align=ALIGNER)


def test_costs_are_means_of_the_rows_that_have_them(tmp_path: Path) -> None:
    rows = [{"id": "a", "latency": 0.5, "cost": 0.25}, {"id": "b", "latency": 1.5}, {"id": "c", "latency": None}]
    (tmp_path / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_costs(tmp_path / "answers.jsonl") == {"seconds_per_1000": 1000.0, "cost_per_1000": 250.0}
    assert read_costs(tmp_path / "answers.json") == {}


def test_the_page_shows_what_the_command_prints() -> None:
    command = next(line for line in PAGE.splitlines() if line.startswith("$ qatk eval"))
    done = call(*command.split()[1:], cwd=ROOT, COLUMNS="80")
    assert done.returncode == 0, done.stderr
    sample = PAGE.partition("<!-- sample -->\n```text\n")[2].partition("```")[0].splitlines()
    assert [line.rstrip() for line in done.stdout.splitlines()] == sample
    counts = json.loads(call(*command.split()[1:], "--json", cwd=ROOT).stdout)["alignment"]
    assert list(counts) == ["exact", "normalised", "fuzzy", "not_in_the_context", "no_answer"]
    assert all(number > 0 for number in counts.values())
    assert sum(counts.values()) == 240


def test_an_answer_keeps_to_its_row_of_the_table(tmp_path: Path) -> None:
    (tmp_path / "answers.json").write_text(json.dumps({"a": "It was\nin 1843.\x1b[31m, and not before"}))
    rows = {"id": "a", "question": "When?", "context": "It was in 1843.", "answers": "1843"}
    (tmp_path / "data.jsonl").write_text(json.dumps(rows))
    done = call("qatk", "eval", "data.jsonl", "answers.json", "--use", "table", "--align", cwd=tmp_path)
    assert "   It was in 1843.\u241b[31m, and…" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("texts", [ABSTENTIONS, ABSTENTION_OPENINGS])
def test_the_page_lists_what_means_no_answer(texts: tuple[str, ...]) -> None:
    assert len(texts) == len(set(texts))
    assert ", ".join(f'"{text}"' for text in texts) in " ".join(PAGE.split())


def test_the_example_is_what_the_rules_make_of_the_data() -> None:
    made = runpy.run_path(str(ROOT / "tools" / "make_free_text.py"))["free_text"](DATA)
    assert [json.loads(line) for line in ANSWERS.read_text("utf-8").splitlines()] == made
