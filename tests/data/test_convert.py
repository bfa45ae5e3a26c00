"""Conversion there and back loses nothing, or is refused with what it would lose."""

from __future__ import annotations

import gzip
import json
import warnings
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow.parquet
import pytest
from hypothesis import given, settings

import qatk
from qatk.api import DataError, Examples, UsageError
from qatk.cli.reading import read_examples
from qatk.data import form_of, save
from qatk.plugins.host import PluginHost
from some_examples import some_examples, told
from squad_files import document, qa, write

NAMES = ["data.json", "data.json.gz", "data.jsonl", "data.jsonl.gz", "data.csv", "data.csv.gz", "data.parquet"]
CONTEXT = "Ada met Bob in Rome."
REASONS = {
    "squad": ("cannot hold answers of several spans", "has the name of a key"),
    "jsonl": ("is blank", "are blank", "empty answers", "would be read as something else", "of unknown place"),
}
REASONS["parquet"] = REASONS["jsonl"]
REASONS["csv"] = (*REASONS["jsonl"], "CSV cannot hold answers of several spans")


def read(host: PluginHost, path: Path, examples: Examples) -> Examples:
    """By the reader that the docs name for such a file, which keeps blank answers."""
    several = examples.answer_span is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_examples(host, "evidence" if several else None, str(path), ["bad_answers=keep"], whole=True)


def refusal(examples: Examples, path: Path) -> str | None:
    try:
        assert save(examples, path).form == form_of(path)
    except DataError as error:
        return str(error)
    return None


@settings(max_examples=150, deadline=None)
@given(examples=some_examples())
def test_there_and_back_loses_nothing_or_is_refused(host: PluginHost, examples: Examples) -> None:
    with TemporaryDirectory() as folder:
        for name in NAMES:
            path = Path(folder) / name
            if (refused := refusal(examples, path)) is not None:
                assert any(words in refused for words in REASONS[form_of(path)]), refused
                assert not path.exists()
            else:
                assert told(read(host, path, examples)) == told(examples)


@settings(max_examples=50, deadline=None)
@given(examples=some_examples(plain=True))
def test_plain_data_goes_through_all_forms(host: PluginHost, examples: Examples) -> None:
    with TemporaryDirectory() as folder:
        there = examples
        for name in NAMES:
            save(there, Path(folder) / name)
            there = read(host, Path(folder) / name, there)
            assert told(there) == told(examples)


def test_what_each_form_looks_like(tmp_path: Path, host: PluginHost) -> None:
    answers = [{"text": "Oslo", "answer_start": 15}, {"text": "Oslo"}]
    qas = [qa("007", level="hard", extra=[1]), qa("b", ("Riga", 0)), qa("c", ("Oslo", 15))]
    qas[0]["answers"] = answers
    qas[1]["answers"] = []
    source = write(tmp_path, document(*qas))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        examples = read_examples(host, None, str(source), [], whole=True)
    assert "columns that hold neither texts nor numbers are left out: extra" in str(said[0].message)
    for name in NAMES:
        save(examples, tmp_path / name)
    lines = [json.loads(line) for line in (tmp_path / "data.jsonl").read_text("utf-8").splitlines()]
    assert lines[0]["answers"] == {"text": ["Oslo", "Oslo"], "answer_start": [15, -1]}
    assert (lines[0]["id"], lines[0]["level"]) == ("007", "hard")
    assert lines[1]["answers"] == {"text": [], "answer_start": []}
    cells = (tmp_path / "data.csv").read_text("utf-8").splitlines()
    assert cells[0] == '"id","title","question","context","answers","answer_start","level"'
    assert cells[1].endswith('"[""Oslo"", ""Oslo""]","[15, -1]","hard"')
    assert cells[2].endswith(',"","",""')
    assert cells[3].endswith('"Oslo","15",""')
    squad = json.loads((tmp_path / "data.json").read_text("utf-8"))
    (paragraph,) = squad["data"][0]["paragraphs"]
    assert paragraph["qas"][0]["answers"] == answers
    assert [question["is_impossible"] for question in paragraph["qas"]] == [False, True, False]
    assert pyarrow.parquet.read_table(tmp_path / "data.parquet").column_names == list(lines[0])
    assert gzip.decompress((tmp_path / "data.csv.gz").read_bytes()) == (tmp_path / "data.csv").read_bytes()


