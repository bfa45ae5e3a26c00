"""Answers to files: their forms, and that a kill loses and repeats nothing."""

from __future__ import annotations

import codecs
import csv
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import qatk
from commands import call
from qatk.component import Component
from qatk.data import save
from qatk.errors import QatkError, QatkWarning, UsageError
from qatk.evaluation.evaluate import evaluate_examples, read_data
from qatk.evaluation.prediction_files import official_form, read_predictions
from qatk.inference.asked import Asked, held, read_asked
from qatk.inference.parts import remove_parts
from qatk.inference.predict import Shard, answer_shard, predict_file
from qatk.plugins.host import PluginHost
from qatk.plugins.live import LiveDataset, LiveDecoder
from qatk.plugins.registered import Plugin, Registered
from qatk.progress import listen
from qatk.run_folder.lock import LOCK
from qatk.types import Examples, Features, Predictions, Spans, SpanScores, ragged
from qatk_builtin.decoders import MinNullOptions
from qatk_builtin.decoders.min_null import MinNullDecoder

KILLED = """
import os, sys
from pathlib import Path
import qatk
from qatk.evaluation.evaluate import read_data
from qatk.inference.predict import predict_file
from qatk.progress import listen

def listener(what, done, total):
    if what == "answering" and done >= int(sys.argv[3]):
        os.kill(os.getpid(), 9)

run, out = map(Path, sys.argv[1:3])
with listen(listener):
    predict_file(qatk.load_model(run), read_data(run.parent / "dev.json"), out, block=8)
"""


def killed(run: Path, out: Path, answered: int = 24) -> subprocess.CompletedProcess[str]:
    (out.parent / "killed.py").write_text(KILLED)
    return call("killed", run, out, answered, cwd=out.parent)


ENDINGS = (".json", ".JSONL", ".Parquet", ".csv", ".tsv")


@pytest.mark.parametrize("ending", [".json", ".jsonl", ".parquet", ".csv"])
def test_a_killed_call_goes_on_to_the_same_bytes(run: Path, ending: str, tmp_path: Path) -> None:
    model, examples = qatk.load_model(run), read_data(run.parent / "dev.json")
    whole = predict_file(model, examples, tmp_path / f"whole{ending}", block=8)
    out = tmp_path / f"killed{ending}"
    done = killed(run, out)
    assert done.returncode == -9, done.stderr
    assert not out.exists()
    with (
        pytest.warns(QatkWarning, match="was left by process"),
        pytest.raises(UsageError, match="did not come to its end"),
    ):
        predict_file(model, examples, out, block=8)
    shown: list[int] = []
    with listen(lambda what, done, total: shown.append(done) if what == "answering" else None):
        resumed = predict_file(model, examples, out, resume=True, block=8)
    assert resumed.resumed == 24
    assert shown == [24, 32, 40, 48]  # the time left is reckoned from the first
    assert out.read_bytes() == whole.path.read_bytes()
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".parts")] == []


def test_data_that_are_read_in_blocks_give_the_same_bytes(run: Path, tmp_path: Path) -> None:
    """A call on them that is killed goes on; they are scored as a whole is."""
    host = PluginHost.discover()
    examples = read_data(run.parent / "dev.json")
    save(examples, tmp_path / "dev.jsonl")
    model = qatk.load_model(run)
    whole = predict_file(model, examples, tmp_path / "whole.jsonl", block=8)
    asked = read_asked(host.live(LiveDataset, "dataset", "table", {"path": str(tmp_path / "dev.jsonl")}), 8)
    read = predict_file(model, asked, tmp_path / "read.jsonl")
    assert read.path.read_bytes() == whole.path.read_bytes()

    def stop(what: str, done: int, total: int | None) -> None:
        if what == "answering" and done >= 24:
            raise KeyboardInterrupt

    with listen(stop), pytest.raises(KeyboardInterrupt):
        predict_file(model, asked, tmp_path / "again.jsonl")
    again = predict_file(model, asked, tmp_path / "again.jsonl", resume=True)
    assert again.resumed == 24
    assert again.path.read_bytes() == whole.path.read_bytes()
    due = evaluate_examples(examples, read_predictions(whole.path))
    for written in (whole, read, again):
        assert written.scores is not None
        assert written.scores.metrics == due.metrics


