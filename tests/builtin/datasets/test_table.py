"""The ``table`` dataset: every kind of file and of answers to the same examples, and one message for what is wrong."""

from __future__ import annotations

import gzip
import io
import json
import math
import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from pydantic import ValidationError

from qatk.data import check, fix, save, unchecked
from qatk.errors import DataError, DataWarning, QatkError, UsageError
from qatk.types import Examples
from qatk_builtin.datasets import qatk_datasets
from qatk_builtin.datasets.table import TableDataset
from qatk_builtin.datasets.table_csv import AS_USUAL, CheckedCsv, arrow_options, without_empty
from qatk_builtin.datasets.table_options import TableOptions
from wrong_rows import damaged

CONTEXT = 'Oslo, "the city",\nis in Norway. Oslo is old.'
ROWS = [
    {"id": "007", "question": "Where, is it?", "context": CONTEXT, "answers": "Norway"},
    {"id": "008", "question": "Who?", "context": CONTEXT, "answers": ""},
    {"id": "009", "question": "Größe?", "context": "Die Größe ist 3 m.", "answers": "3 m"},
]


def load(path: Path | list[str], **options: Any) -> Examples:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        given = [str(each) for each in path] if isinstance(path, list) else str(path)
        return TableDataset(TableOptions(path=given, **options)).load()


def plain(examples: Examples) -> list[tuple[Any, ...]]:
    return [
        (
            examples.id[row],
            examples.question[row],
            examples.context_of(row),
            examples.answers_of(row),
            examples.spans_of(row),
        )
        for row in range(len(examples))
    ]


def expected(rows: list[dict[str, str]] = ROWS) -> list[tuple[Any, ...]]:
    return [
        (
            row["id"],
            row["question"],
            row["context"],
            [row["answers"]] if row["answers"] else [],
            [(at := row["context"].index(row["answers"]), at + len(row["answers"]))] if row["answers"] else [],
        )
        for row in rows
    ]


def write(folder: Path, name: str, rows: list[Mapping[str, Any]]) -> Path:
    """The rows in the form that a name's ending says."""
    path = folder / name
    table = pa.Table.from_pylist([dict(row) for row in rows])
    form = name.removesuffix(".gz").removesuffix(".zst").rpartition(".")[2]
    if form == "parquet":
        pa.parquet.write_table(table, path)
        return path
    if form == "arrow":
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
        return path
    if form in ("csv", "tsv"):
        sink = pa.BufferOutputStream()
        pa.csv.write_csv(table, sink, pa.csv.WriteOptions(delimiter="\t" if form == "tsv" else ","))
        data = sink.getvalue().to_pybytes()
    elif form == "jsonl":
        data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    else:
        data = json.dumps(rows, ensure_ascii=False).encode()
    if name.endswith(".gz"):
        data = gzip.compress(data)
    if name.endswith(".zst"):
        with pa.output_stream(str(path), compression="zstd") as stream:
            stream.write(data)
        return path
    path.write_bytes(data)
    return path


NAMES = [
    "a.csv",
    "a.tsv",
    "a.jsonl",
    "a.json",
    "a.parquet",
    "a.arrow",
    "a.csv.gz",
    "a.jsonl.gz",
    "a.csv.zst",
    "a.jsonl.zst",
]


@pytest.mark.parametrize("name", NAMES)
def test_every_form_gives_the_same_examples(name: str, tmp_path: Path) -> None:
    assert plain(load(write(tmp_path, name, ROWS))) == expected()


def test_rows_of_a_list_may_have_keys_that_the_first_lacks(tmp_path: Path) -> None:
    asked = {"question": "?", "context": CONTEXT}
    rows: list[Mapping[str, Any]] = [
        {"id": "0", **asked},
        {"id": "1", **asked, "answers": {"text": ["Oslo"]}},
        {"id": "2", **asked, "answers": {"text": ["Oslo"], "answer_start": [32]}, "level": 1},
    ]
    path = write(tmp_path, "a.json", rows)
    with pytest.warns(DataWarning, match=r"1 answer stands several times in the context \(1\)"):
        examples = TableDataset(TableOptions(path=str(path), columns=["level"])).load()
    assert [examples.spans_of(row) for row in range(3)] == [[], [(0, 4)], [(32, 36)]]
    assert examples.columns == {"level": ["", "", "1"]}


