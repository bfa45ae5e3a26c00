"""Datasets give what stands in their source, right or wrong; what they load is that, held to the rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qatk.data import strict
from qatk.errors import DataError
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
    assert raw.place(1) == "row 1"


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
