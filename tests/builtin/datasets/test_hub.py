"""The ``hub`` dataset: local folders and files as they are, and a hub on the loopback interface."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
import fsspec.compression
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from commands import forked_python
from hub_stub import serving
from qatk.data import check, save
from qatk.errors import DataError, DataWarning, QatkError, UsageError
from qatk.types import Examples, columns_of_table
from qatk_builtin.datasets import HubOptions
from qatk_builtin.datasets.hub import HubDataset
from qatk_builtin.datasets.table import TableDataset
from qatk_builtin.datasets.table_options import TableOptions


def table_examples(table: pa.Table, where: str, columns: Sequence[str] = ()) -> Examples:
    return Examples(**columns_of_table(table, where, columns))


OSLO, RIGA = "Ann met Bob in Oslo.", "Riga is old."
COLUMNS: dict[str, list[Any]] = {
    "id": ["a", "b", "c"],
    "title": ["T", None, "U"],
    "context": [OSLO, RIGA, OSLO],
    "question": ["Where?", "When?", "Who?"],
    "answers": [
        {"text": ["Oslo", "in Oslo"], "answer_start": [15, 12]},
        {"text": [], "answer_start": []},
        {"text": ["Bob"], "answer_start": [8]},
    ],
}


@pytest.fixture(autouse=True, scope="module")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    patch = pytest.MonkeyPatch()
    patch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))
    yield
    patch.undo()


def rows(columns: dict[str, list[Any]] = COLUMNS) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def load(name: Path | str, **options: Any) -> Examples:
    return HubDataset(HubOptions(name=str(name), **options)).load()


def failure(name: Path | str, kind: type[QatkError], **options: Any) -> str:
    with pytest.raises(kind) as caught:
        load(name, **options)
    return str(caught.value)


def check_whole(examples: Examples) -> None:
    assert list(examples.id) == ["a", "b", "c"]
    assert list(examples.title) == ["T", "", "U"]
    assert list(examples.question) == ["Where?", "When?", "Who?"]
    assert list(examples.context) == [OSLO, RIGA]
    assert examples.context_index.tolist() == [0, 1, 0]
    assert [examples.answers_of(row) for row in range(3)] == [["Oslo", "in Oslo"], [], ["Bob"]]
    assert examples.answer_start.tolist() == [15, 12, 8]


# ---- folders and files


def test_is_impossible_is_held_against_the_answers(tmp_path: Path) -> None:
    def written(**columns: list[Any]) -> str:
        pq.write_table(pa.table({**COLUMNS, **columns}), tmp_path / "a.parquet")
        return str(tmp_path / "a.parquet")

    dataset = HubDataset(HubOptions(name=written(is_impossible=[False, True, True])))
    with pytest.warns(DataWarning, match="1 question whose is_impossible and answers differ; answers hold: c"):
        examples = dataset.load_whole()
    assert examples.columns == {}
    save(examples, tmp_path / "squad.json")
    assert {each.kind: each.ids for each in check(dataset.raw()).findings}["contradictory-flag"] == ["c"]
    for further in ("*", "is_impossible"):
        kept = load(written(is_impossible=["hard", None, ""]), columns=[further], roles={"is_impossible": None})
        assert kept.columns == {"is_impossible": ["hard", "", ""]}
    with pytest.warns(DataWarning, match="answers hold: a"):
        kept = load(written(is_impossible=[True, None, False]), columns=["is_impossible"])
    assert kept.columns == {"is_impossible": ["true", "", "false"]}
    said = "nothing in 'is_impossible' says whether there is an answer: it holds 'hard'"
    assert said in failure(written(is_impossible=["hard"] * 3), DataError)


def test_rows_are_read_as_those_of_tables_are(tmp_path: Path) -> None:
    asked = {"query": COLUMNS["question"], "Passage": ["A cat and a cat.", RIGA, OSLO], "reply": ["cat", "", "Bob"]}
    (path := tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows(asked))))
    roles = {"answers": "reply"}
    of_table = TableDataset(TableOptions(path=str(path), roles=roles, ambiguous="last"))
    of_hub = HubDataset(HubOptions(name=str(path), roles=roles, ambiguous="last"))
    with pytest.warns(DataWarning) as said:
        examples, due = of_hub.load(), of_table.load()
    told = [str(each.message).partition(": ")[2] for each in said]
    assert told[1] == told[3].replace(f"{path}:1", "row 0")
    assert told[0] == told[2] == "columns by their usual names: question is 'query', context is 'Passage'"
    assert told[1].endswith("the last place is taken (ambiguous: last)")
    assert (list(examples.question), list(examples.answer_text)) == (list(due.question), list(due.answer_text))
    assert list(examples.id) == list(due.id)
    assert examples.answer_start.tolist() == [12, 8]
    with pytest.warns(DataWarning, match="usual names"):
        raw = of_hub.raw()
    assert (raw.answer_start, raw.ambiguous, raw.ids_made) == ([None, None], "last", True)
    with pytest.warns(DataWarning):
        assert load(path, roles=roles, no_answer=["bob"]).has_answer.tolist() == [True, False, False]
    asked["reply"][2] = "Eve"
    path.write_text("\n".join(map(json.dumps, rows(asked))))
    with pytest.warns(DataWarning, match="usual names"):
        assert "row 2: 'Eve'" in failure(path, DataError, roles=roles)
    path.write_text(json.dumps({"version": "v2", "data": [{"title": "T", "paragraphs": []}]}))
    assert "is read by the dataset 'squad'" in failure(path, DataError)


def test_folders_of_parquet_and_json_by_split(tmp_path: Path) -> None:
    pq.write_table(pa.table(COLUMNS), tmp_path / "validation.parquet")
    check_whole(load(tmp_path, split="validation"))
    assert list(load(tmp_path, split="validation[1:]").id) == ["b", "c"]
    json_folder = tmp_path / "json"
    json_folder.mkdir()
    (json_folder / "train.jsonl").write_text("\n".join(map(json.dumps, rows())))
    check_whole(load(json_folder))


@pytest.mark.parametrize("name", ["x.json", "x.jsonl", "X.JSONL", "x.ndjson", "x.parquet"])
def test_single_files(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith("parquet"):
        pq.write_table(pa.table(COLUMNS), path)
    else:
        path.write_text(json.dumps(rows()) if name == "x.json" else "\n".join(map(json.dumps, rows())))
    check_whole(load(path))


def test_csv_has_questions_but_no_gold(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("id,context,question\n1,Riga is old.,When?\n2,Riga is old.,What?\n")
    examples = load(tmp_path / "x.csv")
    assert list(examples.id) == ["1", "2"]
    assert not examples.has_gold


def test_what_save_to_disk_wrote(tmp_path: Path) -> None:
    whole = datasets.Dataset.from_dict(COLUMNS)
    whole.save_to_disk(str(tmp_path / "one"))
    check_whole(load(tmp_path / "one"))
    both = datasets.DatasetDict({"train": whole, "dev": whole.select([2])})
    both.save_to_disk(str(tmp_path / "both"))
    check_whole(load(tmp_path / "both"))
    assert list(load(tmp_path / "both", split="dev").id) == ["c"]
    assert list(load(tmp_path / "both", split="train[1:2]").id) == ["b"]
    assert "Should be one of ['train', 'dev']" in failure(tmp_path / "both", UsageError, split="test")


def test_progress_bars_come_back(tmp_path: Path) -> None:
    pq.write_table(pa.table(COLUMNS), tmp_path / "train.parquet")
    for on in (True, False):
        (datasets.enable_progress_bars if on else datasets.disable_progress_bars)()
        load(tmp_path)
        assert datasets.is_progress_bar_enabled() is on
    datasets.enable_progress_bars()


def test_bad_answers_are_handled_as_in_squad_files(tmp_path: Path) -> None:
    bad = {**COLUMNS, "answers": [{"text": ["Oslo"], "answer_start": [3]}, *COLUMNS["answers"][1:]]}
    pq.write_table(pa.table(bad), tmp_path / "train.parquet")
    assert "a: 'Oslo' at 3" in failure(tmp_path, DataError)
    with pytest.warns(DataWarning, match="1 answer moved"):
        assert load(tmp_path, bad_answers="fix").spans_of(0) == [(15, 19)]
    with pytest.warns(DataWarning, match="1 question left out"):
        assert list(load(tmp_path, bad_answers="skip").id) == ["b", "c"]


@pytest.mark.parametrize("streaming", [False, True])
def test_zstd_files_ask_for_the_package_that_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, streaming: bool
) -> None:
    monkeypatch.delitem(fsspec.compression.compr, "zstd", raising=False)
    (tmp_path / "train.jsonl.zst").write_bytes(b"\x28\xb5\x2f\xfd")
    for name in (tmp_path, tmp_path / "train.jsonl.zst"):
        said = failure(name, UsageError, streaming=streaming)
        assert said == f"{name} (train): `datasets` cannot read .zst files here\n  pip install zstandard"


def test_failures_of_folders_and_files(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert "there is no such file or folder" in failure(tmp_path / "none", UsageError)
    assert "no data found" in failure(tmp_path, UsageError)
    (tmp_path / "notes.txt.bin").write_text("x")
    assert "unknown kind of file '.bin'" in failure(tmp_path / "notes.txt.bin", UsageError)
    pq.write_table(pa.table(COLUMNS), tmp_path / "train.parquet")
    assert "Should be one of ['train']" in failure(tmp_path, UsageError, split="validation")
    assert "Available: ['default']" in failure(tmp_path, UsageError, config="fr")
    assert "Unrecognized instruction format" in failure(tmp_path, UsageError, split="train[:x")
    assert "corresponds to no data" in failure(tmp_path, UsageError, split="train[:0]")
    (tmp_path / "broken.json").write_text('{"id": "a", "context"')
    assert "cannot be read" in failure(tmp_path / "broken.json", DataError)
    assert not caplog.records, "one message, not also one of the library's"


# ---- tables


def of(**changes: Any) -> Examples:
    columns = {name: values for name, values in {**COLUMNS, **changes}.items() if values is not None}
    return table_examples(pa.table(columns), "set")


def refused(**changes: Any) -> str:
    with pytest.raises(DataError) as caught:
        of(**changes)
    return str(caught.value)


def test_a_list_of_structs_serves_too() -> None:
    pairs = [[{"text": t, "answer_start": s} for t, s in zip(*a.values(), strict=True)] for a in COLUMNS["answers"]]
    check_whole(of(answers=pairs))


def test_chunks_and_slices_serve_too() -> None:
    table = pa.table(COLUMNS)
    check_whole(table_examples(pa.concat_tables([table.slice(0, 1), table.slice(1, 2)]), "set"))
    last = table_examples(table.slice(2), "set")
    assert (list(last.id), last.context_of(0), last.spans_of(0)) == (["c"], OSLO, [(8, 11)])


def test_gold_that_is_absent_or_empty() -> None:
    assert not of(answers=None).has_gold
    assert not of(answers=[None] * 3).has_gold
    assert not of(answers=[{"text": [], "answer_start": []}] * 3).has_answer.any()
    assert not of(answers=[[]] * 3).has_answer.any()


def test_a_place_that_is_not_given() -> None:
    assert of(answers=[{"text": ["Oslo"]}] * 3).answer_start.tolist() == [-1, -1, -1]
    given = [{"text": ["x"], "answer_start": [s]} for s in (None, -1, 2**40)]
    assert of(answers=given).answer_start.tolist() == [-1, -2, -2]


def test_ids_that_are_not_given_are_made_the_same_way_each_time() -> None:
    twice = {"id": None, "context": [OSLO, OSLO, RIGA], "question": ["Who?", "Who?", "Who?"]}
    ids = list(of(**twice).id)
    assert ids == list(of(**twice).id)
    assert len(set(ids)) == 3
    assert ids[1] == f"{ids[0]}-2"
    assert list(of(id=pa.array([7, 8, 9])).id) == ["7", "8", "9"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"context": None}, "no column 'context' (columns found: id, title, question, answers)"),
        ({"context": None, "question": None}, "no column 'context' and no 'question'"),
        ({"question": [1, 2, 3]}, "the column 'question' holds int64, not text"),
        ({"question": ["a", None, "b"]}, "the column 'question' is null in 1 row, first in row 1"),
        ({"answers": ["x", "y", "z"]}, "the column 'answers' holds string"),
        ({"answers": [{"text": "x", "answer_start": 1}] * 3}, "the column 'answers' holds struct"),
        ({"answers": [{"text": ["x"], "answer_start": ["1"]}] * 3}, "answers.answer_start holds string"),
        ({"answers": [{"text": [1], "answer_start": [1]}] * 3}, "'answers.text' holds int64"),
        ({"answers": [{"text": [None, "x"], "answer_start": [1, 2]}] * 3}, "'answers.text' is null in 3 rows"),
        ({"answers": [*COLUMNS["answers"][:2], None]}, "'answers' is null in 1 row, first in row 2"),
        ({"answers": [*COLUMNS["answers"][:2], {"text": ["x"], "answer_start": []}]}, "differ in length in 1 row"),
    ],
)
def test_tables_that_are_refused(changes: dict[str, Any], message: str) -> None:
    assert message in refused(**changes)


def test_a_nested_file_is_sent_to_the_squad_dataset() -> None:
    with pytest.raises(DataError, match="read by the dataset 'squad'"):
        table_examples(pa.table({"version": ["v2"], "data": [[1]]}), "set")


def test_many_rows_keep_their_answers() -> None:
    count = np.random.default_rng(0).integers(0, 4, 500)
    answers = [{"text": [f"{k}-{j}" for j in range(n)], "answer_start": [0] * n} for k, n in enumerate(count.tolist())]
    many = {name: [values[0]] * 500 for name, values in COLUMNS.items()}
    examples = table_examples(pa.table({**many, "answers": answers}), "set")
    assert [examples.answers_of(k) for k in range(500)] == [a["text"] for a in answers]


# ---- a hub

LOAD = """
import json, sys
from qatk_builtin.datasets import HubOptions
from qatk_builtin.datasets.hub import HubDataset
for options in json.loads(sys.argv[1]):
    try:
        said = ["Examples", list(HubDataset(HubOptions(**options)).load().id)]
    except Exception as error:
        said = [type(error).__name__, str(error)]
    print(json.dumps(said))
