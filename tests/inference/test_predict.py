"""Answers to files: their forms, and that a kill loses and repeats nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import qatk
from qatk.errors import UsageError
from qatk.evaluation.evaluate import read_data
from qatk.inference.predict import predict_file, texts_of

KILLED = """
import os, sys
from pathlib import Path
import qatk
from qatk.evaluation.evaluate import read_data
from qatk.inference.predict import predict_file
from qatk.progress import listen

def listener(what, done, total):
    if what == "answering" and done >= 24:
        os.kill(os.getpid(), 9)

run, out = map(Path, sys.argv[1:])
with listen(listener):
    predict_file(qatk.load_model(run), read_data(run.parent / "dev.json"), out, block=8)
"""


@pytest.mark.parametrize("ending", [".json", ".jsonl", ".parquet"])
def test_a_killed_call_goes_on_to_the_same_bytes(run: Path, ending: str, tmp_path: Path) -> None:
    model, examples = qatk.load_model(run), read_data(run.parent / "dev.json")
    whole = predict_file(model, examples, tmp_path / f"whole{ending}", block=8)
    out = tmp_path / f"killed{ending}"
    done = subprocess.run([sys.executable, "-c", KILLED, str(run), str(out)], capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    assert not out.exists()
    with pytest.raises(UsageError, match="did not come to its end"):
        predict_file(model, examples, out, block=8)
    resumed = predict_file(model, examples, out, resume=True, block=8)
    assert resumed.resumed == 24
    assert out.read_bytes() == whole.path.read_bytes()
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".parts")] == []


def test_the_forms_hold_the_same_answers(run: Path, tmp_path: Path) -> None:
    model, examples = qatk.load_model(run), read_data(run.parent / "dev.json")
    files = [
        predict_file(model, examples, tmp_path / f"a{ending}", top_k=3) for ending in (".json", ".jsonl", ".parquet")
    ]
    official = json.loads((run / "predictions.json").read_text())
    assert [texts_of(written.path) for written in files] == [official] * 3
    assert {written.answered for written in files} == {sum(text != "" for text in official.values())}
    rows = [json.loads(line) for line in files[1].path.read_text().splitlines()]
    table = pq.read_table(files[2].path).to_pylist()
    odds = json.loads((run / "null_odds.json").read_text())
    for row, other in zip(rows, table, strict=True):
        best, others = row.pop("n_best"), other.pop("n_best")
        for one, two in zip([row, *best], [other, *others], strict=True):
            assert one.keys() == two.keys()
            assert all(
                two[name] == (pytest.approx(value, rel=1e-6) if isinstance(value, float) else value)
                for name, value in one.items()
            )
        assert row["null_odds"] == pytest.approx(odds[row["id"]])
        assert len(best) == 3
        context = examples.context_of(list(examples.id).index(row["id"]))
        assert all(context[span["start"] : span["end"]] == span["text"] for span in best)


def test_what_was_begun_with_something_else_is_refused(run: Path, tmp_path: Path) -> None:
    model, examples, out = qatk.load_model(run), read_data(run.parent / "dev.json"), tmp_path / "a.json"
    subprocess.run([sys.executable, "-c", KILLED, str(run), str(out)], capture_output=True)
    for changed, words in (
        ({"model": model.changed(decoder={"max_answer_length": 2})}, "other model"),
        ({"examples": examples.take(range(9))}, "other data"),
        ({"top_k": 7}, "other top_k"),
    ):
        given = {"model": model, "examples": examples, "out": out, "block": 8, "resume": True, **changed}
        with pytest.raises(UsageError, match=words):
            predict_file(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["a.txt", "a", "folder.json"])
def test_another_ending_or_a_folder_is_refused(run: Path, name: str, tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(UsageError, match=r"unknown ending|is a folder"):
        predict_file(qatk.load_model(run), read_data(run.parent / "dev.json"), tmp_path / name)