@pytest.mark.parametrize("change", [lambda d: b"\xef\xbb\xbf" + d, lambda d: d.replace(b'"\n"', b'"\r\n"')])
def test_byte_order_marks_and_other_line_ends_are_read(change: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", ROWS)
    path.write_bytes(change(path.read_bytes()))
    assert plain(load(path)) == expected()


@pytest.mark.filterwarnings("ignore:.*columns by their usual names:qatk.errors.DataWarning")
@pytest.mark.parametrize(
    ("name", "header", "delimiter"),
    [
        ("a.csv", "id;question;context;answers", None),
        ("a.csv", "id\tquestion\tcontext\tanswers", None),
        ("a.csv", 'id;"question";context;answers', None),
        ("a.csv", "id|question|context|answers", "|"),
        ("a.tsv", "id;question;context;answers", ";"),
        ("a.csv", "ID,Question, Context ,Answer", None),
        ("a.csv", "\nid;question;context;answers", None),
        ("a.csv", ";;;\n \r\nid;question;context;answers", None),
        ("a.tsv", "\t\t\nid\tquestion\tcontext\tanswers", None),
        ("a.csv", "sep=;\nid;question;context;answers", None),
        ("a.tsv", '\n"sep=|"\r\nid|question|context|answers', None),
        ("a.csv", "sep=,\n|\nid|question|context|answers", "|"),
        ("a.csv", 'id;question;context;answers;"by, as; is, said, once, more"', None),
        ("a.csv", "id;question;context;answers;by, as is said", None),
        ("a.csv", 'id,question,context,answers,"by;as;is;said;once;more"', None),
    ],
)
def test_csv_of_other_programs(name: str, header: str, delimiter: str | None, tmp_path: Path) -> None:
    by = delimiter or header[header.lower().index("id") + 2]
    cells = [["007", "Where?", "Oslo, a city; is in Norway.", "Norway"], ["2", "Who?", "Ann.\tBob.", ""]]
    more = [""] * ("answers" + by in header)
    lines = [header, *(by.join(f'"{cell}"' for cell in [*row, *more]) for row in cells)]
    (tmp_path / name).write_bytes("\n".join(lines).encode())
    dataset = TableDataset(TableOptions(path=str(tmp_path / name), delimiter=delimiter))
    whole = dataset.load()
    assert [[*row[:3], "".join(row[3])] for row in plain(whole)] == cells
    assert [block.digest() for block in dataset.stream(2) or ()] == [whole.digest()]


def test_empty_rows_and_columns_of_spreadsheets_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "id,question,context,,note,\n1,Who?,Ann.,,,\n,,,,,\n2,When?,Now.,,,\n,,,,,\n,,,,,\n"
    )
    dataset = TableDataset(TableOptions(path=str(tmp_path / "a.csv"), columns=["*"]))
    said = "a.csv: left out: 2 unnamed empty columns, 3 empty rows"
    with pytest.warns(DataWarning, match=said):
        whole = dataset.load()
    assert list(whole.question) == ["Who?", "When?"]
    assert whole.columns == {"note": ["", ""]}
    with pytest.warns(DataWarning, match=said):
        assert [block.digest() for block in dataset.stream(2) or ()] == [whole.digest()]


def test_rows_that_are_left_out_join_no_chunks() -> None:
    """One chunk of texts ends at 2 GiB."""
    table = pa.table({"context": pa.chunked_array([["a", None], ["b"]], pa.string())})
    with pytest.warns(DataWarning, match="left out: 1 empty row"):
        found, kept = without_empty(table, Path("a.csv"))
    assert ([chunk.to_pylist() for chunk in found["context"].chunks], kept.tolist()) == ([["a"], ["b"]], [0, 2])


WRITTEN = b"id,question,context\n1,Who?,%s\n2,When?,Now.\n"


@pytest.mark.parametrize("read", [0, 1, 2, 7])
@pytest.mark.parametrize(
    ("cell", "wrong"),
    [
        (b'"Hi" he said.', "goes on behind its closing quote: '\"Hi\" h'"),
        (b'"a ""b"" c" d', "goes on behind its closing quote"),
        (b'""Hi"', "goes on behind its closing quote"),
        (b'"Bye', "has no closing quote"),
        (b'"Hi, ""Ann""\n,""Bob"",."', None),
        (b'"Hi"  ', None),
        (b'""', None),
        (b'Say "Hi" to ""Ann', None),
    ],
)
def test_quotes_in_and_around_cells(cell: bytes, wrong: str | None, read: int, tmp_path: Path) -> None:
    data, path = WRITTEN % cell, tmp_path / "a.csv"
    path.write_bytes(data)
    options = arrow_options(io.StringIO(data.decode()), ".csv", AS_USUAL, 100)
    file = CheckedCsv(io.BytesIO(data), options, path)
    with ExitStack() as raised:
        if wrong is not None:
            raised.enter_context(pytest.raises(DataError, match=f"a.csv:2: a cell {wrong}"))
        parts = [file.read()] if not read else list(iter(partial(file.read, read), b""))
        assert b"".join(parts) == data
    dataset = TableDataset(TableOptions(path=str(path)))
    if wrong is not None:
        for reading in (dataset.load, lambda: list(dataset.stream(2) or ())):
            with pytest.raises(DataError, match="a cell"):
                reading()


@pytest.mark.parametrize("name", ["a.tsv", "a.csv"])
def test_quotes_that_are_of_the_cells(name: str, tmp_path: Path) -> None:
    by = "\t" if name == "a.tsv" else ","
    cells = [["1", "When?", '"Hi" he said in 1843.', "1843"], ["2", '"Who?"', '"Bye he said.', '"Bye']]
    lines = [["id", "question", "context", "answers"], *cells]
    (tmp_path / name).write_text("".join(by.join(row) + "\n" for row in lines))
    dataset = TableDataset(TableOptions(path=str(tmp_path / name), quotes=False))
    whole = dataset.load()
    assert [[*row[:3], *row[3]] for row in plain(whole)] == cells
    assert [block.digest() for block in dataset.stream(2) or ()] == [whole.digest()]


