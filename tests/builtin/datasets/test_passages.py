"""Passages without questions, out of text files and tables."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pytest

from qatk.api import DataError, UsageError
from qatk.plugins.host import PluginHost
from qatk.testing import check_component

NILE, ADA, OSLO = "The Nile is a river.\nThe Nile is long.", "Ada met Babbage.", "In Oslo it snows."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text(f"\n\n{NILE}\r\n \t\n{ADA}\n\n\n", newline="")
    (tmp_path / "b.jsonl").write_text(f'{{"text": "  {OSLO}"}}\n{{"text": "{ADA}"}}\n{{"text": null}}\n')
    (tmp_path / "c.txt.gz").write_bytes(gzip.compress(b"One.\n\nTwo."))
    return tmp_path


def test_each_passage_is_there_once_and_answers_nothing(folder: Path, host: PluginHost) -> None:
    path = [str(folder / "*.txt*"), str(folder / "b.jsonl")]
    found = host.build("dataset", "passages", {"path": path}).load()
    assert list(found.context) == [NILE, ADA, "One.", "Two.", OSLO]
    assert list(found.title) == ["a.txt", "a.txt", "c.txt.gz", "c.txt.gz", "b.jsonl"]
    assert found.has_gold
    assert not found.has_answer.any()
    assert set(found.question) == {""}
    rows = host.build("dataset", "passages", {"path": str(folder / "b.jsonl"), "column": "text"}).load()
    assert list(rows.context) == [OSLO, ADA]
    check_component("dataset", "passages", {"path": path}, host=host)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([OSLO, ADA, OSLO, None]).dictionary_encode(),
        pa.array([OSLO.encode(), ADA.encode(), None, b" "]),
        pa.array([OSLO, ADA, "", None], pa.string_view()),
    ],
)
def test_columns_are_read_as_by_table(column: pa.Array, folder: Path, host: PluginHost) -> None:
    table = pa.table({"text": column})
    with pa.ipc.new_file(str(folder / "d.arrow"), table.schema) as file:
        file.write_table(table)
    assert list(host.build("dataset", "passages", {"path": str(folder / "d.arrow")}).load().context) == [OSLO, ADA]


def test_they_become_questions_by_their_recurring_spans(folder: Path, host: PluginHost) -> None:
    passages = {"use": "passages", "path": str(folder / "a.txt")}
    found = host.build("dataset", "augment", {"set": passages, "recurring": 1.0, "originals": False}).load()
    assert found.has_answer.all()
    assert set(found.answer_text) == {"The Nile"}
    assert all("[MASK]" in question for question in found.question)


def test_what_holds_no_passages_is_said(folder: Path, host: PluginHost) -> None:
    (folder / "empty.txt").write_text(" \n\n \n")
    (folder / "other.csv").write_text("a,b\n1,2\n")
    (folder / "word.doc").write_text("x")
    (folder / "number.jsonl").write_text('{"text": 1}')
    for name, kind, said in (
        ("empty.txt", DataError, "there is no passage"),
        ("other.csv", DataError, "there is no column 'context' or .*columns found: 'a', 'b'"),
        ("word.doc", UsageError, "passages are not read from a file that ends in .doc\n  endings are .txt, .csv"),
        ("gone.txt", UsageError, "gone.txt"),
    ):
        with pytest.raises(kind, match=f"(?s){said}"):
            host.build("dataset", "passages", {"path": str(folder / name)}).load()
    with pytest.raises(DataError, match="the column 'text' holds int64, not text\n  column: NAME says which one holds"):
        host.build("dataset", "passages", {"path": str(folder / "number.jsonl")}).load()
