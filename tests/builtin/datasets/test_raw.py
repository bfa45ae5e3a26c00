"""Datasets give what stands in their source, right or wrong; what they load is that, held to the rules."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qatk.data import strict
from qatk.errors import DataError, DataWarning
from qatk.plugins.host import PluginHost
from qatk.plugins.live import LiveDataset
from qatk.types import RawExamples
from squad_files import document, qa, write

BROKEN = document(
    qa("a", ("Bob", 3)),
    qa("a", ("Eve", 0), ("Oslo", -7), ("May", 10**30)),
    {"id": "b", "question": "", "is_impossible": False, "answers": []},
    {"id": "c", "question": "No answers?"},
    {"id": "d", "question": "\ud800", "answers": [{"text": ""}], "is_impossible": True},
)


def raw_of(host: PluginHost, use: str, **options: Any) -> RawExamples:
    return host.live(LiveDataset, "dataset", use, options).raw()


def test_a_squad_file_comes_as_it_stands(host: PluginHost, tmp_path: Path) -> None:
    raw = raw_of(host, "squad", path=str(write(tmp_path, BROKEN)))
    assert list(raw.id) == ["a", "a", "b", "c", "d"]
    assert list(raw.answer_text) == ["Bob", "Eve", "Oslo", "May", ""]
    assert list(raw.answer_start) == [3, 0, -7, 10**30, None]
    assert raw.answer_offsets.tolist() == [0, 1, 4, 4, 4, 5]
    assert raw.has_gold.tolist() == [True, True, True, False, True]
    assert list(raw.impossible) == [None, None, False, None, True]
    assert raw.question[4] == "\ud800"


def test_places_name_article_paragraph_and_question(host: PluginHost, tmp_path: Path) -> None:
    one = document(qa("a"), qa("b"))["data"][0]["paragraphs"]
    data = {"data": [{"paragraphs": one}, {"paragraphs": [{"context": "x", "qas": []}, *one]}]}
    raw = raw_of(host, "squad", path=str(write(tmp_path, data)))
    assert [raw.place(row) for row in range(len(raw))] == [
        "data[0].paragraphs[0].qas[0]",
        "data[0].paragraphs[0].qas[1]",
        "data[1].paragraphs[1].qas[0]",
        "data[1].paragraphs[1].qas[1]",
    ]


def test_rows_keep_their_blanks_and_starts(host: PluginHost, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('id,question,context,answers,answer_start\n7,"  ",In Oslo.,Rome,3\n7,Where?,,"[""x"", ""y""]",\n')
    raw = raw_of(host, "table", path=str(path))
    assert (list(raw.id), list(raw.question), list(raw.context)) == (["7", "7"], ["  ", "Where?"], ["In Oslo.", ""])
    assert (list(raw.answer_text), list(raw.answer_start)) == (["Rome", "x", "y"], [3, None, None])
    assert raw.place(1) == f"{path}: row 3"


LEFT_OUT = "ignore:.*(left out|usual names):qatk.errors.DataWarning"


@pytest.mark.filterwarnings(LEFT_OUT)
@pytest.mark.parametrize(
    ("name", "text", "places"),
    [
        ("a.csv", "question,context\nq,c\nq,d\n", [": row 2", ": row 3"]),
        ("a.csv", 'question,context\r\nq,c\r\n,\r\n\r\nq,"c\n\n""d"""\r\n\r\nq,d', [": row 2", ": row 5", ": row 7"]),
        ("a.csv", "\n,\nquestion,context\nq,c\n\nq,d\n", [": row 4", ": row 6"]),
        ("a.csv", "sep=;\nquestion;context\nq;c\nq;d\n", [": row 2", ": row 3"]),
        ("a.csv", 'question,context\nq,say "\n\nq,d"\n', [": row 2", ": row 3"]),
        ("a.jsonl", '\n{"question": "q", "context": "c"}\n\n{"question": "q", "context": "d"}\n', [":2", ":4"]),
        ("a.json", '[{"question": "q", "context": "c"}, {"question": "q", "context": "d"}]', [": [0]", ": [1]"]),
        ("a.json", '{"data": [{"question": "q", "context": "c"}]}', [": data[0]"]),
    ],
)
def test_places_are_those_that_an_editor_shows(
    name: str, text: str, places: list[str], host: PluginHost, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(text.encode())
    raw = raw_of(host, "table", path=str(tmp_path / name))
    assert [raw.place(row) for row in range(len(raw))] == [f"{tmp_path / name}{place}" for place in places]
    assert [raw.name_of(row) for row in range(len(raw))] == [raw.place(row) for row in range(len(raw))]


@pytest.mark.parametrize(
    ("use", "lines", "places"),
    [
        ("evidence", [{"id": name, "question": "q", "context": "c", "spans": []} for name in "ab"], [":2", ":4"]),
        ("doccano", [{"text": "c", "question": "q", "label": []}] * 2, [":2", ":4"]),
        (
            "mrqa",
            [{"context": "c", "qas": [{"qid": name, "question": "q"} for name in names]} for names in ("a", "bc")],
            [":2: qas[0]", ":4: qas[0]", ":4: qas[1]"],
        ),
        (
            "qed",
            [
                {
                    "example_id": 1,
                    "question_text": "q",
                    "paragraph_text": "c",
                    "annotation": {"explanation_type": kind, "selected_sentence": {"string": "c", "start": 0}},
                }
                for kind in ("none", "single_sentence")
            ],
            [":4"],
        ),
    ],
)
def test_places_of_lines_are_their_numbers(
    use: str, lines: list[dict[str, Any]], places: list[str], host: PluginHost, tmp_path: Path
) -> None:
    (path := tmp_path / "a.jsonl").write_text("".join(f"\n{json.dumps(line)}\n" for line in lines))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        raw = raw_of(host, use, path=str(path))
    assert [raw.place(row) for row in range(len(raw))] == [f"{path}{place}" for place in places]


def test_places_in_lists_are_their_numbers(host: PluginHost, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    tasks = [{"id": k, "data": {"text": "c", "question": "q"}, "annotations": []} for k in range(2)]
    tokens = [{"id": k, "question": ["q"], "context": ["c"]} for k in range(2)]
    for use, document_of, expected in (
        ("label-studio", tasks, [f"{path}: [0]", f"{path}: [1]"]),
        ("multispanqa", {"data": tokens}, ["data[0]", "data[1]"]),
    ):
        path.write_text(json.dumps(document_of))
        raw = raw_of(host, use, path=str(path))
        assert [raw.place(row) for row in range(len(raw))] == expected


@pytest.mark.filterwarnings(LEFT_OUT)
def test_rows_of_several_files_are_found_in_their_own(host: PluginHost, tmp_path: Path) -> None:
    for name, rows in (("a.csv", "1,q,c\n,,\n2,q,d\n"), ("b.csv", "3,q,e\n")):
        (tmp_path / name).write_text(f"id,question,context\n{rows}")
    pq.write_table(pa.table({"id": ["4"], "question": ["q"], "context": ["f"]}), tmp_path / "c.parquet")
    raw = raw_of(host, "table", path=str(tmp_path / "*.*"))
    assert [raw.place(row).removeprefix(f"{tmp_path}/") for row in range(4)] == [
        *("a.csv: row 2", "a.csv: row 4", "b.csv: row 2", "c.parquet: row 2")
    ]
    assert [raw.name_of(row) for row in range(4)] == ["1", "2", "3", "4"]


def test_what_is_in_order_is_what_is_loaded(host: PluginHost, tmp_path: Path) -> None:
    path = write(tmp_path, document(qa("a", ("Bob", 8), ("Ann", 0)), qa("b", ("Oslo", 15)), qa("c")))
    live = host.live(LiveDataset, "dataset", "squad", {"path": str(path)})
    assert strict(live.raw(), "error", "x").digest() == live.load().digest()
    facts = host.live(LiveDataset, "dataset", "facts", {"questions": 20, "lists": 0.5})
    assert strict(facts.raw(), "error", "x").digest() == facts.load().digest()


def test_data_without_gold_stays_so(host: PluginHost, tmp_path: Path) -> None:
    path = write(tmp_path, document({"id": "a", "question": "Who?"}))
    raw = raw_of(host, "squad", path=str(path))
    assert not raw.has_gold.any()
    assert not strict(raw, "error", "x").has_gold
    assert not raw_of(host, "squad", path=str(path)).has_gold.any()


def test_only_the_form_is_refused(host: PluginHost, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="should be a text"):
        raw_of(host, "squad", path=str(write(tmp_path, document({"id": "a", "question": 3}))))
    path = tmp_path / "spans.jsonl"
    path.write_text(
        json.dumps({"id": 1, "question": "Q", "context": "Oslo", "spans": [{"char_start": 2, "text": "x"}]})
    )
    assert list(raw_of(host, "evidence", path=str(path)).answer_text) == ["x"]