"""


def ask(endpoint: str, home: Path, *options: dict[str, Any], offline: str = "0") -> list[list[Any]]:
    """Load each in a process that takes ``endpoint`` for the hub; gives what came out of each."""
    environ = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_OFFLINE": offline}
    command = [forked_python(), "-c", LOAD, json.dumps(options)]
    done = subprocess.run(command, capture_output=True, text=True, env=environ, check=True, timeout=120)
    assert "Generating" not in done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_hub(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    pq.write_table(pa.table(COLUMNS), buffer)
    good = {"name": "good/set", "split": "validation"}
    with serving({"good/set": {"validation.parquet": buffer.getvalue()}}) as hub:
        fetched, split, config, revision, unknown, busy, gated, odd = ask(
            hub.url,
            tmp_path,
            good,
            {"name": "good/set", "split": "test"},
            {**good, "config": "fr"},
            {**good, "revision": "v9"},
            {"name": "none/such"},
            {"name": "busy/set"},
            {"name": "asked/set"},
            {"name": "we ird"},
        )
        assert any(line.startswith("GET") and line.endswith("/validation.parquet") for line in hub.log)
        before = len(hub.log)
        cached, never = ask(hub.url, tmp_path, good, {"name": "none/such"}, offline="1")
        assert len(hub.log) == before
    assert fetched == cached == ["Examples", ["a", "b", "c"]]
    assert split[0] == config[0] == revision[0] == unknown[0] == gated[0] == odd[0] == "UsageError"
    assert "Should be one of ['validation']" in split[1]
    assert "Available: ['default']" in config[1]
    assert "at revision v9" in revision[1]
    assert "and the hub has no such data set" in unknown[1]
    assert "access to the data set" in gated[1]
    assert "is neither a folder nor a hub id" in odd[1]
    assert busy[0] == never[0] == "HubUnreachable"
    assert "503" in busy[1]
    assert "HF_HUB_OFFLINE" in never[1]


def test_a_hub_that_does_not_answer(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        [[kind, message]] = ask(f"http://127.0.0.1:{held.getsockname()[1]}", tmp_path, {"name": "some/set"})
    assert kind == "HubUnreachable"
    assert "cannot be reached" in message


def test_the_password_of_an_endpoint_is_not_shown(tmp_path: Path) -> None:
    with serving({}) as hub:
        [[kind, message]] = ask(hub.url.replace("://", "://user:hunter2@"), tmp_path, {"name": "busy/set"})
    assert kind == "HubUnreachable"
    assert "503" in message
    assert "hunter2" not in message


# ---- streams


@pytest.mark.parametrize("name", ["x.jsonl", "x.parquet"])
def test_files_are_streamed(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    if name.endswith("parquet"):
        pq.write_table(pa.table(COLUMNS), folder / name)
    else:
        (folder / name).write_text("\n".join(map(json.dumps, rows())))
    for source in (folder, folder / name):
        check_whole(load(source, streaming=True))
        check_whole(load(source, streaming=True, limit=7))
        assert list(load(source, streaming=True, limit=2).id) == ["a", "b"]
        assert load(source, streaming=True).digest() == load(source).digest()
        assert list(load(source, limit=1).id) == ["a"]


def test_a_stream_reads_no_further_than_it_must(tmp_path: Path) -> None:
    """What follows the rows asked for is broken, and nobody sees it."""
    lines = [json.dumps({**rows()[0], "id": str(k)}) for k in range(3000)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "b.jsonl").write_text('{"id": "broken", "context"')
    assert len(load(tmp_path, streaming=True, limit=2500)) == 2500
    assert "cannot be read" in failure(tmp_path, DataError, streaming=True)
    assert "cannot be read" in failure(tmp_path, DataError, limit=2500)


def test_failures_of_streams(tmp_path: Path) -> None:
    pq.write_table(pa.table(COLUMNS), tmp_path / "train.parquet")
    assert "check `split`" in failure(tmp_path, UsageError, streaming=True, split="train[:1]")
    assert "check `split`" in failure(tmp_path, UsageError, streaming=True, split="test")
    pq.write_table(pa.table(COLUMNS).slice(0, 0), tmp_path / "train.parquet")
    assert "there are no rows" in failure(tmp_path, DataError, streaming=True)
    (tmp_path / "train.parquet").write_bytes(b"PAR1 broken")
    assert "cannot be read" in failure(tmp_path, DataError, streaming=True)


def test_a_hub_is_streamed(tmp_path: Path) -> None:
    """Of two files, the second is never fetched."""
    first = "\n".join(map(json.dumps, rows())).encode()
    files = {"train-0.jsonl": first, "train-1.jsonl": first.replace(b'"id": "', b'"id": "x')}
    stream = {"name": "good/set", "split": "train", "streaming": True}
    with serving({"good/set": files}) as hub:
        [few] = ask(hub.url, tmp_path, {**stream, "limit": 2})
        assert few == ["Examples", ["a", "b"]]
        assert any("train-0" in line and line.startswith("GET") for line in hub.log)
        assert not any("train-1" in line and line.startswith("GET") for line in hub.log)
        whole, unknown = ask(hub.url, tmp_path, stream, {**stream, "name": "none/such"})
    assert whole == ["Examples", ["a", "b", "c", "xa", "xb", "xc"]]
    assert unknown[0] == "UsageError"
