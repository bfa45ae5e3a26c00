"""A teacher whose best spans lie in a file: what `qatk predict` wrote teaches as the model that it asked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qatk
from model_tools import save_model
from qatk.api import DataError, Examples, Features, UsageError
from qatk.files import read_rows
from qatk.inference.predict import predict_file
from qatk.plugins.host import PluginHost
from qatk_builtin.backbones import HfOptions
from qatk_builtin.backbones.hf import HfBackbone
from qatk_builtin.trainers import DistilOptions
from qatk_builtin.trainers.distil.told import Told
from qatk_builtin.trainers.distil.trainer import DistilTrainer
from trainer_tools import assemble


@dataclass(frozen=True)
class Bench:
    """A teacher's model, examples, and a student's windows of them."""

    teacher: Path
    examples: Examples
    student: HfBackbone
    windows: Features


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, host: PluginHost) -> Bench:
    folder = tmp_path_factory.mktemp("told")
    save_model(folder / "student", max_position_embeddings=600)
    save_model(folder / "teacher", answers=True, max_position_embeddings=600)
    student = HfBackbone(HfOptions(model=str(folder / "student")))
    examples = host.build("dataset", "facts", {"questions": 6, "long": 0.0}).load()
    featurizer = host.build("featurizer", "stride", {"max_length": 600, "doc_stride": 16})
    windows = featurizer.featurize(examples, student.tokenizer(), student.spec(), targets=True)
    return Bench(folder / "teacher", examples, student, windows)


def told(path: Path, *rows: Any) -> Told:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Told(path)


def span(text: str, start: int, score: float) -> dict[str, Any]:
    return {"text": text, "start": start, "end": start + len(text), "score": score}


@pytest.fixture
def two(host: PluginHost) -> tuple[Examples, Features]:
    """A question whose context of 11 tokens of a character has two windows, of tokens 0 to 6 and 4 to 10."""
    examples = Examples.from_rows([{"id": "q", "context": "a b c d e f g h i j k", "question": "x", "answers": []}])
    places = [(2 * k, 2 * k + 1) for k in range(11)]
    rows = [[(-1, -1), *places[:7]], [(-1, -1), *places[4:]]]
    begin, end = np.array([*rows[0], *rows[1]], np.int32).T
    flat = np.zeros(16, np.int32)
    return examples, Features(
        example_index=np.array([0, 0], np.int32),
        token_offsets=np.array([0, 8, 16]),
        input_ids=flat,
        type_ids=flat.astype(np.int8),
        char_start=begin,
        char_end=end,
        null_index=np.array([0, 0], np.int32),
    )


def test_spans_beyond_a_window_are_no_answer_there(two: tuple[Examples, Features], tmp_path: Path) -> None:
    """By hand: of the score of no answer and of three spans come probabilities of 4, 1, 2 and 1 eighths."""
    spans = [span("e f", 8, np.log(2.0)), span("b", 2, 0.0), span("e", 8, 0.0)]
    row = {"id": "q", "candidates": spans, "null_odds": np.log(2.0)}
    teacher = told(tmp_path / "best.jsonl", row)
    found = teacher.targets(*two)
    start, end = np.exp(found.start).reshape(2, 8), np.exp(found.end).reshape(2, 8)
    np.testing.assert_allclose(start[0], [4 / 8, 0, 1 / 8, 0, 0, 3 / 8, 0, 0], atol=1e-6)
    np.testing.assert_allclose(end[0], [4 / 8, 0, 1 / 8, 0, 0, 1 / 8, 2 / 8, 0], atol=1e-6)
    np.testing.assert_allclose(start[1], [5 / 8, 3 / 8, 0, 0, 0, 0, 0, 0], atol=1e-6)  # without "b"
    np.testing.assert_allclose(end[1], [5 / 8, 1 / 8, 2 / 8, 0, 0, 0, 0, 0], atol=1e-6)
    other = told(tmp_path / "other.jsonl", row | {"null_odds": 1.0})
    assert teacher.identity(*two) != other.identity(*two)
    assert teacher.identity(*two) == told(tmp_path / "again.jsonl", row).identity(*two)
    sure = told(tmp_path / "sure.jsonl", {"id": "q", "candidates": [], "null_odds": None}).targets(*two)
    assert np.exp(sure.start).reshape(2, 8)[:, 0].tolist() == [1, 1]
    never = told(tmp_path / "never.jsonl", row | {"null_odds": None}).targets(*two)
    assert np.exp(never.start[0]) == 0
    assert np.isfinite(never.start[0])


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_what_predict_writes_teaches_as_its_model_does(bench: Bench, tmp_path: Path, form: str) -> None:
    out = tmp_path / f"best.{form}"
    windows_of_it = ["featurizer.max_length=600", "featurizer.doc_stride=16", "decoder.n_best_size=200"]
    predict_file(qatk.load_model(bench.teacher, settings=windows_of_it), bench.examples, out, top_k=200)
    windows, found = bench.windows, Told(out).targets(bench.examples, bench.windows)
    assert len(windows) == len(bench.examples), "a window each"
    for window, (_, row) in enumerate(read_rows(out)):
        assert isinstance(row, dict)
        begin, stop = windows.token_offsets[window : window + 2]
        for column, key, places in ((found.start, "start", windows.char_start), (found.end, "end", windows.char_end)):
            due = np.zeros(stop - begin)
            due[windows.null_index[window]] = row["no_answer_probability"]
            for each in row["candidates"]:
                due[places[begin:stop] == each[key]] += each["probability"]
            np.testing.assert_allclose(np.exp(column[begin:stop]), due, atol=1e-4)
    trainer = DistilTrainer(DistilOptions(teacher=str(out), device="cpu", precision="fp32", max_steps=2))
    trainer.take_examples(bench.examples)
    student = assemble(trainer, HfBackbone(bench.student.options), seed=1)
    assert [event.step for event in trainer.fit(student, windows, None, seed=1)][-1] == 2


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"id": "other", "candidates": [], "null_odds": 0},
            "1 question of the training data, such as 'q', have no row",
        ),
        ({"id": "q", "answer": "a"}, r"(?s)best.jsonl:1: this is no row of best spans.*as qatk predict writes"),
        ({"id": "q", "candidates": [{"text": "a"}]}, "question 'q' has best spans without places or scores"),
        ({"id": "q", "candidates": [span("a", 0, 1) | {"score": None}]}, "without places or scores"),
        (
            {"id": "q", "candidates": [span("z", 0, 1)], "null_odds": 0},
            "best.jsonl:1: 'z' at 0 to 1 is not in the context",
        ),
        (
            {"id": "q", "candidates": [{"start": 3, "end": 99, "score": 1}], "null_odds": 0},
            "the span at 3 to 99 is not in the context of question 'q'",
        ),
    ],
)
def test_a_file_that_cannot_teach(two: tuple[Examples, Features], tmp_path: Path, row: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        told(tmp_path / "best.jsonl", row).targets(*two)


def test_names_of_files_and_of_models(tmp_path: Path) -> None:
    assert [Told.has_form(name) for name in ("best.jsonl", "best.parquet", "x/best.jsonl.gz")] == [True] * 3
    (tmp_path / "run.jsonl").mkdir()
    assert [Told.has_form(name) for name in ("runs/a", "org/model", str(tmp_path / "run.jsonl"))] == [False] * 3
    with pytest.raises(UsageError, match=r"gone.jsonl: there is no such file"):
        Told(tmp_path / "gone.jsonl")
