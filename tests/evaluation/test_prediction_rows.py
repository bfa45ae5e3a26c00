"""Predictions of several spans in files: lists of texts, JSON Lines, Parquet; and where their texts stand."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qatk.errors import DataError, PredictionsError, QatkError, UsageError
from qatk.evaluation.evaluate import evaluate, evaluate_examples
from qatk.evaluation.prediction_files import official_form, read_null_odds, read_predictions
from qatk.evaluation.prediction_tables import DELIMITERS, write_table
from qatk.types import Examples, Span
from several_cases import examples_of_spans

EXAMPLES = examples_of_spans([["Arlen"], ["Borsk"]], [["Cadiz"]], [])
LISTS = {"q0": ["Borsk", "Arlen"], "q1": ["Cadiz"], "q2": []}


def test_lists_of_texts_are_spans(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(json.dumps(LISTS))
    found = evaluate(EXAMPLES, tmp_path / "p.json")
    assert (found.metrics["exact"], found.metrics["NoAns_exact"]) == (100, 100)
    assert [(s.text, s.char_start, s.char_end) for s in found.predictions.spans(0)] == [
        ("Arlen", 3, 8),
        ("Borsk", 11, 16),
    ]
    assert found.predictions.text == ["Arlen", "Cadiz", ""]
    assert official_form(EXAMPLES.id, found.predictions) == LISTS | {"q0": ["Arlen", "Borsk"]}


def test_lists_of_one_text_are_the_official_form() -> None:
    found = evaluate_examples(EXAMPLES, {"q0": ["Arlen"], "q1": ["Cadiz"], "q2": []})
    texts = {"q0": "Arlen", "q1": "Cadiz", "q2": ""}
    other = evaluate_examples(EXAMPLES, texts)
    assert found.predictions.several is None
    assert found.metrics == other.metrics
    assert found.predictions.char_start.tolist() == other.predictions.char_start.tolist()
    assert official_form(EXAMPLES.id, found.predictions) == texts


ROWS: list[dict[str, Any]] = [
    {"id": "q0", "spans": [{"text": "Borsk", "start": 11, "end": 16, "score": 2.5}, "Arlen"]},
    {"id": "q1", "answer": "Cadiz"},
    {"id": "q2", "answer": "", "spans": [{"text": "1", "start": 0, "score": 9}]},
]


TEXTS: list[dict[str, Any]] = [
    {"id": "q0", "answer": "Arlen"},
    {"id": "q1", "answer": "Borsk"},
    {"id": "q2", "answer": "x"},
]


@pytest.mark.parametrize("name", ["p.jsonl", "p.jsonl.gz", "p.ndjson", "P.JSONL", "p.ndjson.GZ", "p.jsonl.zst"])
def test_json_lines(tmp_path: Path, name: str) -> None:
    text = "\n\n".join(map(json.dumps, ROWS)).encode()
    if name.endswith(".zst"):
        text = pa.compress(text, "zstd", asbytes=True)
    (tmp_path / name).write_bytes(gzip.compress(text) if name.lower().endswith(".gz") else text)
    found = evaluate(EXAMPLES, tmp_path / name)
    assert found.per_question["exact"].tolist() == [1, 1, 1]
    assert found.predictions.text == ["Borsk", "Cadiz", ""]  # the best span, by the score that one has
    assert found.predictions.spans(0)[1] == Span("Borsk", 11, 16, 2.5)


def test_parquet_as_a_run_writes_it(tmp_path: Path) -> None:
    from qatk.run_folder.examples_table import write_examples

    before = evaluate_examples(EXAMPLES, LISTS)
    write_examples(tmp_path / "examples.parquet", before)
    after = evaluate(EXAMPLES, tmp_path / "examples.parquet")
    assert after.metrics == before.metrics
    assert official_form(EXAMPLES.id, after.predictions) == official_form(EXAMPLES.id, before.predictions)


def test_parquet_of_single_answers(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["q0", "q1", "q2"], "answer": ["Arlen", "", "x"]}), tmp_path / "p.parquet")
    assert read_predictions(tmp_path / "p.parquet") == {"q0": ["Arlen"], "q1": [], "q2": ["x"]}


@pytest.mark.parametrize("name", ["p.jsonl", "p.parquet", "p.csv"])
def test_rows_bring_their_null_odds(tmp_path: Path, name: str) -> None:
    odds = {"q0": -2.0, "q1": 1.5, "q2": 3}

    def write(values: dict[str, float], to: str) -> Path:
        rows = [{**row, "null_odds": values.get(row["id"])} for row in TEXTS]
        if name.endswith(".parquet"):
            pq.write_table(pa.Table.from_pylist(rows), tmp_path / f"{to}.parquet")
        elif name.endswith(".csv"):
            cells = [
                ["" if value is None else str(value).replace("nan", "NaN") for value in row.values()] for row in rows
            ]
            (tmp_path / f"{to}.csv").write_text("\n".join(map(",".join, [list(rows[0]), *cells])))
        else:
            (tmp_path / f"{to}.jsonl").write_text("\n".join(map(json.dumps, rows)))
        return tmp_path / f"{to}{Path(name).suffix}"

    due = evaluate(EXAMPLES, said := {row["id"]: row["answer"] for row in TEXTS}, null_odds=odds).metrics
    assert "best_f1" in due
    full = write(odds, "p")
    assert evaluate(EXAMPLES, full).metrics == due
    assert evaluate(EXAMPLES, said, null_odds=full).metrics == due
    other = evaluate(EXAMPLES, full, null_odds={"q0": 9.0, "q1": 1.5, "q2": -3.0}).metrics
    assert other["best_f1_thresh"] != due["best_f1_thresh"]
    for lacking in ({"q0": -2.0, "q2": 3.0}, {**odds, "q1": float("nan")}):
        part = write(lacking, "part")
        assert "best_f1" not in evaluate(EXAMPLES, part).metrics
        with pytest.raises(PredictionsError, match=rf"part{Path(name).suffix}: 1 question id has no null odds: q1"):
            read_null_odds(part)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('["q1", 1.0]', r"odds\.jsonl:2: the row has no 'id'"),
        ('{"null_odds": 1}', r"odds\.jsonl:2: the row has no 'id'"),
        ('{"id": "q0", "null_odds": 1}', "1 question id occurs twice: q0"),
        ('{"id": "q1", "null_odds": "high"}', "1 question id has no null odds: q1"),
    ],
)
def test_odds_that_are_refused(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "odds.jsonl").write_text(f'{{"id": "q0", "null_odds": 0}}\n{line}\n')
    with pytest.raises(QatkError, match=message):
        read_null_odds(tmp_path / "odds.jsonl")


def test_ids_that_are_numbers_are_texts(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text('{"id": 7, "spans": []}')
    assert read_predictions(tmp_path / "p.jsonl") == {"7": []}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('["Arlen"]', r"p\.jsonl:2: \['Arlen'\] instead of an object"),
        ('{"answer": "x"}', r"p\.jsonl:2: 'id' is nothing"),
        ('{"id": true, "answer": "x"}', "'id' is True"),
        ('{"id": "q9"}', "question 'q9' has neither an 'answer' nor 'spans'"),
        ('{"id": "q9", "answer": ["x"]}', r"the 'answer' of question 'q9' is \['x'\]"),
        ('{"id": "q9", "spans": "x"}', "the 'spans' of question 'q9' are 'x'"),
        ('{"id": "q9", "spans": [""]}', "question 'q9' has the span"),
        ('{"id": "q9", "spans": [{"start": 1}]}', "question 'q9' has the span {'start': 1}"),
        ('{"id": "q9", "spans": [{"text": "ab", "start": "1"}]}', "start of a span of question 'q9' is '1'"),
        ('{"id": "q9", "spans": [{"text": "ab", "score": "high"}]}', "score of a span of question 'q9' is 'high'"),
        (
            '{"id": "q9", "spans": [{"text": "ab", "start": 1, "end": 4}]}',
            "the span 'ab' of question 'q9' is at 1 to 4, but ends at 3",
        ),
        ('{"id": "q0", "spans": []}', "1 question id occurs twice: q0\n  keep one line for each id"),
        ('{"id": "q9"', r"p\.jsonl:2: this line is not JSON: Expecting ',' delimiter"),
    ],
)
def test_rows_that_are_refused(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "p.jsonl").write_text(f'{{"id": "q0", "spans": []}}\n{line}\n')
    with pytest.raises(QatkError, match=message) as caught:
        read_predictions(tmp_path / "p.jsonl")
    assert caught.value.exit_code == 1


def test_cells_hold_every_text(tmp_path: Path) -> None:
    texts = ['a "b", c', "two\nlines\r\nand\ra\ttab", "=1+1", "", "12"]
    places = [(3, 3 + len(text)) if text else (-1, -1) for text in texts]
    sure = {"probability": 0.25, "no_answer_probability": 0.5, "null_odds": None}
    rows: list[dict[str, Any]] = [
        {"id": str(row), "question": text, "answer": text, "start": start, "end": end, **sure}
        for row, (text, (start, end)) in enumerate(zip(texts, places, strict=True))
    ]
    rows[4]["spans"] = [{"text": "1", "start": 3, "end": 4, "score": 0.5}, {"text": "2"}]
    for name, delimiter in DELIMITERS.items():
        path = tmp_path / f"p{name}"
        with path.open("w", encoding="utf-8", newline="") as file:
            write_table(file, rows, delimiter, several=True)
        found = read_predictions(path)
        assert [[span.text for span in spans] for spans in list(found.values())[:4]] == [[t] for t in texts[:3]] + [[]]
        assert [span[:3] for span in found["4"]] == [("1", 3, 4), ("2", -1, -1)]


@pytest.mark.parametrize("packed", [False, True])
def test_a_table_of_another_program_needs_two_columns(tmp_path: Path, packed: bool) -> None:
    text = "\ufeffanswer,more,id\r\nArlen,1,q0\r\n\r\n,2,q2\r\n".encode()
    path = tmp_path / ("p.csv.gz" if packed else "p.csv")
    path.write_bytes(gzip.compress(text) if packed else text)
    assert read_predictions(path) == {"q0": ["Arlen"], "q2": []}


def test_a_table_of_spans_alone(tmp_path: Path) -> None:
    (tmp_path / "p.tsv").write_text('id\tspans\nq0\t["Arlen", {"text": "Bree", "char_start": 9}]\nq1\t[]\n')
    found = read_predictions(tmp_path / "p.tsv")
    assert {name: [span[:2] for span in spans] for name, spans in found.items()} == {
        "q0": [("Arlen", -1), ("Bree", 9)],
        "q1": [],
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.csv", "id;answer;null_odds\nq0;Arlen;1,5\nq1;;-2\n"),
        ("p.csv", 'sep=;\r\nID; Answer ;Null_Odds;\r\n"q0";"Arlen";1,5;\r\nq1;;-2;\r\n;;;\r\n;;;\r\n'),
        ("p.csv", ",,\n,,\nID,Answer,null_odds\nq0,Arlen,1.5\nq1,,-2\n,,\n"),
        ("p.tsv", "ID\tAnswer\tnull_odds\nq0\tArlen\t1.5\nq1\t\t-2\n\t\t\n"),
    ],
)
def test_tables_as_spreadsheets_write_them(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, newline="")
    assert read_predictions(tmp_path / name) == {"q0": ["Arlen"], "q1": []}
    assert read_null_odds(tmp_path / name) == {"q0": 1.5, "q1": -2.0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"p\.csv:1: the header has no column 'id'\n.*with commas or semicolons between"),
        ("sep=;\nid,answer\nq0,x", r"p\.csv:2: the header has no column 'id'"),
        ("id|answer\nq0|x", r"p\.csv:1: the header has no column 'id'"),
        ("sep=;\n;\nID;Answer;Start\n;;\nq0;x;here", r"p\.csv:5: 'start' is 'here'"),
        ("id,said\nq0,x", r"p\.csv:2: question 'q0' has neither an 'answer' nor 'spans'"),
        ("id,answer\n", "the file has no rows"),
        ("id,answer\nq0", r"p\.csv:2: question 'q0' has neither an 'answer' nor 'spans'"),
        ("id,answer,start\nq0,x,here", r"p\.csv:2: 'start' is 'here'"),
        ("id,answer,spans\nq0,x,[", r"p\.csv:2: 'spans' is '\['"),
        ("id,answer\nq0,x\nq0,y", "1 question id occurs twice: q0"),
        (f"id,answer\nq0,{'x' * 200_000}", r"p\.csv:2: the row cannot be read: field larger"),
    ],
)
def test_tables_that_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(QatkError, match=message):
        read_predictions(tmp_path / "p.csv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"q0": ["a"], "q1": "b"}', "question 'q0' has a list of texts, question 'q1' a text alone"),
        ('{"q0": ["a", ""]}', r'question \'q0\' has \["a", ""\] instead of answer texts'),
        ('{"q0": ["a", 1]}', r"question 'q0' has \[\"a\", 1.0\] instead of answer texts"),
        ('{"q0": [["a"]]}', "instead of answer texts"),
    ],
)
def test_lists_that_are_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "p.json").write_text(content)
    with pytest.raises(DataError, match=message):
        read_predictions(tmp_path / "p.json")


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "p.parquet").write_text("no Parquet")
    (tmp_path / "empty.jsonl").write_text("\n")
    for name, message in (("p.parquet", "this is no Parquet file"), ("empty.jsonl", "the file has no rows")):
        with pytest.raises(DataError, match=message):
            read_predictions(tmp_path / name)
    for name in ("absent.parquet", "absent.jsonl"):
        with pytest.raises(UsageError, match="there is no such file"):
            read_predictions(tmp_path / name)


def test_a_place_where_the_context_has_another_text_is_refused() -> None:
    said = {"q0": [Span("Arlen", 4, 9, 1.0)], "q1": [], "q2": []}
    with pytest.raises(PredictionsError, match="'q0' is said to have 'Arlen' at 4, where its context has 'rlen '"):
        evaluate_examples(EXAMPLES, said)


def placed(context: str, golds: list[tuple[str, int]], said: list[str]) -> list[int]:
    n = len(golds)
    examples = Examples(
        ["q"],
        ["?"],
        [""],
        [context],
        np.zeros(1, np.int32),
        np.array([0, n], np.int64),
        [text for text, _ in golds],
        np.array([start for _, start in golds], np.int32),
        answer_span=np.arange(n, dtype=np.int32),
    )
    found = evaluate_examples(examples, {"q": said}).predictions
    return [span.char_start for span in found.spans(0)]


def test_equal_texts_stand_in_different_places_next_to_the_gold() -> None:
    assert placed("ab ab ab", [("ab", 3), ("ab", 6)], ["ab", "ab"]) == [3, 6]
    assert placed("ab ab ab", [("ab", 6)], ["ab"]) == [6]
    assert placed("ab ab ab", [], ["ab", "ab", "ab"]) == [0, 3, 6]
    assert placed("ab cd", [("ab", 0)], ["ab", "ab", "x", "cd"]) == [0, 0, 3, -1]  # nothing is left, and is told so
    assert placed("a ab", [("a", 0)], ["ab", "a"]) == [0, 2]


@pytest.mark.parametrize("ending", [".jsonl", ".parquet", ".csv"])
def test_names_beside_gold_are_read_too(ending: str, tmp_path: Path) -> None:
    """As in ``examples.parquet``; an ``answer`` beside a ``prediction`` is gold."""
    spans = [{"text": "Arlen", "char_start": 3, "char_end": 8, "score": None}, {"text": "Borsk", "char_start": 11}]
    rows: list[dict[str, Any]] = [
        {"id": "q0", "answer": "Cadiz", "prediction": "Arlen", "spans": spans, "char_start": 3, "char_end": 8},
        {"id": "q1", "answer": "Cadiz", "prediction": "Cadiz", "spans": [], "char_start": 3, "char_end": 8},
        {"id": "q2", "answer": "Arlen", "prediction": "", "spans": [], "char_start": -1, "char_end": -1},
    ]
    path = tmp_path / f"p{ending}"
    if ending == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif ending == ".jsonl":
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, list(rows[0]))
            table.writeheader()
            table.writerows({**row, "spans": json.dumps(row["spans"])} for row in rows)
    found = read_predictions(path)
    places = [[span[:3] for span in said if isinstance(span, Span)] for said in found.values()]
    assert places == [[("Arlen", 3, 8), ("Borsk", 11, 16)], [("Cadiz", 3, 8)], []]
