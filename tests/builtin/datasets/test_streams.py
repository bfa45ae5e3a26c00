"""Datasets that are read in blocks: the questions of a whole reading, the same for every size of block."""

from __future__ import annotations

import gzip
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qatk.data import save
from qatk.errors import DataError, DataWarning
from qatk.files import json_items, streaming
from qatk.testing.promises.datasets import streams_what_is_loaded
from qatk.types import Examples
from qatk_builtin.datasets import MrqaOptions, SquadOptions, table_csv, table_streams
from qatk_builtin.datasets.mrqa import MrqaDataset
from qatk_builtin.datasets.squad import SquadDataset
from qatk_builtin.datasets.table import TableDataset
from qatk_builtin.datasets.table_csv import CheckedCsv
from qatk_builtin.datasets.table_options import TableOptions
from small import squad
from wrong_rows import damaged

CONTEXT = 'Ann met Bob in Oslo. \u2028 Oslo is old, \U0001f600 and "quoted".'


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read by few bytes, so that rows and articles lie across blocks."""
    monkeypatch.setattr(streaming, "BLOCK", 50)


def rows() -> list[dict[str, Any]]:
    said = ({"text": ["Oslo"], "answer_start": [15]}, {"text": [], "answer_start": []})
    return [
        {
            "id": f"q{n}",
            "context": f"{CONTEXT} {n // 2}",
            "question": f"Where {n}?",
            "answers": said[n % 2],
            "level": n / 4,
        }
        for n in range(12)
    ]


def lines(values: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(value) + "\n" for value in values).encode()


def articles() -> dict[str, Any]:
    whole = squad(12, 1)
    parts = whole["data"][0]["paragraphs"]
    data = [{"title": f"T{k}", "paragraphs": parts[k : k + 4]} for k in (0, 4, 8)]
    return {"version": 1.25, "data": [*data, {"title": "none", "paragraphs": []}], "more": {"data": [1]}}


def mrqa() -> list[dict[str, Any]]:
    answers = [{"text": "Oslo", "char_spans": [[15, 18]]}]
    asked = [{"qid": f"q{n}", "question": "Where?", "detected_answers": answers} for n in range(12)]
    return [
        {"header": {"dataset": "Made"}},
        *({"context": f"{CONTEXT} {n}", "qas": asked[n : n + 4]} for n in (0, 4, 8)),
    ]


def written(folder: Path, name: str) -> Any:
    """A dataset of 12 questions in a file of this name."""
    path = folder / name
    if "squad" in name:
        data = json.dumps(articles(), indent=1).encode()
        path.write_bytes(b"\xef\xbb\xbf" + data if "mark" in name else data)
    elif "mrqa" in name:
        path.write_bytes(lines(mrqa()))
    elif name.endswith((".parquet", ".arrow", ".feather")):
        table = pa.Table.from_pylist(rows())
        if name.endswith(".parquet"):
            pq.write_table(table, path, row_group_size=5)
        else:
            make = pa.ipc.new_file if name.endswith(".arrow") else pa.ipc.new_stream
            with pa.OSFile(str(path), "wb") as file, make(file, table.schema) as out:
                out.write_table(table, 5)
    elif ".csv" in name:
        save(TableDataset(TableOptions(path=str(written(folder, "of.jsonl").options.path))).load(), path)
    else:
        path.write_bytes(b"\xef\xbb\xbf" + lines(rows())[:-1] if "mark" in name else lines(rows()) + b"\n\n")
    if name.endswith((".gz", ".zst")):
        plain = path.read_bytes()
        plain = gzip.decompress(plain) if plain.startswith(b"\x1f\x8b") else plain
        with pa.CompressedOutputStream(str(path), "zstd" if name.endswith(".zst") else "gzip") as out:
            out.write(plain)
    if "squad" in name:
        return SquadDataset(SquadOptions(path=str(path)))
    if "mrqa" in name:
        return MrqaDataset(MrqaOptions(path=str(path)))
    return TableDataset(TableOptions(path=str(path), columns=["level"] if name.startswith("t.") else []))


NAMES = [
    *("squad.json", "squad-mark.json", "squad.json.gz", "mrqa.jsonl", "mrqa.jsonl.gz", "t.jsonl", "mark.jsonl"),
    *("t.jsonl.zst", "c.csv", "c.csv.gz", "t.parquet", "t.arrow", "t.feather"),
]


@pytest.mark.filterwarnings("ignore::qatk.errors.DataWarning")
@pytest.mark.parametrize("name", NAMES)
def test_blocks_have_what_is_loaded(name: str, tmp_path: Path) -> None:
    dataset = written(tmp_path, name)
    assert [len(block) for block in dataset.stream(4)] == [4, 4, 4]
    assert len(dataset.load()) == 12
    streams_what_is_loaded.check(_Built(dataset))


class _Built:
    """The subject of a promise that is built already."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def build(self) -> Any:
        return self.dataset


def test_columns_have_one_type_over_all_files(tmp_path: Path) -> None:
    """A whole number of one block is written as the float that other blocks make of its column; so are absent ones."""
    first = [{**row, "level": 1, "title": "T"} for row in rows()[:6]]
    (tmp_path / "a.jsonl").write_bytes(lines(first))
    (tmp_path / "b.jsonl").write_bytes(lines(rows()[6:]))
    dataset = TableDataset(TableOptions(path=str(tmp_path / "*.jsonl"), columns=["level"]))
    blocks = list(dataset.stream(1) or ())
    whole = dataset.load()
    assert [block.columns["level"][0] for block in blocks] == list(whole.columns["level"])
    assert whole.columns["level"][0] == "1.0"
    assert [block.title[0] for block in blocks] == list(whole.title)