@pytest.mark.parametrize("delimiter", ["", ";;", '"', "\n", "\u00a7"])
def test_a_delimiter_is_one_character(delimiter: str) -> None:
    with pytest.raises(ValidationError, match="delimiter"):
        TableOptions(path="a.csv", delimiter=delimiter)


def test_several_files_and_globs(tmp_path: Path) -> None:
    for k, row in enumerate(ROWS):
        write(tmp_path, f"part-{k}.{('csv', 'jsonl', 'parquet')[k]}", [row])
    assert plain(load([f"{tmp_path}/part-0.csv", f"{tmp_path}/part-[12].*"])) == expected()


ASKED = {"question": "Where?", "context": "Oslo is in Norway."}


@pytest.mark.filterwarnings("ignore:.*by their usual names:qatk.errors.DataWarning")
@pytest.mark.parametrize(
    ("one", "other", "roles", "says"),
    [
        ({"answer": "Oslo"}, {"answers": "Oslo"}, {}, "the answers are in 'answers', in {0} in 'answer'"),
        ({"answer": "Oslo"}, {}, {}, "the answers are in 'answer' in {0}, and in no column that is known to hold them"),
        ({}, {"reply": "Oslo"}, {"answers": "reply"}, "(columns found: 'question', 'context')"),
        ({"answers": "Oslo"}, {"text": "Oslo", "start": "0"}, {}, "in 'text', in {0} in 'answers'"),
        ({"answers": "Oslo"}, {"answer": "Oslo"}, {"answers": ["answers", "answer"]}, ""),
        ({"answers": "Oslo"}, {"answers": "Oslo", "label": "easy"}, {}, ""),
        ({"answers": "Oslo"}, {}, {"answers": None}, ""),
        ({"label": "easy"}, {}, {"answers": None}, ""),
    ],
)
@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_answers_in_other_columns_of_other_files(
    one: dict[str, str], other: dict[str, str], roles: dict[str, Any], says: str, ending: str, tmp_path: Path
) -> None:
    paths = [write(tmp_path, f"{k}.{ending}", [{**ASKED, **more}]) for k, more in enumerate((one, other))]
    dataset = TableDataset(TableOptions(path=[str(path) for path in paths], roles=roles, bad_answers="keep"))
    for reading in (dataset.load, dataset.raw, lambda: list(dataset.stream(9) or ())):
        if not says:
            reading()
            continue
        with pytest.raises(DataError) as caught:
            reading()
        assert says.format(*paths) in str(caught.value)
        assert "one name in all files, or read the files apart: the dataset mix" in str(caught.value)


