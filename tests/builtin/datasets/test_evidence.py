"""Readers of data with sets of spans: MultiSpanQA, QED, rows of evidence; the real data where they are at hand."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qatk.data import overlapping_spans
from qatk.errors import DataError, DataWarning, QatkError, UsageError
from qatk.plugins.host import PluginHost
from qatk.types import Examples
from repository import SHARED, needs_shared_data

HOST = PluginHost.discover(environ={})
REAL = SHARED / "evidence"


def load(use: str, path: Path, **options: Any) -> Examples:
    examples: Examples = HOST.build("dataset", use, {"path": str(path), **options}).load()
    return examples


def write(path: Path, rows: list[Any], form: str = "lines") -> Path:
    path.write_text("\n".join(map(json.dumps, rows)) if form == "lines" else json.dumps({"version": 1, "data": rows}))
    return path


# MultiSpanQA

TOKENS = ["Arlen", ",", "old", "Cadiz", "lie", "here", "."]
LABELS = ["B", "O", "B", "I", "O", "O", "O"]


def row(name: str, **changed: Any) -> dict[str, Any]:
    given = {"id": name, "question": ["which", "towns"], "context": TOKENS, "label": LABELS, "num_span": 2, **changed}
    return {key: value for key, value in given.items() if value is not None}


def test_multispanqa(tmp_path: Path) -> None:
    rows = [row("a", structure="Share"), row("b", label=["O"] * 7, num_span=0), row("c", label=["B", *"BIIOOO"])]
    found = load("multispanqa", write(tmp_path / "d.json", rows, "json"), columns=["structure"])
    assert found.id == ["a", "b", "c"]
    assert found.question[0] == "which towns"
    assert found.context == ["Arlen , old Cadiz lie here ."]
    assert found.spans_of_answer(0) == [[("Arlen", 0)], [("old Cadiz", 8)]]
    assert found.spans_due.tolist() == [2, 0, 2]
    assert found.spans_of_answer(2) == [[("Arlen", 0)], [(", old Cadiz", 6)]]
    assert found.columns == {"structure": ["Share", "", ""]}


def test_multispanqa_without_labels_has_no_gold(tmp_path: Path) -> None:
    found = load("multispanqa", write(tmp_path / "d.json", [row("a", label=None, num_span=None)], "json"))
    assert not found.has_gold


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"label": None}, "1 question has no 'label' while others have: b"),
        ({"label": ["B"]}, "question 'b' has 1 label for 7 tokens"),
        ({"label": "B"}, "question 'b' has no list of labels"),
        ({"label": ["I", *"OOOOOO"]}, "token 0 of question 'b' has a label I behind O, so that no span begins"),
        ({"label": [*"BOOOOO", "S"]}, "token 6 of question 'b' has the label 'S'"),
        ({"num_span": 3}, r"question 'b' should have 3 spans \(num_span\), and its labels have 2"),
        ({"label": ["O"] * 7}, r"question 'b' should have 2 spans \(num_span\), and its labels have 0"),
        ({"context": "Arlen lies here ."}, "the context of question 'b' is no list of tokens"),
        ({"question": None}, r"data\[1\] \(id 'b'\) has no question"),
        ({"id": "a"}, "1 question id occurs more than once: a"),
    ],
)
def test_multispanqa_that_is_refused(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    path = write(tmp_path / "d.json", [row("a"), row("b", **changed)], "json")
    with pytest.raises(DataError, match=message) as caught:
        load("multispanqa", path)
    assert str(path) in str(caught.value)


def test_multispanqa_of_another_form(tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text('{"data": [3]}')
    with pytest.raises(DataError, match="this is no file of MultiSpanQA"):
        load("multispanqa", tmp_path / "d.json")
    with pytest.raises(UsageError, match="there is no such file"):
        load("multispanqa", tmp_path / "absent.json")


# QED

PARAGRAPH = "Arlen is old . Borsk and Cadiz lie on the Orrin . "


def span(text: str) -> dict[str, Any]:
    return {"start": PARAGRAPH.index(text), "end": PARAGRAPH.index(text) + len(text), "string": text}


def qed(
    name: int, sentence: str = "Borsk and Cadiz lie on the Orrin . ", answers: tuple[str, ...] = ("Borsk", "Cadiz")
) -> Any:
    annotation = {
        "explanation_type": "single_sentence",
        "selected_sentence": span(sentence),
        "answer": [{"paragraph_reference": span(answer)} for answer in answers],
    }
    texts = {"title_text": "Orrin", "question_text": "which towns", "paragraph_text": PARAGRAPH}
    return {"example_id": name, **texts, "annotation": annotation}


def test_qed(tmp_path: Path) -> None:
    unexplained = {**qed(2), "annotation": {"explanation_type": "multi_sentence"}}
    path = write(tmp_path / "q.jsonl", [qed(1), unexplained, qed(-3, "Arlen is old . ", ("Arlen",))])
    with pytest.warns(DataWarning, match="1 of 3 questions left out: without a single sentence of evidence"):
        sentences = load("qed", path)
    assert (sentences.id, sentences.title) == (["1", "-3"], ["Orrin"] * 2)
    assert sentences.spans_of_answer(0) == [[("Borsk and Cadiz lie on the Orrin .", 15)]]
    with pytest.warns(DataWarning):
        answers = load("qed", path, spans="answer")
    assert answers.spans_of_answer(0) == [[("Borsk", 15)], [("Cadiz", 25)]]
    assert answers.spans_due.tolist() == [2, 1]


def test_qed_whose_spans_overlap(tmp_path: Path) -> None:
    path = write(tmp_path / "q.jsonl", [qed(1, answers=("Borsk and Cadiz", "Cadiz")), qed(2)])
    with pytest.raises(DataError, match=r"overlap in 1 .*: 1 has 'Borsk and Cadiz' at 15 and 'Cadiz' at 25"):
        load("qed", path, spans="answer")
    with pytest.warns(DataWarning, match="1 question left out"):
        assert load("qed", path, spans="answer", bad_answers="skip").id == ["2"]
    assert len(load("qed", path)) == 2


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([qed(1), {"example_id": 2}], r"q\.jsonl:2: this is no question of QED \(KeyError: 'annotation'\)"),
        ([[1]], r"q\.jsonl:1: this is no question of QED"),
        ([{**qed(1), "paragraph_text": None}], "None is no text"),
        ([{**qed(1), "annotation": {"explanation_type": "none"}}], "no question has a single sentence of evidence"),
    ],
)
def test_qed_that_is_refused(tmp_path: Path, rows: list[Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load("qed", write(tmp_path / "q.jsonl", rows))


# rows of evidence

CONTEXT = "Borsk and old Cadiz lie on the Orrin."


def evidence(name: str, *spans: Any, **changed: Any) -> dict[str, Any]:
    return {"id": name, "question": "Which towns?", "context": CONTEXT, "spans": list(spans), **changed}


ROWS = [
    evidence(
        "a",
        {"char_start": 0, "char_end": 5},
        [{"char_start": 10, "text": "old Cadiz"}, {"char_start": 14, "char_end": 19}],
    ),
    evidence("b"),
    evidence("c", {"char_start": 31, "char_end": 36, "text": "Orrin"}, title="T", level=2),
]


@pytest.mark.parametrize("name", ["e.jsonl", "e.jsonl.gz"])
def test_rows_of_evidence(tmp_path: Path, name: str) -> None:
    text = "\n".join(map(json.dumps, ROWS)).encode()
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    found = load("evidence", tmp_path / name, columns=["level"])
    assert found.spans_of_answer(0) == [[("Borsk", 0)], [("old Cadiz", 10), ("Cadiz", 14)]]
    assert found.spans_due.tolist() == [2, 0, 1]
    assert (found.title, found.columns, found.context) == (["", "", "T"], {"level": ["", "", "2"]}, [CONTEXT])


def test_evidence_in_parquet(tmp_path: Path) -> None:
    rows = [
        {**row, "title": ""}
        for row in (evidence("a", *({"char_start": s, "char_end": e} for s, e in ((0, 5), (14, 19)))), evidence("b"))
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "e.parquet")
    found = load("evidence", tmp_path / "e.parquet")
    assert [found.spans_of_answer(k) for k in (0, 1)] == [[[("Borsk", 0)], [("Cadiz", 14)]], []]


def test_evidence_without_gold(tmp_path: Path) -> None:
    bare = {key: value for key, value in evidence("a").items() if key != "spans"}
    assert not load("evidence", write(tmp_path / "e.jsonl", [bare])).has_gold


ORRIN = {"char_start": 31, "char_end": 36}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (
            evidence("b", ORRIN, {"char_start": 34, "char_end": 37}),
            "two spans that are both due overlap in 1 question",
        ),
        (evidence("b", ORRIN, ORRIN), "b has 'Orrin' at 31 and 'Orrin' at 31"),
        (
            evidence("b", {"char_start": 31, "char_end": 99}),
            r"e\.jsonl:2: question 'b' .* at 31 to 99, outside its context of 37",
        ),
        (evidence("b", {"char_start": -2, "char_end": 3}), "span at -2 to 3, outside"),
        (evidence("b", {"char_start": 3, "char_end": 3}), "an empty span at 3 to 3"),
        (evidence("b", []), "a span of question 'b' is an empty list: it is due, and has no alternative"),
        (
            evidence("b", answers={"text": ["Orrin"], "answer_start": [31]}),
            "question 'b' has 'answers', alternatives",
        ),
        (evidence("b", spans=None), "1 question has no 'spans' while others have: b"),
        (evidence("b", spans="Orrin"), "the spans of question 'b' are no list"),
        (evidence("b", "Orrin"), "question 'b' has a span that is no object: 'Orrin'"),
        (evidence("b", {"text": "Orrin"}), r"question 'b' has the span \{'text': 'Orrin'\}"),
        (evidence("b", {"char_start": 3.5, "char_end": 4}), "question 'b' has the span"),
        (evidence("b", {"char_start": 3, "text": 7}), "a span at 3 whose text is 7"),
        (evidence("b", {"char_start": 3}), "a span at 3 with neither char_end nor text"),
        (evidence("b", {"char_start": 3, "char_end": 9, "text": "and"}), "the span 'and' of 3 characters at 3 to 9"),
        (
            evidence("b", {"char_start": 30, "text": "Orrin"}),
            "1 answer of 1 question is not at the given",
        ),
        (evidence("b", question=None), "the question of question 'b' is no text"),
        (evidence("b", title=3), "the title of question 'b' is no text"),
        ({"question": "?", "context": ""}, "there is no id"),
        ([], "a list instead of an object"),
    ],
)
def test_evidence_that_is_refused(tmp_path: Path, bad: Any, message: str) -> None:
    path = write(tmp_path / "e.jsonl", [evidence("a", ORRIN), bad])
    with pytest.raises(QatkError, match=message) as caught:
        load("evidence", path)
    assert caught.value.exit_code == 1


def test_evidence_that_is_empty(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the file has no rows"):
        load("evidence", write(tmp_path / "e.jsonl", []))


# the real data


@needs_shared_data
@pytest.mark.parametrize(("name", "questions", "spans"), [("train", 420, 1231), ("dev", 133, 367)])
def test_real_multispanqa(name: str, questions: int, spans: int) -> None:
    path = REAL / f"multispanqa-{name}.json.gz"
    found = load("multispanqa", path)
    assert (len(found), int(found.spans_due.sum()), int(found.spans_due.max())) == (questions, spans, 12)
    rows = json.loads(gzip.decompress(path.read_bytes()))["data"]
    assert found.spans_due.tolist() == [row["num_span"] for row in rows]
    for k, row in enumerate(rows):  # the texts, told once more from the labels
        said = " ".join(
            f"\n{t}" if b == "B" else t if b == "I" else "\n" for t, b in zip(row["context"], row["label"], strict=True)
        )
        assert [span[0].text for span in found.spans_of_answer(k)] == [
            text for text in map(str.strip, said.split("\n")) if text
        ]


@needs_shared_data
def test_real_qed() -> None:
    with pytest.warns(DataWarning, match="238 of 1,000 questions"):
        sentences = load("qed", REAL / "qed.jsonl.gz")
    assert (len(sentences), int(sentences.spans_due.sum())) == (762, 762)
    overlap = "1 question left out, two spans of which overlap"
    with pytest.warns(DataWarning, match="238 of 1,000"), pytest.warns(DataWarning, match=overlap):
        answers = load("qed", REAL / "qed.jsonl.gz", spans="answer", bad_answers="skip")
    assert (len(answers), int(answers.spans_due.sum())) == (761, 767)
    assert all(overlapping_spans(answers, row) is None for row in range(len(answers)))
    row_of = {name: row for row, name in enumerate(sentences.id)}
    elsewhere = 0  # the sentence may refer to an answer that an earlier one names
    for row, name in enumerate(answers.id):
        ((start, end),) = sentences.spans_of(row_of[name])
        elsewhere += not all(start <= a and b <= end for a, b in answers.spans_of(row))
    assert elsewhere == 54