def test_a_note_without_a_name_far_below_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_streams, "_BLOCK", 256)
    body = "".join(f"{k},Where?,Oslo is a town.,Oslo,{'note' if k == 30 else ''}\n" for k in range(40))
    (tmp_path / "a.csv").write_text(f"id,question,context,answers,\n{body}")
    dataset = TableDataset(TableOptions(path=str(tmp_path / "a.csv")))
    with pytest.warns(DataWarning, match="1 unnamed empty column"):
        assert [name for block in dataset.stream(16) or () for name in block.id] == list(dataset.load().id)


def test_a_damaged_arrow_file_is_refused_in_parts_too(tmp_path: Path) -> None:
    (tmp_path / "a.arrow").write_bytes(damaged(pa.ipc.new_file))
    with pytest.raises(DataError, match="cannot be read in blocks"):
        list(TableDataset(TableOptions(path=str(tmp_path / "a.arrow"))).stream(16) or ())


def test_what_cannot_be_read_in_parts_says_so(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text(json.dumps(rows()))
    (tmp_path / "bare.jsonl").write_bytes(lines([{k: v for k, v in row.items() if k != "id"} for row in rows()]))
    os.mkfifo(tmp_path / "pipe.jsonl")
    for name in ("list.json", "bare.jsonl", "pipe.jsonl"):
        assert TableDataset(TableOptions(path=str(tmp_path / name))).stream(4) is None
    assert SquadDataset(SquadOptions(path=str(tmp_path / "pipe.jsonl"))).stream(4) is None
    assert MrqaDataset(MrqaOptions(path=str(tmp_path / "gone.jsonl"))).stream(4) is None


@pytest.mark.parametrize(
    "text",
    [
        '{"data": [1, 2}',
        '{"data": [1, 2]',
        '{"data": [1, 2]} 3',
        '{"data": [1], "data": [2]}',
        '{"data": [1],}',
        '{"version": "1"}',
        '{"data": 1}',
        '["data"]',
        "",
        '{"data": [' + "[" * 100_000,
    ],
)
def test_json_that_is_no_object_with_a_list_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(DataError, match=r"x\.json"):
        list(json_items(tmp_path / "x.json", "data"))


def test_elements_are_parsed_as_a_whole_is(tmp_path: Path) -> None:
    text = json.dumps({"a": 12, "data": [1234567, "x" * 400, {"k": [1.5, None]}, "\ud800", [], 7]})
    (tmp_path / "x.json").write_text(text)
    assert list(json_items(tmp_path / "x.json", "data")) == json.loads(text)["data"]
    (tmp_path / "y.json").write_text(' {"data" : [ ] } ')
    assert list(json_items(tmp_path / "y.json", "data")) == []


@pytest.mark.parametrize("block", range(1, 9))
def test_numbers_are_not_cut_where_a_block_ends(block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "BLOCK", block)
    (tmp_path / "x.json").write_text('{"a": 0.1, "data": [1.25e-3, true, -70.5E+10, 12], "b": 3.5}')
    assert list(json_items(tmp_path / "x.json", "data")) == [1.25e-3, True, -70.5e10, 12]


def test_a_quote_that_is_never_closed_is_seen_though_arrow_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arrow reads ahead in a thread, whose failure at the end of a file it now and then loses."""

    class Lost(CheckedCsv):
        def read(self, size: int = -1, /) -> bytes:
            with suppress(DataError):
                return super().read(size)
            return b""

    monkeypatch.setattr(table_csv, "CheckedCsv", Lost)
    (tmp_path / "a.csv").write_text('id,question,context\na,Who?,Bob.\nb,Where?,"Oslo.\n')
    with pytest.raises(DataError, match=r"a\.csv:3: a cell has no closing quote"):
        list(TableDataset(TableOptions(path=str(tmp_path / "a.csv"))).stream(2) or ())


@pytest.mark.parametrize("name", ["x.jsonl.gz", "x.csv.gz"])
def test_archives_that_are_damaged_are_refused(name: str, tmp_path: Path) -> None:
    written(tmp_path, name)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-20])
    with pytest.raises(DataError):
        list(TableDataset(TableOptions(path=str(tmp_path / name))).stream(4) or ())


def test_archives_that_unfold_too_far_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "UNFOLDED", 1000)
    monkeypatch.setattr(streaming, "RATIO", 2)
    (tmp_path / "x.jsonl.gz").write_bytes(gzip.compress(lines(rows()) * 50))
    with pytest.raises(DataError, match="unfolds to far more"):
        list(streaming.line_blocks(tmp_path / "x.jsonl.gz"))


def test_a_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(lines(rows()).replace(b"Where 7", b"Where \xff"))
    with pytest.raises(DataError):
        list(TableDataset(TableOptions(path=str(tmp_path / "x.jsonl"))).stream(4) or ())


def test_a_subclass_that_only_loads_is_not_streamed(tmp_path: Path) -> None:
    from qatk.plugins.optional import blocks_of

    class Fewer(TableDataset):
        def load(self) -> Examples:
            return super().load().take([0])

    options = written(tmp_path, "t.jsonl").options
    assert blocks_of(TableDataset(options)) is not None
    assert blocks_of(Fewer(options)) is None
