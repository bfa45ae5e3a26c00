"""Rows at hand, in whatever form, to the same examples."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, get_args

import datasets
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import qatk
from qatk.errors import DataError, DataWarning, QatkError, UsageError
from qatk.types import Examples, tables
from qatk.types.starts import Ambiguous
from qatk.types.tables import Columns

OSLO = "Ann met Bob in Oslo. Oslo is old."
ROWS: list[dict[str, Any]] = [
    {"id": "a", "question": "Where?", "context": OSLO, "answers": {"text": ["Oslo"], "answer_start": [15]}, "n": 1},
    {"id": "b", "question": "When?", "context": "Riga is old.", "answers": {"text": [], "answer_start": []}, "n": 2},
    {"id": "c", "question": "Who?", "context": OSLO, "answers": {"text": ["Bob"], "answer_start": [8]}, "n": 3},
]
COLUMNS = {name: [row[name] for row in ROWS] for name in ROWS[0]}
FORMS: dict[str, Callable[[dict[str, list[Any]]], object]] = {
    "list": lambda columns: [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)],
    "dict": dict,
    "pandas": pd.DataFrame,
    "pandas with an index": lambda columns: pd.DataFrame(columns, index=list("xyz")[: len(columns["question"])]),
    "polars": pl.DataFrame,
    "datasets": datasets.Dataset.from_dict,
    "datasets, selected": lambda columns: datasets.Dataset.from_dict(
        {name: [*reversed(column)] for name, column in columns.items()}
    ).select(range(len(columns["question"]) - 1, -1, -1)),
    "arrow": pa.table,
    "arrow reader": lambda columns: pa.RecordBatchReader.from_batches(
        pa.table(columns).schema, pa.table(columns).to_batches()
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_examples(form: str) -> None:
    examples = qatk.Examples.from_rows(FORMS[form](COLUMNS), columns=["n"])
    assert isinstance(examples, Examples)
    assert examples.digest() == Examples.from_rows(ROWS, columns=["n"]).digest()
    assert list(examples.id) == ["a", "b", "c"]
    assert list(examples.context) == [OSLO, "Riga is old."]
    assert [examples.answers_of(row) for row in range(3)] == [["Oslo"], [], ["Bob"]]
    assert examples.answer_start.tolist() == [15, 8]
    assert examples.columns == {"n": ["1", "2", "3"]}


@pytest.mark.parametrize("form", FORMS)
def test_whole_numbers_are_answers_beside_questions_without_one(form: str) -> None:
    columns = {"question": ["When?", "Who?", "How many?"], "context": ["In 1843.", "Nobody.", "Of 3 men."]}
    examples = Examples.from_rows(FORMS[form]({**columns, "answers": [1843, None, 3]}))
    assert [examples.answers_of(row) for row in range(3)] == [["1843"], [], ["3"]]


@pytest.mark.parametrize("form", ["list", "dict", "pandas", "polars", "datasets"])
def test_a_column_map_guesses_and_ambiguous_answers(form: str) -> None:
    columns = {"query": ["Where?", "When?"], "body": [OSLO, "Riga is old."], "reply": ["Oslo", None]}
    said = {"context": "body", "answers": "reply"}
    with pytest.warns(DataWarning) as caught:
        first = Examples.from_rows(FORMS[form](columns), roles=said)
    assert [str(each.message) for each in caught] == [
        "the rows: columns by their usual names: question is 'query'",
        f"the rows: 1 answer stands several times in the context ({first.id[0]}): the first place is taken "
        "(ambiguous: first)",
    ] or "row 0" in str(caught[1].message)
    assert first.spans_of(0) == [(15, 19)]
    assert first.answers_of(1) == []
    with pytest.warns(DataWarning):
        assert Examples.from_rows(FORMS[form](columns), roles=said, ambiguous="last").spans_of(0) == [(21, 25)]
    with pytest.warns(DataWarning):
        assert Examples.from_rows(FORMS[form](columns), roles=said).id == first.id


def test_an_answer_stands_at_whole_words(recwarn: pytest.WarningsRecorder) -> None:
    context = "In 1985 the start of the art school: it had 5 bells, and he rang them."
    rows = [{"question": f"{text}?", "context": context, "answers": text} for text in ("5", "art", "he")]
    for ambiguous in get_args(Ambiguous):
        assert Examples.from_rows(rows, ambiguous=ambiguous).answer_start.tolist() == [44, 25, 57]


def test_nan_is_null(recwarn: pytest.WarningsRecorder) -> None:
    columns = {**COLUMNS, "answers": ["Oslo. Oslo", math.nan, "Bob"], "title": ["T", math.nan, "U"]}
    columns |= {"seen": [pd.Timestamp(2026, 1, 1), pd.NaT, pd.NaT], "hard": [True, pd.NA, None]}
    for form in ("list", "dict", "pandas"):
        examples = Examples.from_rows(FORMS[form](columns), columns=["seen", "hard"])
        assert {name: list(values) for name, values in examples.columns.items()} == {
            "seen": ["2026-01-01T00:00:00", "", ""],
            "hard": ["true", "", ""],
        }
        assert [examples.answers_of(row) for row in range(3)] == [["Oslo. Oslo"], [], ["Bob"]]
        assert list(examples.title) == ["T", "", "U"]
        with pytest.raises(DataError, match="the column 'question' is null in 1 row, first in row 1"):
            Examples.from_rows(FORMS[form]({**columns, "question": ["Where?", math.nan, "Who?"]}))


@pytest.mark.parametrize("day", ["2026", "2026-01", "2026-01-02", "2026-01-02T03", "2026-01-02T03:04:05"])
def test_days_of_numpy_are_texts_as_they_are_written(day: str) -> None:
    days = np.array([day, "NaT"], np.datetime64(day).dtype)
    columns = {"question": ["Who?", "When?"], "context": [OSLO, OSLO], "day": list(days)}
    for form in ("list", "dict"):
        assert list(Examples.from_rows(FORMS[form](columns), columns=["day"]).columns["day"]) == [day, ""]


@pytest.mark.parametrize(
    ("titles", "read"), [([None, None], ["", ""]), ([7, None], ["7", ""]), ([" ", "T"], ["", "T"])]
)
def test_titles_of_nulls_and_numbers(titles: list[Any], read: list[str]) -> None:
    table = pa.table({"question": ["Who?", "When?"], "context": [OSLO, OSLO], "title": titles})
    assert list(Examples.from_rows(table).title) == read


def test_texts_are_joined_as_large_strings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrow refuses to join chunks of other strings of more than 2 GiB; so it does where it takes rows of them."""
    joined, taken = list[pa.DataType](), list[pa.DataType]()
    one_array, columns_of_table = tables._one_array, tables.columns_of_table

    def join(column: pa.ChunkedArray) -> pa.Array:
        joined.append(column.type)
        return one_array(column)

    def read(table: pa.Table, where: str, columns: Sequence[str], place: Callable[[int], str]) -> Columns:
        taken.append(table["title"].type)
        return columns_of_table(table, where, columns, place)

    monkeypatch.setattr(tables, "_one_array", join)
    monkeypatch.setattr("qatk.types.rows.columns_of_table", read)
    parts = [pa.table({"question": ["Who?"], "context": [OSLO], "title": [title]}) for title in ("T", " ")]
    assert list(Examples.from_rows(pa.concat_tables(parts)).title) == ["T", ""]
    assert {*joined} == {*taken} == {pa.large_string()}


