"""Run folders of the catalogue of wrong inputs: a finished run, and copies of it with one file that is wrong."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from compare_tools import answer, articles, evaluation, write_run
from qatk.plugins.host import PluginHost
from qatk.runs.run import run
from small import write_recipe

DIGITS = "9" * 4301


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def make_runs(folder: Path, host: PluginHost) -> None:
    """Run folders: ``good``, and copies of it with one file changed."""
    folder.mkdir()
    good = folder / "good"
    run(write_recipe(folder, train=24, dev=16, epochs=1), out=good, host=host)
    questions = articles(16, 4)
    write_run(folder / "begun", evaluation(host, questions, answer(questions, 0.5, 3)), stages=["predict"])
    manifest = (good / "manifest.json").read_text()
    table = (good / "examples.parquet").read_bytes()
    for name, (file, content) in {**_manifests(manifest), **_metrics_files(), **_tables(table)}.items():
        copy = folder / name
        shutil.copytree(good, copy)
        if content is None:
            (copy / file).unlink()
        elif callable(content):
            (copy / file).unlink(missing_ok=True)
            content(copy / file)
        else:
            assert isinstance(content, str | bytes)
            (copy / file).write_bytes(content.encode() if isinstance(content, str) else content)


Content = str | bytes | Callable[..., None] | None
"""What a file becomes: a text or bytes; ``None``, gone; or what a call with its path makes of it."""
Change = tuple[str, Content]


def _no_file() -> dict[str, Content]:
    """What is no file, or an empty one: the same for all files of a folder."""
    return {"gone": None, "folder": os.mkdir, "pipe": os.mkfifo, "device": _device, "empty": ""}


def _no_object() -> dict[str, Content]:
    """The same, and what is JSON but no object, of a file that should hold one."""
    deep = "[" * 100_000 + "]" * 100_000
    return {**_no_file(), "list": "[]", "word": '"hello"', "deep": deep}


def _manifests(text: str) -> Mapping[str, Change]:
    content = json.loads(text)

    def changed(**values: Any) -> str:
        return json.dumps({**content, **values})

    found: dict[str, Content] = {
        **_no_object(),
        "cut": text[: len(text) // 2],
        "latin": text.encode() + b"\xe9",
        "digits": text.replace('"format": 2', f'"format": {DIGITS}'),
        "digits-inside": changed(peak_memory_bytes=0).replace(
            '"peak_memory_bytes": 0', f'"peak_memory_bytes": {DIGITS}'
        ),
        "newer": changed(format=99),
        "foreign": '{"manifest_version": 3, "name": "a browser extension"}',
        "no-identity": json.dumps({k: v for k, v in content.items() if k != "identity"}),
        "stages-list": changed(stages=[]),
        "stages-text": changed(stages={"score": "done"}),
        "recipe-text": changed(recipe="seed: 13"),
        "recipe-metrics": changed(recipe={"metrics": "squad"}),
        "data-text": changed(data={"dev": "facts"}),
        "model-list": changed(model=[]),
        "model-text": changed(model={"parameters": "many"}),
        "best-text": changed(best={"metric": "f1", "value": "high"}),
        "name-list": changed(name=["a"]),
    }
    return {f"manifest-{name}": ("manifest.json", value) for name, value in found.items()}


def _metrics_files() -> Mapping[str, Change]:
    found: dict[str, Content] = {
        **_no_object(),
        "none": "{}",
        "cut": '{"exact": 50.0, "f1',
        "latin": b'{"exact": 50.0, "caf\xe9": 1}',
        "digits": f'{{"exact": {DIGITS}, "f1": 50.0}}',
        "text": '{"exact": "50", "f1": 50.0, "total": 16}',
        "nested": '{"exact": {"a": 1}, "f1": 50.0, "total": 16}',
        "true": '{"exact": true, "f1": 50.0, "total": 16}',
    }
    return {f"metrics-{name}": ("metrics.json", value) for name, value in found.items()}


def _tables(good: bytes) -> Mapping[str, Change]:
    table = pq.read_table(io.BytesIO(good))
    n = len(table)

    def put(name: str, values: Any) -> bytes:
        at = table.column_names.index(name)
        return _written(table.set_column(at, name, values))

    found: dict[str, Content] = {
        **_no_file(),
        "cut": good[: len(good) // 2],
        "text": "hello",
        "damaged": good[:200] + b"\xff" * 400 + good[600:],
        "foreign": _written(pa.table({"a": [1, 2]})),
        "no-rows": _written(table.slice(0, 0)),
        "no-score": _written(table.drop_columns(["score"])),
        "no-context": _written(table.drop_columns(["context"])),
        "id-number": put("id", pa.array(range(n))),
        "id-null": put("id", pa.array([None] * n, pa.string())),
        "id-twice": put("id", pa.array(["q0"] * n)),
        "score-text": put("score", pa.array(["high"] * n)),
        "score-null": put("score", pa.array([None] * n, pa.float32())),
        "answers-text": put("answers", pa.array(["1905"] * n)),
        "nbest-numbers": put("nbest", pa.array([1] * n)),
        "slice-text": put("slice.question-word", pa.array(["who"] * n)),
        "metric-text": put("metric.exact", pa.array(["1"] * n)),
        "span-outside": put("char_end", pa.array([99_999] * n, pa.int32())),
        "span-before": put("char_start", pa.array([-7] * n, pa.int32())),
        "nbest-outside": put("nbest", _moved(table.column("nbest"))),
        "reach-unknown": put("reach", pa.array(["nowhere"] * n)),
    }
    tables = {f"table-{name}": ("examples.parquet", value) for name, value in found.items()}
    event = '{"kind": "step", "step": 1'
    events = {
        "cut": event + "\n",
        "list": "[]\n",
        "word": "hello\n",
        "latin": b"\xff\xfe\n",
        "text": '{"kind": "step"}\n',
    }
    events |= {"digits": f'{{"kind": "step", "step": {DIGITS}}}\n', "deep": "[" * 100_000 + "\n"}
    return {**tables, **{f"events-{name}": ("events.jsonl", value) for name, value in events.items()}}


def _moved(nbest: Any) -> Any:
    """The best spans with the second of the first question beyond its context."""
    rows = nbest.to_pylist()
    rows[0][1]["char_end"] = 99_999
    return pa.array(rows, nbest.type)


def _written(table: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()
