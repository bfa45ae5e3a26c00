"""SQuAD files: what is read, and one clear message for whatever is wrong."""

from __future__ import annotations

import copy
import gzip
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qatk.data import mending
from qatk.data.answers import nearest_place
from qatk.errors import DataWarning, UsageError
from qatk.evaluation.squad import exact_and_f1
from qatk.types import Examples
from qatk.word_bounds import starts_of
from qatk_builtin.datasets import SquadOptions
from qatk_builtin.datasets.squad import SquadDataset, read_squad
from repository import SHARED, needs_shared_data
from scoring_cases import REFERENCE
from squad_files import CONTEXT, document, failure, qa, write

GOOD = document(qa("a", ("Oslo", 15), ("in Oslo", 12)), qa("b", is_impossible=True), qa("c", ("Oslo", 30)))


def read_warned(path: Path, policy: str) -> tuple[Examples, str]:
    with pytest.warns(DataWarning) as caught:
        examples = SquadDataset(SquadOptions(path=str(path), bad_answers=policy)).load()
    assert len(caught) == 1
    return examples, str(caught[0].message)


def test_columns(tmp_path: Path) -> None:
    content = copy.deepcopy(GOOD)
    content["data"].append({"paragraphs": [{"context": CONTEXT, "qas": [qa("d", ("May", 38))]}]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        examples = read_squad(write(tmp_path, content))
    assert list(examples.id) == ["a", "b", "c", "d"]
    assert list(examples.title) == ["T", "T", "T", ""]
    assert list(examples.context) == [CONTEXT], "equal contexts are stored once"
    assert examples.answers_of(0) == ["Oslo", "in Oslo"]
    assert examples.answer_start.tolist() == [15, 12, 30, 38]
    assert examples.has_answer.tolist() == [True, False, True, True]


@pytest.mark.parametrize("encode", [bytes, gzip.compress, lambda data: b"\xef\xbb\xbf" + data])
@pytest.mark.parametrize("name", ["x.json", "x.json.gz"])
def test_plain_gzip_and_byte_order_mark_are_told_by_content(tmp_path: Path, encode: Any, name: str) -> None:
    assert len(read_squad(write(tmp_path, encode(json.dumps(GOOD).encode()), name))) == 3


def test_v1_has_no_is_impossible_and_plausible_answers_are_not_answers(tmp_path: Path) -> None:
    plausible = [{"text": "Oslo", "answer_start": 15}]
    examples = read_squad(write(tmp_path, document(qa("a", ("Bob", 8)), qa("b", plausible_answers=plausible))))
    assert [examples.answers_of(row) for row in range(2)] == [["Bob"], []]


def test_numbers_as_ids_become_text(tmp_path: Path) -> None:
    assert list(read_squad(write(tmp_path, document({**qa("a"), "id": 17}))).id) == ["17"]


def test_without_any_answers_gold_is_absent(tmp_path: Path) -> None:
    examples = read_squad(write(tmp_path, document({"id": "a", "question": "?"}, {"id": "b", "question": "?"})))
    assert not examples.has_gold


def test_answers_missing_here_and_there(tmp_path: Path) -> None:
    lacking = {"id": "b", "question": "?"}
    assert "1 question has no 'answers' while others have: b" in failure(
        write(tmp_path, document(qa("a", ("Bob", 8)), lacking))
    )
    impossible = {**lacking, "is_impossible": True}
    examples = read_squad(write(tmp_path, document(qa("a", ("Bob", 8)), impossible)))
    assert examples.has_answer.tolist() == [True, False]


def test_answers_hold_against_is_impossible(tmp_path: Path) -> None:
    path = write(tmp_path, document(qa("a", ("Bob", 8), is_impossible=True), qa("b", is_impossible=False)))
    examples, warning = read_warned(path, "error")
    assert examples.has_answer.tolist() == [True, False]
    assert "2 questions whose is_impossible and answers differ; answers hold: a, b" in warning


def test_an_answer_without_a_place(tmp_path: Path) -> None:
    content = document(qa("a", ("Ann", None)), qa("b", ("Bob", 8)))
    del content["data"][0]["paragraphs"][0]["qas"][1]["answers"][0]["answer_start"]
    examples, warning = read_warned(write(tmp_path, content), "error")
    assert examples.answer_start.tolist() == [-1, -1]
    assert "2 answers have no answer_start" in warning


# ---- bad answers

BAD = document(
    qa("good", ("Bob", 8)),
    qa("moved", ("Oslo", 27), ("Oslo", 15)),
    qa("loose", ("ann   LEFT", 20)),
    qa("nowhere", ("Paris", 3)),
    qa("half", ("Paris", 3), ("May", 38)),
    qa("empty", ("", 3), ("Bob", -3)),
    qa("none"),
)


def test_bad_answers_are_listed(tmp_path: Path) -> None:
    message = failure(write(tmp_path, BAD))
    assert "6 answers of 5 questions are blank or not at the given answer_start" in message
    assert "moved: 'Oslo' at 27, where the context has 'ft O'" in message
    assert "empty: 'Bob' starts outside the context of 42 characters" in message
    assert "empty: the answer is empty" in message
    assert "bad_answers: fix" in message


def test_skip_leaves_bad_answers_out_and_makes_nothing_unanswerable(tmp_path: Path) -> None:
    examples, warning = read_warned(write(tmp_path, BAD), "skip")
    assert list(examples.id) == ["good", "moved", "half", "none"]
    assert [examples.answers_of(row) for row in range(4)] == [["Bob"], ["Oslo"], ["May"], []]
    assert examples.answer_start.tolist() == [8, 15, 38]
    assert "6 answers left out (moved, loose, nowhere, half, empty)" in warning
    assert "3 questions left out, having lost all answers (loose, nowhere, empty)" in warning


def test_fix_moves_to_the_nearest_place(tmp_path: Path) -> None:
    examples, warning = read_warned(write(tmp_path, BAD), "fix")
    assert list(examples.id) == ["good", "moved", "loose", "half", "empty", "none"]
    answers = [list(zip(examples.answers_of(r), [s for s, _ in examples.spans_of(r)], strict=True)) for r in range(6)]
    assert answers == [
        [("Bob", 8)],
        [("Oslo", 30), ("Oslo", 15)],
        [("Ann left", 21)],
        [("May", 38)],
        [("Bob", 8)],
        [],
    ]
    assert "3 answers moved to where the text stands (moved, loose, empty)" in warning
    assert "1 question left out, having lost all answers (nowhere)" in warning


@pytest.mark.parametrize(("text", "start"), [("", None), (" ", 3), ("\n", None), ("", 0)])
def test_a_blank_answer_is_none(text: str, start: int | None, tmp_path: Path) -> None:
    path = write(tmp_path, document(qa("a", ("Bob", 8)), qa("b", (text, start), ("Ann", 0)), qa("c", (text, start))))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        message = failure(path)
        left = [read_squad(path, policy) for policy in ("skip", "fix")]
    assert "2 answers of 2 questions are blank or not at the given answer_start" in message
    said = f"the answer is {repr(text) if text else 'empty'}"
    assert f"b: {said}\n    c: {said}" in message
    assert [(list(each.id), list(each.answer_text)) for each in left] == [(["a", "b"], ["Bob", "Ann"])] * 2


def test_scoring_reads_blank_answers_as_the_official_script_does(tmp_path: Path) -> None:
    content = document(qa("a", ("", None)), qa("b", (" ", 3), ("Bob", 8)), qa("c"))
    path = write(tmp_path, content)
    examples, _ = read_warned(path, "keep")
    assert examples.answer_start.tolist() == [-1, -1, 8]
    texts = {"a": "Bob", "b": "", "c": ""}
    exact, f1, _ = REFERENCE["raw_scores"](content, texts)
    found = exact_and_f1(examples, list(texts.values()))
    assert [each.tolist() for each in found] == [list(exact.values()), list(f1.values())]


def test_a_context_is_mended_once_for_all_its_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, plain = list[str](), mending._seen
    monkeypatch.setattr(mending, "_seen", lambda char: plain(char if seen.append(char) is None else ""))
    context = "Soft hyphens\u00ad and decomposed letters: e\u0301."
    assert [nearest_place(context, text, 0) for text in ("Bob", "Ann")] == [None, None]
    assert len(seen) == len(context)


@pytest.mark.parametrize(
    ("context", "text", "start", "found"),
    [
        ("The café, the CAFÉ.", "cafe\u0301", 4, ("café", 4)),
        ("The CAFÉ.", "cafe\u0301", 13, ("CAFÉ", 4)),
        ("Zoe\u0308 met A\u030asa in A\u030arhus.", "Åsa  in", 3, ("A\u030asa in", 9)),
        ("Zoe\u0308 met Bob.", "Zoe\u0301", 0, None),
        ("Zoe\u0308 met Bob.", "Zöe", 0, None),
    ],
)
def test_fix_finds_another_form_of_unicode(
    context: str, text: str, start: int, found: tuple[str, int] | None, tmp_path: Path
) -> None:
    path = write(tmp_path, document(qa("a", (text, start)), qa("b"), context=context))
    examples, _ = read_warned(path, "fix")
    placed = [answer for row in range(len(examples)) for span in examples.spans_of_answer(row) for answer in span]
    assert [tuple(answer) for answer in placed] == ([] if found is None else [found])


def test_nothing_left(tmp_path: Path) -> None:
    path = write(tmp_path, document(qa("a", ("Paris", 3))))
    with pytest.warns(DataWarning):
        assert "no question is left" in failure(path, bad_answers="skip")


@settings(max_examples=60, deadline=None)
@given(context=st.text("ab \n", min_size=1, max_size=30), data=st.data(), shift=st.integers(-40, 40))
def test_fix_finds_what_stands_somewhere(
    tmp_path_factory: pytest.TempPathFactory, context: str, data: st.DataObject, shift: int
) -> None:
    start = data.draw(st.integers(0, len(context) - 1))
    text = context[start : data.draw(st.integers(start + 1, len(context)))]
    content = document(qa("keep"), qa("x", (text, start + shift)), context=context)
    path = write(tmp_path_factory.getbasetemp(), content, "property.json")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        examples = read_squad(path, "fix")
    if not text.strip():
        assert list(examples.id) == ["keep"]
        return
    [(found, end)] = examples.spans_of(1)
    assert context[found:end] == text
    near = min(abs(k - start - shift) for k in starts_of(text, context))
    assert abs(found - start - shift) <= max(near, 0) or not 0 <= start + shift <= len(context)


# ---- files that cannot be read


def test_no_such_file_names_a_similar_one(tmp_path: Path) -> None:
    write(tmp_path, GOOD, "dev-v2.0.json")
    assert f"did you mean {tmp_path / 'dev-v2.0.json'}?" in failure(tmp_path / "dev-v2.json", UsageError)
    assert "did you mean" in failure(tmp_path / "dev-v2.0.json.gz", UsageError)
    assert "did you mean" not in failure(tmp_path / "quite else", UsageError)
    assert f"no folder {tmp_path / 'no'} either" in failure(tmp_path / "no" / "dev.json", UsageError)
    assert "this is a folder" in failure(tmp_path, UsageError)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(json.dumps(GOOD).encode(), mtime=0)[:-20], "the gzip file is cut short or damaged"),
        (b"\x1f\x8bnonsense", "the gzip file is cut short or damaged"),
        (json.dumps(GOOD).encode()[:40] + b"\xe9 ", "the text is not UTF-8: byte 40 (0xe9)"),
        (b"PK\x03\x04\xff\xff", "this is a zip file"),
        (json.dumps(GOOD, indent=1).encode()[:60], ":6:4: the JSON is cut short: Unterminated string"),
        (b'{"data": [\n  {"title": }]}', ":2:13: this is not JSON: Expecting value"),
        (b'{"id": 1}\n{"id": 2}\n', ":2:1: a second JSON value begins here: JSON Lines?"),
        (b"", ":1:1: the file is empty"),
        (b"[" * 200_000, "nested too deep"),
    ],
)
def test_damaged_files(tmp_path: Path, content: bytes, message: str) -> None:
    assert message in failure(write(tmp_path, content))