@pytest.mark.parametrize("roles", [{"is_impossible": None}, {}])
def test_rows_without_ids_are_called_by_their_places(roles: dict[str, None], tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = ["Who?,Ann met Bob.,Ann,0,no", "Where?,In Oslo.,Oslo,2,yes", "When?,In 1843.,1843,3,no"]
    path.write_text("\n".join(["question,context,answers,answer_start,is_impossible", *rows]))
    contradicted = f"{path}: 1 question whose is_impossible and answers differ; answers hold: {path}: row 3"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(DataError) as refused:
            TableDataset(TableOptions(path=str(path), roles=roles)).load()
        mended = TableDataset(TableOptions(path=str(path), roles=roles, bad_answers="fix")).load()
    assert mended.answer_start.tolist() == [0, 3, 3]
    assert f":\n    {path}: row 3: 'Oslo' at 2, where the context has" in str(refused.value)
    assert [str(each.message) for each in caught] == [
        *([] if roles else [contradicted, contradicted]),
        f"{path}: bad_answers: fix: 1 answer moved to where the text stands ({path}: row 3)",
    ]


def test_columns_of_other_names(tmp_path: Path) -> None:
    rows = [
        {"key": r["id"], "q": r["question"], "body": r["context"], "reply": r["answers"], "level": "x"} for r in ROWS
    ]
    path = write(tmp_path, "a.csv", rows)
    columns = {"id": "key", "question": "q", "context": "body", "answers": "reply"}
    examples = load(path, roles=columns, columns=["level"])
    assert plain(examples) == expected()
    assert examples.columns == {"level": ["x"] * 3}
    with pytest.raises(DataError, match="the context") as caught:
        load(path)
    assert "columns found: 'key', 'q', 'body', 'reply', 'level'" in str(caught.value)
    with pytest.raises(DataError, match="no column 'bodi' for context"):
        load(path, roles={**columns, "context": "bodi"})


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_alternatives_in_columns_of_their_own(ending: str, tmp_path: Path) -> None:
    answers = [("Norway", "in Norway"), ("", ""), ("", "Norway")]
    rows: list[Mapping[str, Any]] = [
        {"id": str(k), "question": f"{k}?", "context": "It is in Norway.", "answer1": one, "answer2": other}
        for k, (one, other) in enumerate(answers)
    ]
    path = write(tmp_path, f"a.{ending}", rows)
    dataset = TableDataset(TableOptions(path=str(path), roles={"answers": ["answer1", "answer2"]}))
    read, [streamed] = dataset.load(), dataset.stream(9) or []
    for examples in (read, streamed, unchecked(dataset.raw(), "x")):
        assert [examples.answers_of(row) for row in range(3)] == [["Norway", "in Norway"], [], ["Norway"]]
    with pytest.raises(ValueError, match="question: should be one column; a list of columns is for answers"):
        TableOptions(path=str(path), roles={"question": ["answer1", "answer2"]})


def test_usual_names_are_guessed_and_said(tmp_path: Path) -> None:
    rows = [{"query": r["question"], "passage": r["context"], "answer": r["answers"]} for r in ROWS]
    path = write(tmp_path, "a.csv", rows)
    with pytest.warns(DataWarning, match="question is 'query', context is 'passage', answers is 'answer'"):
        examples = TableDataset(TableOptions(path=str(path))).load()
    assert [row[1:] for row in plain(examples)] == [row[1:] for row in expected()]
    with pytest.warns(DataWarning):
        assert TableDataset(TableOptions(path=str(path))).load().id == examples.id
    assert len(set(examples.id)) == 3


@pytest.mark.parametrize(
    "cells",
    [
        {"answers": ["Norway", "city"]},
        {"answers": {"text": ["Norway", "city"], "answer_start": [24, 11]}},
        {"answers": [{"text": "Norway", "answer_start": 24}, {"text": "city", "answer_start": 11}]},
        {"answers": [{"text": "Norway", "start": 24, "end": 30}, {"text": "city", "start": 11, "end": 15}]},
        {"answers": {"text": ["Norway", "city"]}, "answer_start": [24, 11]},
        {"answers": ["Norway", "city"], "answer_start": [24, 11]},
        {"answers": ["Norway", "city"], "answer_start": [None, 11]},
        {"answers": {"text": ["Norway", "city"], "answer_start": [None, 11]}},
        {"answer_start": [24, 11], "answer_end": [30, 15]},
        {"answers": '["Norway", "city"]'},
        {"answers": "{'text': ['Norway', 'city'], 'answer_start': [24, 11]}"},
        {"answers": '{"text": ["Norway", "city"], "answer_start": [24, 11]}'},
    ],
)
def test_every_way_to_write_answers(cells: dict[str, Any], tmp_path: Path) -> None:
    row = {"id": "a", "question": "?", "context": CONTEXT, **cells}
    for name in ("a.jsonl", "a.parquet", *(["a.csv"] if all(isinstance(cell, str) for cell in cells.values()) else [])):
        examples = load(write(tmp_path, name, [row]))
        assert examples.answers_of(0) == ["Norway", "city"]
        assert examples.spans_of(0) == [(24, 30), (11, 15)]


@pytest.mark.parametrize("ending", ["jsonl", "json", "parquet"])
@pytest.mark.parametrize("answers", [1843, [1843], {"text": [1843], "answer_start": [15]}, 1843.0])
def test_whole_numbers_are_answers(answers: object, ending: str, tmp_path: Path) -> None:
    row = {"id": "a", "question": "When?", "context": "It is built in 1843.", "answers": answers}
    examples = load(write(tmp_path, f"a.{ending}", [row]))
    assert (examples.answers_of(0), examples.spans_of(0)) == (["1843"], [(15, 19)])


@pytest.mark.parametrize("ending", ["parquet", "arrow"])
@pytest.mark.parametrize("answers", [b"3 m", [b"3 m"], {"text": [b"3 m"], "answer_start": [14]}])
def test_bytes_are_texts_in_utf_8(answers: object, ending: str, tmp_path: Path) -> None:
    row = {"id": b"009", "question": "Größe?".encode(), "context": "Die Größe ist 3 m.".encode(), "answers": answers}
    path = write(tmp_path, f"a.{ending}", [{**row, "image": b"\xff"}])
    dataset = TableDataset(TableOptions(path=str(path)))
    for examples in (dataset.load(), *(dataset.stream(9) or ())):
        assert plain(examples) == expected()[2:]
    assert list(dataset.raw().answer_text) == ["3 m"]
    with pytest.raises(DataError, match="the column 'context' holds binary, not text"):
        load(write(tmp_path, f"b.{ending}", [{**row, "context": b"\xff"}]))
    with pytest.raises(DataError, match=r"an answer is no text: b'\\xff'"):
        load(write(tmp_path, f"c.{ending}", [{**row, "answers": [b"\xff"]}]))


@pytest.mark.parametrize(
    "answers",
    [
        {"text": np.array(["Norway", "city"], object), "answer_start": np.array([24, 11])},
        {"text": np.array(['"the city"', 'Oslo, "the city",\nis in Norway. Oslo is old.'], object)},
        {"text": np.array([], object), "answer_start": np.array([], np.int32)},
    ],
)
def test_arrays_that_pandas_wrote_into_a_csv(answers: dict[str, Any], tmp_path: Path) -> None:
    rows = pd.DataFrame([{"id": "a", "question": "?", "context": CONTEXT, "answers": answers}])
    rows.to_csv(tmp_path / "a.csv")
    examples = load(tmp_path / "a.csv")
    assert examples.answers_of(0) == answers["text"].tolist()
    if len(starts := answers.get("answer_start", ())):
        assert [start for start, _ in examples.spans_of(0)] == starts.tolist()


@pytest.mark.parametrize(
    ("answers", "printed"),
    [
        (np.array(["Norway", "city"], object), "['Norway' 'city']"),
        (np.array(["it's", "city"], object), "[\"it's\" 'city']"),
        (np.array([f"w{k}" for k in range(1200)], object), "['w0' 'w1' 'w2' ... 'w1197' 'w1198' 'w1199']"),
        (np.array([{"text": "city", "answer_start": 11}] * 2, object), "[{'text': 'city', 'answer_start': 11} {'text"),
    ],
)
def test_lists_that_pandas_wrote_as_numpy_prints_them(answers: object, printed: str, tmp_path: Path) -> None:
    rows = pd.DataFrame([{"id": "a", "question": "?", "context": CONTEXT, "answers": answers}])
    rows.to_csv(tmp_path / "a.csv")
    with pytest.raises(
        DataError, match=r"is how NumPy prints arrays.*\n  save the data as Parquet or JSON Lines"
    ) as caught:
        load(tmp_path / "a.csv")
    assert repr(printed)[1:-1] in str(caught.value)


@pytest.mark.parametrize("text", ["['a' of 'b']", "[x 'a' 'b']", "['a']b]", '["a]', "[b] 'a' 'b' [c]"])
def test_texts_in_brackets_that_are_no_lists(text: str, tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", [{"id": "a", "question": "?", "context": f"So {text}.", "answers": text}])
    assert load(path).answers_of(0) == [text]


def test_a_place_in_numbers_of_a_csv(tmp_path: Path) -> None:
    rows = [
        {"id": 1, "question": "?", "context": CONTEXT, "start": 24, "end": 30},
        {"id": 2, "question": "?", "context": CONTEXT, "start": None, "end": None},
    ]
    columns = {"answer_start": "start", "answer_end": "end"}
    examples = load(write(tmp_path, "a.csv", rows), roles=columns)
    assert (examples.answers_of(0), examples.answers_of(1), examples.id) == (["Norway"], [], ["1", "2"])


def test_nan_in_json_lines_is_null(tmp_path: Path) -> None:
    said = ('"answers": NaN', '"answers": null, "answer_start": NaN, "answer_end": NaN')
    for number, more in enumerate(said):
        (tmp_path / f"{number}.jsonl").write_text(f'{{"id": "a", "question": "?", "context": "Oslo", {more}}}\n')
        assert load(tmp_path / f"{number}.jsonl").has_answer.tolist() == [False]


@pytest.mark.parametrize("answers", [["Oslo", math.nan], [["Oslo"], [math.nan]], [["Oslo", math.nan], []]])
def test_nan_is_null_in_json_as_in_frames(answers: list[Any], tmp_path: Path) -> None:
    nan = math.nan
    more = {"answers": answers, "title": [nan, nan], "year": [1.5, nan], "level": [nan, "hard"]}
    rows = [{"id": str(k), "question": "?", "context": "Oslo", **{key: more[key][k] for key in more}} for k in range(2)]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    (tmp_path / "a.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    pd.DataFrame(rows).to_parquet(tmp_path / "a.parquet")
    examples = Examples.from_rows(rows, columns=["*"])
    assert (examples.spans_of(0), examples.answers_of(1), list(examples.title)) == ([(0, 4)], [], ["", ""])
    assert examples.columns == {"year": ["1.5", ""], "level": ["", "hard"]}
    for name in ("a.json", "a.jsonl", "a.parquet"):
        assert load(tmp_path / name, columns=["*"]).digest() == examples.digest()


@pytest.mark.parametrize(
    "cells",
    [
        {"answers": {"text": ["city"], "answer_start": [11]}, "start": 12.5, "end": 13.5},
        {"answers": [{"text": "city", "begin": 11}], "start": 12.5, "end": 13.5},
        {"answers": '{"text": ["city"], "answer_start": [11]}', "start": "12.5", "end": "13.5"},
        {"answers": "city", "answer_start": 11, "start": 12.5, "end": 13.5},
    ],
)
def test_columns_that_are_no_places_are_kept(cells: dict[str, Any], tmp_path: Path) -> None:
    row = {"id": "a", "question": "?", "context": f"{CONTEXT} city", **cells}
    for name in ("a.jsonl", "a.parquet", *(["a.csv"] if isinstance(cells["answers"], str) else [])):
        examples = load(write(tmp_path, name, [row]), columns=["*"])
        assert examples.spans_of(0) == [(11, 15)]
        assert examples.columns == {"start": ["12.5"], "end": ["13.5"]}
        for to in ("b.csv", "b.jsonl", "b.parquet"):
            save(examples, tmp_path / to)
            assert load(tmp_path / to, columns=["*"]).digest() == examples.digest()


@pytest.mark.filterwarnings("ignore::qatk.errors.DataWarning")
def test_places_outside_of_a_context_are_bad_answers(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,question,context,start,end\n1,a,bcd,2,9\n2,b,bcd,0,1\n3,c,bcd,7,8\n")
    options = TableOptions(path=str(tmp_path / "a.csv"), bad_answers="skip")
    assert list(TableDataset(options).load().id) == ["2"]
    for policy in ("error", "keep"):
        with pytest.raises(DataError, match=r"correct them, or leave them out \(bad_answers: skip\)"):
            TableDataset(options.model_copy(update={"bad_answers": policy})).load()
    raw = TableDataset(options).raw()
    assert (list(raw.answer_text), raw.answer_start) == (["", "b", ""], [2, 0, 7])
    found = {each.kind: each.ids for each in check(raw).findings}
    assert found["blank-answer"] == ["1", "3"]


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("a.csv", ["true", "False", "", "TRUE"]),
        ("a.csv", ["yes", "No", "", "1"]),
        ("a.jsonl", [True, False, None, True]),
        ("a.parquet", [1.0, 0.0, None, 1.0]),
    ],
)
def test_is_impossible_is_held_against_the_answers(name: str, flags: list[Any], tmp_path: Path) -> None:
    answers = ["", "Norway", "Norway", "Norway"]
    rows: list[Mapping[str, Any]] = [
        {"id": str(k), "question": f"{k}?", "context": CONTEXT, "answers": answers[k], "is_impossible": flags[k]}
        for k in range(4)
    ]
    dataset = TableDataset(TableOptions(path=str(write(tmp_path, name, rows)), columns=["*"]))
    says = "1 question whose is_impossible and answers differ; answers hold: 3"
    with pytest.warns(DataWarning, match=says):
        examples = dataset.load()
    with pytest.warns(DataWarning, match=f"the rows: {says}"):
        assert Examples.from_rows(rows).digest() == examples.digest()
    assert examples.has_answer.tolist() == [False, True, True, True]
    assert examples.columns == {}
    save(examples, tmp_path / "squad.json")
    raw = dataset.raw()
    assert raw.impossible == [True, False, None, True]
    assert {each.kind: each.ids for each in check(raw).findings}["contradictory-flag"] == ["3"]


def test_a_column_is_impossible_that_holds_something_else(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", [{**row, "is_impossible": "hard"} for row in ROWS])
    with pytest.raises(
        DataError, match=r"nothing in 'is_impossible' says .*'hard'\n.*roles: {is_impossible: null} .* roles={'is_imp"
    ):
        load(path)
    examples = load(path, roles={"is_impossible": None}, columns=["*"])
    assert examples.columns == {"is_impossible": ["hard"] * 3}
    with pytest.raises(DataError, match="a further column called 'is_impossible' would be read as something else"):
        save(examples, tmp_path / "b.csv")


@pytest.mark.parametrize(("flag", "kept"), [(True, "true"), ("hard", "hard")])
def test_without_answers_is_impossible_is_a_further_column(flag: object, kept: str, tmp_path: Path) -> None:
    row = {"id": "a", "question": "?", "context": CONTEXT, "is_impossible": flag}
    dataset = TableDataset(TableOptions(path=str(write(tmp_path, "a.jsonl", [row]))))
    assert unchecked(dataset.raw(whole=True), "x").columns == {"is_impossible": [kept]}
    for to in ("b.csv", "b.jsonl", "b.parquet"):
        save(dataset.load_whole(), tmp_path / to)
        assert load(tmp_path / to, columns=["*"]).columns == {"is_impossible": [kept]}


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (
            ["ja", "nein", ""],
            r"a.csv: nothing in 'is_impossible' says whether .*: it holds 'ja', 'nein'\n  true, yes or 1",
        ),
        (["ja", "no", ""], r"row 2 \(007\): 'ja' does not say whether there is an answer\n  true, yes or 1"),
    ],
)
def test_what_is_read_in_is_impossible_is_said_once(flags: list[str], said: str, tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", [{**row, "is_impossible": flag} for row, flag in zip(ROWS, flags, strict=True)])
    dataset = TableDataset(TableOptions(path=str(path)))
    with pytest.raises(DataError, match=said):
        dataset.load()
    if "no" in flags:
        assert [finding.kind for finding in check(dataset.raw()).findings].count("unreadable-cell") == 1
    else:
        with pytest.raises(DataError, match=said):
            dataset.raw()


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_texts_that_say_that_there_is_no_answer(ending: str, tmp_path: Path) -> None:
    said = ["Norway", "keine Antwort", " K.A. "]
    path = write(tmp_path, f"a{ending}", [{**row, "answers": text} for row, text in zip(ROWS, said, strict=True)])
    dataset = TableDataset(TableOptions(path=str(path), no_answer=["Keine Antwort", "k.A."]))
    assert dataset.load().has_answer.tolist() == [True, False, False]
    assert dataset.raw().answer_text == ["Norway"]
    path = write(tmp_path, f"b{ending}", [{**row, "answers": "k.A."} for row in ROWS])
    with pytest.raises(DataError, match=r"3 answers are not in .*(\n.*)*; if 'k.A.' says .*: no_answer: \['k.A.'\]"):
        load(path)
    told = "so absent 3 times: if it says that there is no answer, `no_answer` of table and hub reads it so"
    found = {each.kind: each for each in check(TableDataset(TableOptions(path=str(path))).raw()).findings}[
        "absent-answer"
    ]
    assert [told in each for each in found.examples] == [True] * 3
    both = [{**row, "answers": ["k.A.", "Norway"]} for row in ROWS[:2]]
    examples = Examples.from_rows(both, no_answer=["k.A."])
    assert [examples.spans_of(row) for row in range(2)] == [[(24, 30)]] * 2
    with pytest.raises(UsageError, match=r"no_answer is 'k.A.', where a list is due"):
        Examples.from_rows(both, no_answer="k.A.")
    with pytest.raises(ValidationError, match="an empty cell is no answer without it"):
        TableOptions(path="a", no_answer=[" "])


def test_without_answers_gold_is_absent(tmp_path: Path) -> None:
    rows = [{name: row[name] for name in ("id", "question", "context")} for row in ROWS]
    assert not load(write(tmp_path, "a.csv", rows)).has_gold


@pytest.mark.parametrize(("rule", "spans"), [("first", [(0, 4)]), ("last", [(32, 36)]), ("unknown", [])])
def test_an_answer_that_stands_several_times(rule: str, spans: list[tuple[int, int]], tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", [{"id": "a", "question": "?", "context": CONTEXT, "answers": "Oslo"}])
    told = [r"1 answer stands several times in the context \(a\)"]
    told += ["1 answer has no answer_start"] if rule == "unknown" else []
    with ExitStack() as warned:
        for words in told:
            warned.enter_context(pytest.warns(DataWarning, match=words))
        examples = TableDataset(TableOptions(path=str(path), ambiguous=rule)).load()  # type: ignore[arg-type]
    assert examples.spans_of(0) == spans
    assert examples.answers_of(0) == ["Oslo"]


def test_answers_that_are_not_in_their_context(tmp_path: Path) -> None:
    rows = [*ROWS, {"id": "010", "question": "?", "context": CONTEXT, "answers": "the  City"}]
    path = write(tmp_path, "a.jsonl", rows)
    with pytest.raises(DataError, match="1 answer is not in the context:\n    010: 'the  City'"):
        load(path)
    with pytest.warns(DataWarning, match="1 answer moved"):
        fixed = TableDataset(TableOptions(path=str(path), bad_answers="fix")).load()
    assert fixed.answers_of(3) == ["the city"]
    with pytest.warns(DataWarning, match="1 question left out"):
        assert len(TableDataset(TableOptions(path=str(path), bad_answers="skip")).load()) == 3


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"", "the file is empty"),
        ("a.csv", b"question,context\n", "there are no rows"),
        (
            "a.csv",
            b"question,context\na,b,c\n",
            "the CSV cannot be read: CSV parse error: Row #2: Expected 2 columns, got 3",
        ),
        ("a.csv", b"question,context\na,\xff\n", "UTF-8"),
        ("a.csv", b"question,context\na,b\n,b\n", "the column 'question' is null in 1 row, first in a.csv: row 3"),
        ("a.csv", b"question,context\na,b\na,' '\n".replace(b"'", b'"'), "the column 'context' is null in 1 row"),
        (
            "a.csv",
            b"question,context,start,end\na,bcd,2,9\nb,bcd,0,1\nc,bcd,2,2\n",
            "2 answers lie outside the context:\n    a.csv: row 2: from 2 to 9, of 3 characters\n"
            "    a.csv: row 4: from 2 to 2, of 3",
        ),
        ("a.csv", b"question,context,answers,answer_start\na,bcd,b,x\n", "a.csv: row 2: 'x' is no character position"),
        (
            "a.csv",
            b"question,context,reply,answer_start\na,bcd,b,0\n",
            "the answers that start where 'answer_start' says (columns found: 'question', 'context', 'reply', 'answer",
        ),
        (
            "a.jsonl",
            b'{"question": "a", "context": "bcd", "answer_start": [0, 1], "answer_end": [1]}',
            "2 starts, but 1 e",
        ),
        ("a.csv", b"id,question,context\n1,a,b\n1,c,d\n", "1 question id occurs more than once: 1"),
        ("a.csv.gz", gzip.compress(b"question,context\na,b\n", mtime=0)[:20], "cut short or damaged"),
        ("a.csv.zst", pa.compress(b"question,context\na,b\n", "zstd", asbytes=True)[:-9], "cut short or damaged"),
        ("a.jsonl", b'{"question": "a", "context": "b"}\n{"question": \n', ":2"),
        ("a.jsonl", b'{"question": "a", "context": "b", "answers": 3.5}\n', "a.jsonl:1: an answer is no text: 3.5\n"),
        ("a.jsonl", b'{"question": "a", "context": "b", "answers": true}\n', "a.jsonl:1: an answer is no text: True\n"),
        ("a.jsonl", b'{"question": "a", "context": null}\n', "'context'"),
        ("a.json", b"{}", "a list of objects is due"),
        ("a.json", b'{"data": [{"paragraphs": []}]}', "this is a SQuAD file"),
        ("a.parquet", b"PAR1", "the PARQUET cannot be read"),
        ("a.arrow", b"ARROW1", "the ARROW cannot be read"),
        ("a.arrow", damaged(pa.ipc.new_file), "the ARROW cannot be read: Column 1"),
        ("a.feather", damaged(pa.ipc.new_stream), "the FEATHER cannot be read: Column 1"),
        ("a.csv", b"question,context,,\na,b,,c\na,b,d,\n", "2 columns have no name in the header ('question', 'c"),
        (
            "a.csv",
            b"Pilot questions,,\nid,question,context\n1,a,b\n",
            "if this is no header, leave out what stands above it",
        ),
        ("a.xlsx", b"x", "a file that ends in .xlsx"),
        ("a.txt", b"x", "a file that ends in .txt"),
        ("a", b"x", "ends in nothing"),
    ],
)
def test_wrong_files_get_one_message(name: str, content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(QatkError) as caught:
            TableDataset(TableOptions(path=str(tmp_path / name))).load()
    assert words in str(caught.value).replace(f"{tmp_path}/", "")
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere.csv", "no such file"),
        ("nowhere.parquet", "no such file"),
        ("*.csv", "no file has such a name"),
        ("", "folder"),
    ],
)
def test_files_that_are_not_there(name: str, words: str, tmp_path: Path) -> None:
    if not name:
        (tmp_path / "folder.csv").mkdir()
    with pytest.raises(QatkError, match=words):
        load(tmp_path / (name or "folder.csv"))