def test_a_column_that_a_reader_of_cells_would_take_for_answers_is_refused(tmp_path: Path, host: PluginHost) -> None:
    rows = [
        {"question": "Who?", "context": "Ada did.", "answers": {"text": text, "answer_start": [0] * len(text)}}
        for text in (["Ada"], [])
    ]
    for labels, refused in ((["", "x"], True), (["x", ""], False), (["x", "x"], False)):
        given = [{"id": str(k), **row, "label": labels[k]} for k, row in enumerate(rows)]
        examples = Examples.from_rows(given, columns=["label"])
        said = refusal(examples, tmp_path / "a.csv")
        assert (said is not None and "'label' would be read as something else" in said) is refused
        if not refused:
            assert told(read(host, tmp_path / "a.csv", examples)) == told(examples)


def test_unlabelled_questions_keep_is_impossible(tmp_path: Path, host: PluginHost) -> None:
    asked = [{"id": str(k), "question": "?", "is_impossible": flag} for k, flag in enumerate((True, False, None))]
    source = write(tmp_path, document(*asked))
    for data in (qatk.data.read(source), read_examples(host, None, str(source), [], whole=True)):
        for name in NAMES:
            save(data, tmp_path / name)
            found = read_examples(host, None, str(tmp_path / name), [], whole=True)
            assert (found.has_gold, found.columns) == (False, {"is_impossible": ["true", "false", ""]})
        (paragraph,) = json.loads((tmp_path / "data.json").read_text("utf-8"))["data"][0]["paragraphs"]
        assert paragraph["qas"] == asked
    others = replace(found, columns={"is_impossible": ["true", "no", ""]})
    assert "has the name of a key" in (refusal(others, tmp_path / "data.json") or "")


def test_spans_that_overlap_are_kept_for_readers_to_refuse(tmp_path: Path) -> None:
    starts = np.array([0, 4], np.int32)
    gold = {"answer_offsets": np.array([0, 2]), "answer_start": starts, "answer_span": np.arange(2, dtype=np.int32)}
    examples = Examples(
        ["a"], ["?"], [""], [CONTEXT], np.zeros(1, np.int32), answer_text=["Ada met", "met Bob"], **gold
    )
    for name in ("data.jsonl", "data.parquet"):
        save(examples, tmp_path / name)
        found = qatk.data.read(tmp_path / name, "evidence")
        assert (list(found.answer_text), list(found.answer_start)) == (["Ada met", "met Bob"], [0, 4])
        assert "overlapping-spans" in {finding.kind for finding in qatk.data.check(found).errors}
        with pytest.raises(DataError, match="two spans that are both due overlap in 1 question"):
            qatk.data.strict(found)


def test_the_same_data_gives_the_same_bytes(tmp_path: Path) -> None:
    examples = Examples(["a"], ["?"], [""], ["c"], np.zeros(1, np.int32))
    for name in NAMES:
        save(examples, tmp_path / name)
        before = (tmp_path / name).read_bytes()
        save(examples, tmp_path / name)
        assert (tmp_path / name).read_bytes() == before


@pytest.mark.parametrize(
    ("name", "form", "said"),
    [
        ("data", None, "there is no ending to say the form"),
        ("data.xlsx", None, "the ending '.xlsx' says nothing of the form"),
        ("data.gz", None, "there is no ending"),
        ("data.json", "csv", "the ending .json says squad, not csv"),
        ("data.json", "xml", "there is no form 'xml'"),
        ("data.parquet.gz", None, "Parquet is compressed already"),
        ("data.csv.zst", None, "zstd files are read but not written"),
    ],
)
def test_an_ending_that_does_not_say_the_form(name: str, form: str | None, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        form_of(Path(name), form)
