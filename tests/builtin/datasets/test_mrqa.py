"""The ``mrqa`` dataset."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from qatk.errors import DataError, DataWarning, UsageError
from qatk.types import Examples
from qatk_builtin.datasets import MrqaOptions
from qatk_builtin.datasets.mrqa import MrqaDataset

CONTEXT = "[PAR] Ann met Bob in Oslo. Oslo is old."
HEADER = {"header": {"dataset": "NewsQA", "split": "dev"}}


def qa(name: str, answers: list[dict[str, Any]] | None) -> dict[str, Any]:
    """A question as the shared task has it, with tokens, which are not read."""
    found = {"qid": name, "question": "Where?", "answers": ["Oslo"], "question_tokens": [["Where", 0], ["?", 5]]}
    return found if answers is None else {**found, "detected_answers": answers}


def detected(text: str, *spans: list[int]) -> dict[str, Any]:
    return {"text": text, "char_spans": list(spans), "token_spans": [[0, 0]]}


OSLO = detected("Oslo", [21, 24], [27, 30])
ROW = {"id": "", "context": CONTEXT, "context_tokens": [["[PAR]", 0]], "qas": [qa("a", [OSLO]), qa("b", [])]}


def write(folder: Path, *rows: object, name: str = "x.jsonl.gz") -> Path:
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return folder / name


def load(path: Path, **options: Any) -> Examples:
    return MrqaDataset(MrqaOptions(path=str(path), **options)).load()


@pytest.mark.parametrize("name", ["x.jsonl.gz", "x.jsonl"])
def test_spans_are_inclusive_and_all_are_alternatives(tmp_path: Path, name: str) -> None:
    other = {"context": CONTEXT, "qas": [qa("c", [detected("ann", [6, 8]), detected("Bob", [14, 16])])]}
    examples = load(write(tmp_path, HEADER, ROW, other, name=name))
    assert list(examples.id) == ["a", "b", "c"]
    assert list(examples.context) == [CONTEXT]
    assert [examples.answers_of(row) for row in range(3)] == [["Oslo", "Oslo"], [], ["Ann", "Bob"]]
    assert [examples.spans_of(row) for row in range(3)] == [[(21, 25), (27, 31)], [], [(6, 9), (14, 17)]]
    assert examples.answer_span is None
    assert examples.columns == {"dataset": ["NewsQA"] * 3}
    assert MrqaDataset(MrqaOptions(path=str(tmp_path / name))).raw().answer_start == [21, 27, 6, 14]


def test_a_header_and_gold_may_be_absent(tmp_path: Path) -> None:
    assert load(write(tmp_path, ROW)).columns == {}
    bare = {"context": CONTEXT, "qas": [qa("a", None)]}
    assert not load(write(tmp_path, HEADER, bare)).has_gold


def test_bad_answers_are_handled_as_in_squad_files(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER, {**ROW, "qas": [qa("a", [detected("Riga", [21, 24])]), qa("b", [OSLO])]})
    with pytest.raises(DataError, match="a: 'Riga' at 21, where the context has 'Oslo'"):
        load(path)
    with pytest.warns(DataWarning, match="1 question left out"):
        assert list(load(path, bad_answers="skip").id) == ["b"]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "the file has no questions"),
        ([HEADER], "x.jsonl: the file has no questions"),
        ([HEADER, [1]], "x.jsonl:2: this line has no list 'qas' (found: list)"),
        ([HEADER, {"question": "Who?"}], "x.jsonl:2: this line has no list 'qas' (found: 'question')"),
        ([HEADER, {"qas": []}], "x.jsonl:2: this line has no text 'context' (keys found: 'qas')"),
        ([HEADER, {**ROW, "context": None}], "this line has no text 'context' but 'None'"),
        ([HEADER, {**ROW, "qas": [{"qid": "a"}]}], "question 'a' has no text 'question' (keys found: 'qid')"),
        ([HEADER, {**ROW, "qas": [3]}], "x.jsonl:2: qas[0] is no object"),
        ([HEADER, {**ROW, "qas": [{**qa("a", []), "qid": 7}]}], "qas[0] has no text 'qid' but '7'"),
        ([HEADER, {**ROW, "qas": [qa("a", [detected("Oslo")])]}], "answer of question 'a' has no char_spans"),
        ([HEADER, {**ROW, "qas": [qa("a", [detected("Oslo", [1])])]}], "question 'a' has the span [1]"),
        ([HEADER, {**ROW, "qas": [qa("a", [detected("Oslo", [21, 25])])]}], "ends before the last character of its"),
        ([HEADER, {**ROW, "qas": [qa("a", [OSLO]), qa("b", None)]}], "1 question has no 'detected_answers' while"),
        ([HEADER, ROW, ROW], "2 question ids occur more than once: a, b"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, rows: list[object], says: str) -> None:
    with pytest.raises(DataError) as caught:
        load(write(tmp_path, *rows, name="x.jsonl"))
    assert says in str(caught.value)


def test_files_that_are_damaged(tmp_path: Path) -> None:
    whole = gzip.compress(json.dumps(ROW).encode() * 50)
    for data, says in (
        (whole[:60], "the gzip file is cut short or damaged"),
        (json.dumps(ROW, ensure_ascii=False).replace("Oslo", "Größe").encode("latin-1"), "the text is not UTF-8"),
        (b'{"context": ', "x.jsonl:1: this line is not JSON"),
    ):
        (tmp_path / "x.jsonl").write_bytes(data)
        with pytest.raises(DataError) as caught:
            load(tmp_path / "x.jsonl")
        assert says in str(caught.value)
    with pytest.raises(UsageError, match="there is no such file"):
        load(tmp_path / "gone.jsonl.gz")
    (tmp_path / "x.jsonl").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(map(json.dumps, (HEADER, ROW))).encode())
    assert list(load(tmp_path / "x.jsonl").id) == ["a", "b"]
    big = {**ROW, "context": CONTEXT + " word" * 10_000_000}
    assert len(load(write(tmp_path, HEADER, big)).context[0]) > 50_000_000