@pytest.mark.parametrize(
    ("rows", "kind", "says"),
    [
        (3, UsageError, "the rows: no rows can be read from an object of type int\n  a pandas or polars frame"),
        ("train.csv", UsageError, "no rows can be read from an object of type str"),
        ([1, 2], UsageError, "no rows can be read from an object of type list"),
        ([], DataError, "the rows: there are no rows\n  one row a question is due"),
        (pd.DataFrame({"question": [], "context": []}), DataError, "there are no rows"),
        (pl.DataFrame({"question": ["Who?"], "body": ["Ann."]}), DataError, "(columns found: 'question', 'body')"),
        ([{"question": "Who?", "context": 3}], DataError, "the column 'context' holds int64, not text"),
        ([{"question": "Who?", "context": "A."}, {"question": 3, "context": "A."}], DataError, "cannot be read"),
        ([{"question": "Wh\ud800?", "context": "A."}], DataError, r"half of a surrogate pair in 'Wh\ud800?'"),
        ([{"question": " ", "context": "A."}], DataError, "the column 'question' is null in 1 row, first in row 0"),
        ([{"question": "Who?", "context": "Ann.", "answers": "Bob"}], DataError, "row 0: 'Bob'\n  mend these rows"),
        ({"question": ["Who?"], "context": ["A.", "B."]}, DataError, "cannot be read"),
        (
            pa.table([["Who?"], ["A."], ["B."]], ["question", "context", "context"]),
            DataError,
            "called 'context'\n  give each column a name",
        ),
    ],
)
def test_what_is_wrong_is_said(rows: object, kind: type[QatkError], says: str) -> None:
    with pytest.raises(kind) as caught:
        Examples.from_rows(rows)
    assert says in str(caught.value)


