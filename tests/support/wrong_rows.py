"""Files of rows, of labelling tools and of MRQA that the catalogue of wrong inputs names."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROW = {"id": "a", "question": "When?", "context": "It was built in 1905 by the guild.", "answers": "1905"}
CSV = "id,question,context,answers\na,When?,It was built in 1905 by the guild.,1905\n"
HEADER = {"header": {"dataset": "Made", "split": "dev"}}
LONG = 50 * 2**20
"""Characters of a context of 50 MiB."""


def row_files() -> dict[str, str | bytes]:
    """By name, all in the folder ``rows``; all wrong but ``good.csv`` and ``long.csv``."""
    found = {**_tables(), **_labelled()}
    return {f"rows/{name}": content for name, content in found.items()}


def _lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def _parquet(columns: dict[str, list[Any]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def _tables() -> dict[str, str | bytes]:
    packed, columns = gzip.compress(CSV.encode() * 9), {name: [value] for name, value in ROW.items()}
    sound = _parquet(columns)
    without = {name: value for name, value in columns.items() if name != "context"}
    return {
        "good.csv": CSV,
        "long.csv": CSV + f"b,Where?,{'word ' * (LONG // 5)},\n",
        "long-elsewhere.csv": CSV + f"b,Where?,{'word ' * (LONG // 5)},Oslo\n",
        "empty.csv": "",
        "no-rows.csv": CSV.partition("\n")[0] + "\n",
        "no-rows.parquet": _parquet({name: [] for name in columns}),
        "cut.csv.gz": packed[: len(packed) // 2],
        "latin.csv": CSV.replace("guild", "café").encode("latin-1"),
        "mixed.csv": CSV.replace("guild", "café").encode() + "b,Wo?,Größe.,\n".encode("latin-1"),
        "utf16.csv": CSV.encode("utf-16"),
        "cells.csv": CSV + "b,When?\n",
        "bom-crlf.csv": b"\xef\xbb\xbf" + CSV.replace("\n", "\r\n").replace("1905\r", "1906\r").encode(),
        "no-context.parquet": _parquet(without),
        "null.parquet": _parquet({**columns, "question": pa.array([None], pa.string())}),
        "nan.jsonl": json.dumps({**ROW, "question": float("nan")}) + "\n",
        "null.jsonl": _lines(ROW, {**ROW, "id": "b", "context": None}),
        "number.jsonl": _lines({**ROW, "question": 3}),
        "cut.parquet": sound[:200],
        "damaged.parquet": sound[:10] + b"\xff" * 8 + sound[18:],
        "object.jsonl": _lines({**ROW, "question": {"text": "When?"}}),
        "fraction.jsonl": _lines({**ROW, "id": 1.5}),
        "surrogate.json": json.dumps([ROW, {**ROW, "question": "Wh\ud800en?"}]),
        "unclosed.csv": CSV.replace("context", '"context') + "word " * 30_000,
        "twice.csv": CSV.replace("answers", "context"),
        "far.csv": CSV.replace("answers", "answers,answer_start").replace(",1905\n", f",1905,{10**22}\n"),
        "start.csv": CSV.replace("answers", "answers,answer_start").replace(",1905\n", ",1905,NaN\n"),
    }


def _labelled() -> dict[str, str | bytes]:
    data = {"text": ROW["context"], "question": ROW["question"]}
    task = {"id": 1, "data": data, "annotations": []}
    answer = {"text": "1905", "char_spans": [[16, 20]]}
    qa = {"qid": "a", "question": "When?", "detected_answers": [answer]}
    return {
        "header.jsonl": _lines(HEADER),
        "squad.jsonl": _lines(ROW),
        "exclusive.jsonl": _lines(HEADER, {"context": ROW["context"], "qas": [qa]}),
        "cut.jsonl.gz": gzip.compress(_lines(HEADER, HEADER).encode() * 9)[:40],
        "latin.jsonl": json.dumps({"context": "café"}, ensure_ascii=False).encode("latin-1"),
        "tasks.json": json.dumps([task, {**task, "id": 2, "data": {"body": "x"}}]),
        "no-tasks.json": "[]",
        "task.json": json.dumps(task),
        "unlabelled.jsonl": _lines({"id": 1, "text": "It was."}),
        "far.jsonl": _lines({"id": 1, "text": "It was.", "label": [[0, 70, "WHEN"]]}),
        "null-text.jsonl": _lines({"id": 7, "text": None, "label": [[0, 2, "WHEN"]]}),
    }


def damaged(make: Any) -> bytes:
    """An Arrow file or stream, by what makes its writer, with an offset far beyond the texts of its second column."""
    table = pa.table({"question": ["When?", "Who?"], "context": ["It was built.", "Nobody knows."]})
    sink = io.BytesIO()
    with make(sink, table.schema) as writer:
        writer.write_table(table)
    offsets = b"".join(number.to_bytes(4, "little") for number in (0, 13, 26))
    assert sink.getvalue().count(offsets) == 1
    return sink.getvalue().replace(offsets, offsets[:-2] + b"\x7f" + offsets[-1:])