def test_a_large_context_and_many_rows(tmp_path: Path) -> None:
    long = "word " * 10_000_000
    path = write(tmp_path, "a.jsonl", [{"id": "a", "question": "?", "context": long + "Oslo", "answers": "Oslo"}])
    assert load(path).spans_of(0) == [(50_000_000, 50_000_004)]


def test_a_tilde_is_the_home_in_the_path_of_every_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    of_files = [each.options for each in qatk_datasets() if "path" in each.options.model_fields]
    assert len(of_files) > 5
    for options in of_files:
        for given, read in (("~/a.csv", f"{tmp_path}/a.csv"), ("~~a", "~~a"), ("a~", "a~")):
            assert options.model_validate({"path": given}).model_dump()["path"] == read
    assert TableOptions(path=["~/a", "b"]).path == [f"{tmp_path}/a", "b"]


@pytest.mark.filterwarnings("ignore:.*by their usual names:qatk.errors.DataWarning")
@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_answers_in_another_column_many_rows_later(name: str, swapped: bool, tmp_path: Path) -> None:
    row = {"question": "When?", "context": "In 1843."}
    rows = [{"id": "a", **row, "answers": "1843"}, {"id": "b", **row}, {"id": "c", **row, "answer": "1843"}]
    rows = rows[::-1] if swapped else rows
    if name == "a.jsonl":
        (tmp_path / name).write_text("".join(json.dumps(each) + "\n" for each in rows))
    else:
        columns = {key: [each.get(key) for each in rows] for key in ("id", *row, "answers", "answer")}
        pyarrow.parquet.write_table(pa.table(columns), tmp_path / name)
    dataset = TableDataset(TableOptions(path=str(tmp_path / name)))
    place = {"a.jsonl": f"a.jsonl:{1 if swapped else 3}", "a.parquet": f"a.parquet: row {2 if swapped else 4}"}[name]
    says = "the answers are in 'answers', but in 1 row in 'answer', first in "
    with pytest.raises(DataError, match=f"{says}.*{place}"):
        dataset.load()
    with pytest.raises(DataError, match=says):
        list(dataset.stream(1) or ())