def test_a_column_that_is_not_there() -> None:
    with pytest.raises(DataError, match=r"no column 'reply' for answers\n  columns found: 'id', 'question'"):
        Examples.from_rows(ROWS, roles={"answers": "reply"})


def test_a_role_that_no_column_has_is_not_guessed() -> None:
    rows = [{"question": "Where?", "context": OSLO, "answers": "Bob", "start": 12.5}]
    says = r"row 0: 12\.5 is no character position\n .*{answer_start: null} in a recipe, roles={'answer_start': None}"
    with pytest.warns(DataWarning), pytest.raises(DataError, match=says):
        Examples.from_rows(rows)
    assert Examples.from_rows(rows, roles={"answer_start": None}).spans_of(0) == [(8, 11)]
    assert not Examples.from_rows(rows, roles={"answer_start": None, "answers": None}).has_gold
    with pytest.raises(DataError, match=r"hold the answer_start to 'start', the answer_end"):
        Examples.from_rows(rows, roles={"answer_end": "start"})


@pytest.mark.filterwarnings("ignore:.*by their usual names:qatk.errors.DataWarning")
@pytest.mark.parametrize("label", ["easy", 1, 0.5])
def test_a_column_of_labels_that_are_no_answers(label: object) -> None:
    rows = [{"question": "Where?", "context": OSLO, "label": label}]
    says = r"; if 'label' holds something else: roles: {answers: null} in a recipe, roles={'answers': None} in"
    with pytest.raises(DataError, match=says):
        Examples.from_rows(rows)
    assert not Examples.from_rows(rows, roles={"answers": None}).has_gold
    for named, roles in (("answers", {}), ("label", {"answers": "label"})):
        with pytest.raises(DataError) as caught:
            Examples.from_rows([{**rows[0], named: "hard"}], roles=roles)
        assert "something else" not in str(caught.value)


@pytest.mark.parametrize("form", ["list", "dict", "pandas", "polars"])
def test_columns_of_alternative_answers(form: str) -> None:
    columns = {
        "question": ["Where?", "When?", "Who?"],
        "context": [OSLO] * 3,
        "text": ["in Oslo", "", "Bob"],
        "more": ["Ann met", None, None],
        "last": [None, None, "Ann met Bob"],
    }
    read = Examples.from_rows(FORMS[form](columns), roles={"answers": ["text", "more", "last"]}, columns=["*"])
    assert [read.answers_of(row) for row in range(3)] == [["in Oslo", "Ann met"], [], ["Bob", "Ann met Bob"]]
    assert read.answer_start.tolist() == [12, 0, 8, 0]
    assert not read.columns


