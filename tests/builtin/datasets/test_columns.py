"""Further columns of data sets: read where they are asked for, and kept with their questions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from qatk.data import save
from qatk.errors import DataError, DataWarning
from qatk.types import Examples, columns_of_table
from qatk_builtin.datasets import SquadOptions
from qatk_builtin.datasets.squad import SquadDataset, read_squad
from squad_files import document, failure, qa, write


def table_examples(table: pa.Table, where: str, columns: Sequence[str] = ()) -> Examples:
    return Examples(**columns_of_table(table, where, columns))


def test_further_columns_are_read_where_they_are_asked_for(tmp_path: Path) -> None:
    keys = {"level": ["hard", None, ""], "age": [3, 4.5, None], "old": [True, False, None]}
    qas = [qa(str(i), ("Oslo", 15), **{key: values[i] for key, values in keys.items()}) for i in range(3)]
    path = write(tmp_path, document(*qas))
    assert read_squad(path).columns == {}
    examples = SquadDataset(SquadOptions(path=str(path), columns=["old", "level", "age"])).load()
    assert examples.columns == {
        "old": ["true", "false", ""],
        "level": ["hard", "", ""],
        "age": ["3", "4.5", ""],
    }
    assert examples.take([2, 0]).columns["age"] == ["", "3"]
    plain = read_squad(path)
    assert plain.digest() != examples.digest()
    assert (
        plain.digest() == read_squad(write(tmp_path, document(*(qa(q["id"], ("Oslo", 15)) for q in qas)), "b")).digest()
    )


def test_keys_of_articles_and_paragraphs_are_columns_too(tmp_path: Path) -> None:
    data = document({**qa("a", ("Oslo", 15)), "level": "hard"}, qa("b"))
    data["data"][0] |= {"source": "wiki", "level": "easy", "authors": ["Ann"]}
    data["data"][0]["paragraphs"][0] |= {"page": 4, "id": "p1", "title": "Section 1"}
    data["data"][0]["paragraphs"][0]["qas"][0]["answers"][0]["worker"] = 7
    dataset = SquadDataset(SquadOptions(path=str(write(tmp_path, data))))
    with pytest.warns(DataWarning) as caught:
        examples = dataset.load_whole()
    assert examples.columns == {"source": ["wiki"] * 2, "level": ["hard", "easy"], "page": ["4", "4"]}
    assert [str(each.message).partition(": ")[2] for each in caught] == [
        "keys of answers are left out: worker",
        "keys of paragraphs or articles that questions have too are left out: level, id, title",
        "columns that hold neither texts nor numbers are left out: authors",
    ]
    for name in ("saved.jsonl", "saved.csv"):
        save(examples, tmp_path / name)
    named = SquadDataset(SquadOptions(path=dataset.options.path, columns=["page", "title"]))
    assert named.load().columns == {"page": ["4", "4"], "title": ["Section 1"] * 2}


def test_columns_that_are_not_there_or_hold_more_than_a_value(tmp_path: Path) -> None:
    path = write(tmp_path, document(qa("a", ("Oslo", 15), level=["hard"])))
    assert "no question has a value for 'levle' (keys found: answers, id, level, question)" in failure(
        path, columns=["levle"]
    )
    assert "'level' of question 0 holds list" in failure(path, columns=["level"])


def test_columns_stay_with_their_questions_where_bad_ones_are_left_out(tmp_path: Path) -> None:
    path = write(tmp_path, document(qa("a", ("Riga", 0), level="x"), qa("b", ("Oslo", 15), level="y")))
    with pytest.warns(DataWarning):
        examples = read_squad(path, "skip", ["level"])
    assert (list(examples.id), examples.columns) == (["b"], {"level": ["y"]})


def test_further_columns_of_a_table() -> None:
    rows = {"id": ["a", "b"], "context": ["c", "c"], "question": ["?", "!"], "level": ["hard", None], "age": [1, 2]}

    def read(*columns: str) -> Examples:
        return table_examples(pa.table(rows), "here", columns)

    assert read().columns == {}
    assert read("level", "age").columns == {"level": ["hard", ""], "age": ["1", "2"]}
    with pytest.raises(DataError, match=r"'levels' \(keys found: age, context, id, level, question"):
        read("levels")


def test_values_of_frames_as_texts() -> None:
    rows = {"context": ["c"], "question": ["?"], "price": [Decimal("1.50")], "day": [date(2024, 2, 1)], "raw": [b"x"]}
    with pytest.warns(DataWarning, match="neither texts nor numbers are left out: raw"):
        examples = table_examples(pa.table(rows), "here", ["*"])
    assert examples.columns == {"price": ["1.50"], "day": ["2024-02-01"]}
    with pytest.raises(DataError, match="'raw' of question 0 holds bytes"):
        table_examples(pa.table(rows), "here", ["raw"])