@pytest.mark.filterwarnings("ignore:.*by their usual names:qatk.errors.DataWarning")
def test_questions_without_ids_are_told_by_their_lines(tmp_path: Path) -> None:
    row = {"question": "Who?", "context": "Bob said so. Ann did not."}
    spans = [{"text": "Bob", "answer_start": 0}, {"text": "Ann", "answer_start": 4}, {"text": "Eve", "answer_start": 0}]
    rows = [{**row, "answers": {"text": [span["text"]], "answer_start": [span["answer_start"]]}} for span in spans]
    path = tmp_path / "a.jsonl"

    def dataset(rows: list[dict[str, Any]], policy: str) -> TableDataset:
        path.write_text("".join(json.dumps(each) + "\n" for each in rows))
        return TableDataset(TableOptions.model_validate({"path": str(path), "bad_answers": policy}))

    for more in ({}, {"is_impossible": False}):
        given = [{**each, **more} for each in rows]
        with pytest.raises(DataError, match=f"{path}:2: 'Ann' at 4, .*\n *{path}:3: 'Eve' at 0,"):
            dataset(given, "error").load()
        moved = (
            rf"1 answer moved to where the text stands \({path}:2\); 1 answer left out \({path}:3\); 1 question .*:3\)"
        )
        with pytest.warns(DataWarning, match=moved):
            assert len(dataset(given, "fix").load()) == 2
    with pytest.warns(DataWarning, match=rf"is_impossible and answers differ; answers hold: {path}:1"):
        dataset([{**rows[0], "is_impossible": True}], "error").load()
    changes = fix(dataset(rows, "error").raw())[1]
    assert [(change.place, change.kind) for change in changes] == [(f"{path}:2", "misplaced-answer")]