def test_the_forms_hold_the_same_answers(run: Path, tmp_path: Path) -> None:
    model, examples = qatk.load_model(run), read_data(run.parent / "dev.json")
    files = [predict_file(model, examples, tmp_path / f"a{ending}", top_k=3) for ending in ENDINGS]
    official = json.loads((run / "predictions.json").read_text())
    assert json.loads(files[0].path.read_text()) == official
    assert {written.answered for written in files} == {sum(text != "" for text in official.values())}
    rows = [json.loads(line) for line in files[1].path.read_text().splitlines()]
    table = pq.read_table(files[2].path).to_pylist()
    odds = json.loads((run / "null_odds.json").read_text())
    for row, other in zip(rows, table, strict=True):
        best, others = row.pop("candidates"), other.pop("candidates")
        for one, two in zip([row, *best], [other, *others], strict=True):
            assert one.keys() == two.keys()
            assert all(
                two[name] == (pytest.approx(value, rel=1e-6) if isinstance(value, float) else value)
                for name, value in one.items()
            )
        assert row["null_odds"] == pytest.approx(odds[row["id"]])
        assert len(best) == 3
        assert row["question"] == examples.question[list(examples.id).index(row["id"])]
        context = examples.context_of(list(examples.id).index(row["id"]))
        assert all(context[span["start"] : span["end"]] == span["text"] for span in best)
    assert [row["id"] for row in rows] == list(examples.id)
    replies = model.answers(examples.question, [examples.context_of(row) for row in range(len(examples))], top_k=3)
    assert rows[0].keys() | {"candidates"} == {"id", *replies[0].as_dict()}
    assert [row["answer"] for row in rows] == [reply.text for reply in replies]
    for written, delimiter in zip(files[3:], (",", "\t"), strict=True):
        marked = written.path.suffix == ".csv"  # by which Excel knows UTF-8
        assert written.path.read_bytes().startswith(codecs.BOM_UTF8) is marked
        with written.path.open(encoding="utf-8-sig" if marked else "utf-8", newline="") as file:
            cells = list(csv.DictReader(file, delimiter=delimiter))
        assert cells == [{name: str(row[name]) for name in cells[0]} for row in rows]
        assert [*cells[0]][:3] == ["id", "question", "answer"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_written_file_scores_as_the_run_did(run: Path, ending: str, tmp_path: Path) -> None:
    model, examples = qatk.load_model(run), read_data(run.parent / "dev.json")
    written = predict_file(model, examples, tmp_path / f"a{ending}")
    found = qatk.evaluate(run.parent / "dev.json", written.path)
    due = json.loads((run / "metrics.json").read_text())
    assert {"exact", "f1", "total", "HasAns_f1", "NoAns_exact"} <= found.metrics.keys()
    assert found.metrics == {name: due[name] for name in found.metrics}
    if ending != ".json":  # rows say where an answer stands, so that no other place of its text is taken for it
        held = qatk.load_run(run).evaluation.predictions
        assert found.predictions.char_start.tolist() == held.char_start.tolist()
    (pair,) = qatk.compare(run, written.path, draws=10).pairs
    assert pair.headline.difference == 0


def test_longer_lists_change_no_probability(run: Path, tmp_path: Path) -> None:
    model, examples = qatk.load_model(run), read_data(run.parent / "dev.json").take(range(8))
    paths = [predict_file(model, examples, tmp_path / f"{k}.jsonl", top_k=k).path for k in (5, 60)]
    few, many = ([json.loads(line) for line in path.read_text().splitlines()] for path in paths)
    for one, other in zip(few, many, strict=True):
        assert len(other["candidates"]) > 20
        for name in ("probability", "no_answer_probability"):
            assert other[name] == pytest.approx(one[name], rel=1e-4)
        assert other["candidates"][0]["probability"] == pytest.approx(one["candidates"][0]["probability"], rel=1e-4)


class Pairs(MinNullDecoder):
    """Answers by the best span and, where there is one beside it, by the next best."""

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        found = super().decode(examples, features, scores)
        assert found.nbest is not None
        rows = []
        for row in range(len(found)):
            among = slice(found.nbest.offsets[row], found.nbest.offsets[row + 1])
            columns = (found.nbest.char_start, found.nbest.char_end, found.nbest.score)
            spans = list(zip(*(column[among].tolist() for column in columns), strict=True))
            apart = [one for one in spans[1:] if one[0] >= spans[0][1] or one[1] <= spans[0][0]]
            rows.append(sorted([spans[0], *apart[:1]]))
        flat = [(row, span) for row, spans in enumerate(rows) for span in spans]
        several = Spans(
            ragged.offsets_of(np.array([len(spans) for spans in rows], np.int64)),
            [examples.context_of(row)[start:end] for row, (start, end, _) in flat],
            np.array([start for _, (start, _, _) in flat], np.int32),
            np.array([end for _, (_, end, _) in flat], np.int32),
            np.array([score for _, (_, _, score) in flat], np.float32),
        )
        return replace(found, several=several)


@pytest.mark.parametrize("ending", ENDINGS)
def test_answers_of_several_spans_are_read_as_they_were_given(run: Path, ending: str, tmp_path: Path) -> None:
    model, examples = qatk.load_model(run), read_data(run.parent / "dev.json")
    registered = Registered("decoder", Component("pairs", Pairs, MinNullOptions), Plugin("test", "test", "1", ""))
    decoder = LiveDecoder.build(registered, MinNullOptions())
    model = replace(model, parts=replace(model.parts, decoder=decoder))
    answers = model.predict(examples)
    assert answers.several is not None
    written = predict_file(model, examples, tmp_path / f"a{ending}", block=8)
    assert written.answered == answers.answered.sum()
    said = read_predictions(written.path)
    found, due = evaluate_examples(examples, said), evaluate_examples(examples, official_form(examples.id, answers))
    assert found.metrics == due.metrics
    assert found.per_question["f1"].tolist() == due.per_question["f1"].tolist()
    assert [[s.text for s in found.predictions.spans(k)] for k in range(len(examples))] == [
        [s.text for s in answers.spans(k)] for k in range(len(examples))
    ]


def test_a_call_that_was_killed_before_its_first_answer_hinders_no_other(run: Path, tmp_path: Path) -> None:
    model, examples, out = qatk.load_model(run), read_data(run.parent / "dev.json"), tmp_path / "a.json"
    assert killed(run, out, 0).returncode == -9
    assert [path.name for path in (tmp_path / "a.json.parts").iterdir()] == [LOCK]
    with pytest.warns(QatkWarning, match="was left by process"):
        assert predict_file(model, examples, out, top_k=3).resumed == 0


def test_what_was_begun_with_something_else_is_refused(run: Path, tmp_path: Path) -> None:
    model, examples, out = qatk.load_model(run), read_data(run.parent / "dev.json"), tmp_path / "a.json"
    assert killed(run, out).returncode == -9
    about = tmp_path / "a.json.parts" / "about.json"
    held = about.read_text()
    about.write_text(json.dumps({name: value for name, value in json.loads(held).items() if name != "form"}))
    with pytest.warns(QatkWarning, match="was left by process"), pytest.raises(UsageError, match="other form"):
        predict_file(model, examples, out, block=8, resume=True)
    about.write_text(held)
    for changed, words in (
        ({"model": model.changed(decoder={"max_answer_length": 2})}, "other model"),
        ({"examples": examples.take(range(9))}, "other data"),
        ({"top_k": 7}, "other top_k"),
    ):
        given = {"model": model, "examples": examples, "out": out, "block": 8, "resume": True, **changed}
        with pytest.raises(UsageError, match=words):
            predict_file(**given)  # type: ignore[arg-type]
    about.unlink()
    with pytest.raises(UsageError, match=r"a.json.parts has no about.json, which says what was answered"):
        predict_file(model, examples, out, block=8, resume=True)


@pytest.mark.parametrize("at_work", [False, True])
def test_a_call_whose_jobs_all_failed_before_an_answer_hinders_no_other(
    at_work: bool, run: Path, tmp_path: Path
) -> None:
    """Their logs stay, and are told from a call of which a job is still at work."""
    model, examples, out = qatk.load_model(run), read_data(run.parent / "dev.json").take(range(9)), tmp_path / "a.json"

    def fail(parts: Path, asked: Asked) -> None:
        (parts / "shard-1-of-2.log").write_text("no GPU")
        if at_work:
            (parts / "shard-2-of-2.job.json").write_text("{}")
        raise QatkError("1 of 2 shards failed")

    with pytest.raises(QatkError, match="1 of 2 shards failed"):
        predict_file(model, examples, out, elsewhere=fail)
    assert (tmp_path / "a.json.parts" / "shard-1-of-2.log").read_text() == "no GPU"
    if at_work:
        with pytest.raises(UsageError, match="did not come to its end"):
            predict_file(model, examples, out, top_k=3)
    else:
        assert predict_file(model, examples, out, top_k=3).resumed == 0
        assert not (tmp_path / "a.json.parts").exists()


def test_what_the_answers_are_about_is_removed_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("000000.jsonl", "whole.jsonl", "about.json"):
        (tmp_path / name).touch()
    monkeypatch.setattr("qatk.inference.parts.shutil.rmtree", lambda _: None)  # a kill
    remove_parts(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["about.json"]


def test_the_weights_are_those_that_the_run_saved_whatever_its_backbone(run: Path, tmp_path: Path) -> None:
    """Of a plugin's encoder, which saves no config.json, the sections name what the run began with."""
    shutil.copytree(run, tmp_path / "run")
    model = qatk.load_model(tmp_path / "run")
    other = replace(model, sections={**model.sections, "backbone": {"use": "other", "model": str(tmp_path)}})
    before = other.weights
    assert before == model.weights
    with (weights := tmp_path / "run" / "model" / "model.safetensors").open("r+b") as file:
        file.write(b"\0")
    assert weights.stat().st_size == (run / "model" / "model.safetensors").stat().st_size
    assert other.weights != before


@pytest.mark.parametrize("kind", ["a run", "a saved model"])
def test_a_copy_of_a_model_elsewhere_goes_on(kind: str, run: Path, tmp_path: Path) -> None:
    source = run if kind == "a run" else run / "model"
    asked = held(read_data(run.parent / "dev.json"))
    for name in ("one", "other"):
        shutil.copytree(source, tmp_path / name, copy_function=shutil.copy)  # which keeps no times
    one, other = (qatk.load_model(tmp_path / name) for name in ("one", "other"))
    assert answer_shard(one, asked, tmp_path / "a.json", Shard(1, 1)) == asked.count
    assert predict_file(other, asked, tmp_path / "a.json", resume=True).resumed == asked.count


@pytest.mark.parametrize("name", ["a.txt", "a", "folder.json"])
def test_another_ending_or_a_folder_is_refused(run: Path, name: str, tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(UsageError, match=r"unknown ending|is a folder"):
        predict_file(qatk.load_model(run), read_data(run.parent / "dev.json"), tmp_path / name)