@pytest.mark.filterwarnings("ignore:.*by their usual names:qatk.errors.DataWarning")
@pytest.mark.parametrize(
    ("roles", "says"),
    [
        ({"answers": ["text", "more"]}, "cannot have places, which 'start' would give\n  roles: {answer_start: null}"),
        ({"answers": ["text", "most"]}, "no column 'most' for answers\n  columns found: 'question', 'context', 'text'"),
        ({"question": ["question", "text"]}, "one column is due for question\n  answers alone may have several"),
        ({"answers": []}, "one column is due for answers"),
    ],
)
def test_columns_of_alternatives_that_cannot_be(roles: dict[str, list[str]], says: str) -> None:
    rows = [{"question": "Who?", "context": OSLO, "text": "Bob", "more": "Ann", "start": 8}]
    with pytest.raises(DataError, match=re.escape(says)):
        Examples.from_rows(rows, roles=roles)
    both = Examples.from_rows(rows, roles={"answers": ["text", "more"], "answer_start": None})
    assert both.answers_of(0) == ["Bob", "Ann"]


@pytest.mark.filterwarnings("ignore:.*by their usual names:qatk.errors.DataWarning")
@pytest.mark.parametrize("form", ["list", "pandas"])
def test_answers_in_a_column_of_another_name_in_some_rows(form: str) -> None:
    columns: dict[str, list[Any]] = {
        "question": ["Where?", "When?", "Who?"],
        "context": [OSLO] * 3,
        "answers": ["Oslo.", None, None],
        "answer": [None, None, "Bob"],
    }
    says = (
        r"the rows: the answers are in 'answers', but in 1 row in 'answer', first in row 2\n"
        r"  roles: {answers: \[answers, answer\]} in a recipe, .*, takes both; roles: {answers: NAME}"
    )
    with pytest.raises(DataError, match=says):
        Examples.from_rows(FORMS[form](columns))
    both = Examples.from_rows(FORMS[form](columns), roles={"answers": ["answers", "answer"]})
    assert [both.answers_of(row) for row in range(3)] == [["Oslo."], [], ["Bob"]]
    assert not Examples.from_rows(FORMS[form](columns), roles={"answers": "answers"}).has_answer[2]
    for kept in (["easy", None, "Bob"], [None, "", None]):
        assert Examples.from_rows(FORMS[form]({**columns, "answer": kept})).has_answer.tolist() == [True, False, False]


def test_text_beside_a_start_is_the_answer() -> None:
    rows = [{"question": "Who?", "context": OSLO, "text": "Bob", "answer_start": 8}]
    with pytest.warns(DataWarning, match="answers is 'text'"):
        assert Examples.from_rows(rows).spans_of(0) == [(8, 11)]
    with pytest.raises(DataError, match="to hold the answers that start where 'answer_start' says"):
        Examples.from_rows(rows, roles={"answers": None})


def test_rows_without_ids_are_called_by_their_numbers() -> None:
    rows = [{"question": "Who?", "context": OSLO, "answers": {"text": ["Eve"], "answer_start": [0]}}] * 2
    examples = Examples.from_rows(rows)
    assert len({*examples.id}) == 2
    for wrong in (
        lambda: qatk.run("recipe.yaml", data={"train": rows}),
        lambda: qatk.data.strict(qatk.data.fix(examples)[0]),
    ):
        with pytest.raises(DataError, match=r"\n    row 0: 'Eve' at 0, .*\n    row 1: 'Eve' at 0, "):
            wrong()
    (finding,) = [found for found in qatk.data.check(examples).findings if found.kind == "absent-answer"]
    assert [text.partition(": ")[0] for text in finding.examples] == ["row 0", "row 1"]
    named = Examples.from_rows([{**rows[0], "id": "a"}])
    with pytest.raises(DataError, match=r"\n    a: 'Eve' at 0, "):
        qatk.data.checked(named, "error", "the rows")