@pytest.mark.parametrize("name", ["questions.xlsx", "questions.ods"])
def test_a_spreadsheet_is_to_be_saved_as_csv(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"PK\x03\x04\xff\xff")
    assert "this is a spreadsheet\n  save it as CSV UTF-8" in failure(tmp_path / name)


# ---- JSON of another form


def changed(path: list[str | int], value: Any) -> dict[str, Any]:
    """A good document in which one place is another; ``...`` deletes it."""
    content = copy.deepcopy(GOOD)
    at: Any = content
    for step in path[:-1]:
        at = at[step]
    if value is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return content


PARAGRAPH: list[str | int] = ["data", 0, "paragraphs", 0]
FIRST = "data[0].paragraphs[0].qas[0]"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (changed(["data"], {}), "data should be a list, not an object"),
        (changed(["data", 0, "paragraphs"], ...), "data[0].paragraphs is missing (keys found: 'title')"),
        (changed([*PARAGRAPH, "context"], None), "data[0].paragraphs[0].context should be a text, not null"),
        (changed([*PARAGRAPH, "qas", 1, "question"], 3), "qas[1].question (question 'b') should be a text, not 3"),
        (changed([*PARAGRAPH, "qas", 0, "id"], 1.5), f"{FIRST}.id should be a text, not 1.5"),
        (changed([*PARAGRAPH, "qas", 0, "id"], ...), f"{FIRST}.id is missing (keys found: 'question', 'answers')"),
        (
            changed([*PARAGRAPH, "qas", 0, "answers", 1, "answer_start"], "12"),
            f"{FIRST}.answers[1].answer_start (question 'a') should be a whole number, not '12'",
        ),
        (changed([*PARAGRAPH, "qas", 0, "answers", 0, "answer_start"], True), "should be a whole number, not true"),
        (changed([*PARAGRAPH, "qas", 0, "answers"], {"text": ["Oslo"]}), "should be a list, not an object"),
        (changed([*PARAGRAPH, "qas", 0, "answers", 0], "Oslo"), "answers[0] (question 'a') should be an object"),
        ([{"id": "a", "question": "?", "context": "c"}], "this is flat"),
        ({"data": [{"id": "a", "question": "?", "context": "c"}]}, "this is flat"),
        ({"rows": [{"row_idx": 0, "row": {"question": "?", "context": "c"}}]}, "this is flat"),
        ({"id": "a", "question": "?", "context": "c"}, "this is one flat question"),
        ({"data": {"question": {"0": "?"}, "context": {"0": "c"}}}, "this is a table by columns"),
        (GOOD["data"], "this is the list of articles alone"),
        ([{"id": 1, "data": {"text": "x"}, "annotations": []}], "--use label-studio, in a recipe {use: label-studio"),
        ([{"id": 1, "text": "x", "question": "?", "annotation_id": 3}], "these are tasks of Label Studio"),
        (GOOD["data"][0], "this is a single article"),
        ({"56be": "Oslo", "56bf": ""}, "this is a predictions file"),
        ({"56be": 0.5, "56bf": -3.25}, "this is a null odds file"),
        ({"questions": []}, "there is no 'data' (keys found: 'questions')"),
        ({}, "there is no 'data' (keys found: none)"),
        ("text", "the file should be an object, not 'text'"),
        ([1, 2], "the file should be an object, not a list of 2"),
        ({"data": []}, "there are no questions"),
        (document(), "there are no questions"),
        (document(qa("a"), qa("b"), qa("a"), qa("b"), qa("c")), "2 question ids occur more than once: a, b"),
        (document(qa("a"), context="half \ud83d of a pair"), r"in context 'half \ud83d of a pair' (question 'a')"),
        (document(qa("a\ud83d")), r"half of a surrogate pair in id 'a\ud83d'"),
    ],
)
def test_other_forms(tmp_path: Path, content: Any, message: str) -> None:
    assert message in failure(write(tmp_path, content))


def test_many_doubles_are_counted_and_cut(tmp_path: Path) -> None:
    message = failure(write(tmp_path, document(*[qa(f"q{k:02}") for k in range(12)] * 2)))
    assert "12 question ids occur more than once" in message
    assert "q09, ..." in message


@needs_shared_data
@pytest.mark.parametrize(
    ("name", "questions", "answerable", "contexts"),
    [("squad2-mini/dev", 2092, 1087, 230), ("squad2-mini/train", 11513, 7929, 1551), ("parity/v1.1", 4557, 4557, 856)],
)
def test_real_data(name: str, questions: int, answerable: int, contexts: int) -> None:
    path = SHARED / f"{name}.json.gz"
    examples = read_squad(path)
    assert (len(examples), int(examples.has_answer.sum()), len(examples.context)) == (questions, answerable, contexts)
    for row in np.random.default_rng(0).choice(questions, 100, replace=False).tolist():
        context = examples.context_of(row)
        assert [context[start:end] for start, end in examples.spans_of(row)] == examples.answers_of(row)
