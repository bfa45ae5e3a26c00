"""examples.parquet holds all that comparing and reporting need."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from qatk.errors import RunFolderError
from qatk.results.evaluation import Evaluation
from qatk.run_folder.examples_table import read_examples, write_examples
from qatk.types import Examples, NBest, Predictions, Spans

CONTEXT = "Ada wrote it in 1843 \ud7ff \U0001f600"


def evaluation(*, gold: bool = True, nbest: bool = True) -> Evaluation:
    answers = {
        "answer_offsets": np.array([0, 2, 2, 3]),
        "answer_text": ["Ada", "Ada", "1843 \ud7ff \U0001f600"],
        "answer_start": np.array([0, -1, 16], np.int32),
    }
    examples = Examples(
        ["a", "b", "c"],
        ["q1", "q2", "q3"],
        ["t", "", "u"],
        [CONTEXT, "ctx 2"],
        np.array([0, 1, 0], np.int32),
        **(answers if gold else {}),
    )
    best = NBest(
        np.array([0, 2, 2, 3]),
        ["Ada", "wrote", "1843"],
        np.array([0, 4, 16], np.int32),
        np.array([3, 9, 20], np.int32),
        np.array([3, 1, 2], np.float32),
        np.array([0.5, 0.25, 1], np.float32),
    )
    predictions = Predictions(
        ["Ada", "", "1843"],
        np.array([0, -1, 16], np.int32),
        np.array([3, -1, 20], np.int32),
        np.array([3, -np.inf, 2], np.float32),
        np.array([1, 2, np.nan], np.float32),
        best if nbest else None,
    )
    masks = {"word": {"z": np.array([True, False, True]), "a": np.array([True, True, False])}}
    return Evaluation(
        examples, predictions, {}, {"exact": np.array([1.0, 1.0, 0.0]), "f1": np.array([1, 1, 2 / 3])}, masks
    )


@pytest.mark.parametrize("gold", [True, False])
@pytest.mark.parametrize("nbest", [True, False])
def test_what_is_written_is_read_back(tmp_path: Path, gold: bool, nbest: bool) -> None:
    before = evaluation(gold=gold, nbest=nbest)
    write_examples(tmp_path / "e.parquet", before)
    after = read_examples(tmp_path / "e.parquet", {})
    examples, predictions, per_question, masks = after.examples, after.predictions, after.per_question, after.masks
    assert examples.digest() == before.examples.digest()
    assert list(predictions.text) == list(before.predictions.text)
    for name in ("char_start", "char_end", "score", "null_score"):
        np.testing.assert_array_equal(getattr(predictions, name), getattr(before.predictions, name))
    assert (predictions.nbest is None) == (not nbest)
    if nbest:
        assert predictions.nbest is not None
        assert list(predictions.nbest.text) == ["Ada", "wrote", "1843"]
        assert predictions.nbest.offsets.tolist() == [0, 2, 2, 3]
    assert {name: values.tolist() for name, values in per_question.items()} == {
        name: values.tolist() for name, values in before.per_question.items()
    }
    assert {name: mask.tolist() for name, mask in masks["word"].items()} == {
        "z": [True, False, True],
        "a": [True, True, False],
    }


def test_reach_windows_and_columns_are_read_back_and_older_tables_have_none(tmp_path: Path) -> None:
    before = evaluation()
    examples = replace(before.examples, columns={"level": ["easy", "", "1"]})
    reach, windows = np.array([0, 2, 1], np.int8), np.array([1, 1, 3], np.int32)
    write_examples(tmp_path / "e.parquet", replace(before, examples=examples, reach=reach, windows=windows))
    after = read_examples(tmp_path / "e.parquet", {})
    assert after.reach is not None
    assert after.windows is not None
    assert after.reachable is not None
    assert (after.reach.tolist(), after.windows.tolist()) == ([0, 2, 1], [1, 1, 3])
    assert after.reachable.tolist() == [True, False, False]
    assert after.examples.columns == {"level": ["easy", "", "1"]}
    assert pq.read_table(tmp_path / "e.parquet").column("reach").to_pylist() == ["in reach", "cap", "window"]
    write_examples(tmp_path / "old.parquet", before)
    old = read_examples(tmp_path / "old.parquet", {})
    assert (old.reach, old.windows, old.reachable, old.examples.columns) == (None, None, None, {})


def test_other_tools_can_read_it(tmp_path: Path) -> None:
    write_examples(tmp_path / "e.parquet", evaluation())
    rows = pq.read_table(tmp_path / "e.parquet").to_pylist()
    assert rows[0]["context"] == CONTEXT
    assert rows[0]["answers"] == [{"text": "Ada", "start": 0}, {"text": "Ada", "start": -1}]
    assert rows[0]["slice.word"] == ["z", "a"]
    assert rows[2]["metric.f1"] == 2 / 3


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 not really")
    for name in ("bad.parquet", "gone.parquet"):
        with pytest.raises(RunFolderError, match="cannot be read"):
            read_examples(tmp_path / name, {})


def test_answers_of_several_spans_are_written_and_read_back(tmp_path: Path) -> None:
    single = evaluation()
    spans = Spans(
        np.array([0, 2, 2, 2]),
        ["Ada", "wrote"],
        np.array([0, 4], np.int32),
        np.array([3, 9], np.int32),
        np.array([3, np.nan], np.float32),
    )
    before = replace(
        single,
        examples=replace(single.examples, answer_span=np.array([0, 1, 0], np.int32)),
        predictions=replace(single.predictions, several=spans),
    )
    write_examples(tmp_path / "e.parquet", before)
    after = read_examples(tmp_path / "e.parquet", {}, nbest=False)
    assert after.examples.digest() == before.examples.digest() != single.examples.digest()
    assert [repr(after.predictions.spans(k)) for k in range(3)] == [repr(before.predictions.spans(k)) for k in range(3)]
    row = pq.read_table(tmp_path / "e.parquet").to_pylist()[0]
    assert [answer["span"] for answer in row["answers"]] == [0, 1]
    assert [span["text"] for span in row["spans"]] == ["Ada", "wrote"]


def test_single_answers_take_no_further_columns(tmp_path: Path) -> None:
    write_examples(tmp_path / "e.parquet", evaluation())
    table = pq.read_table(tmp_path / "e.parquet")
    assert "spans" not in table.column_names
    assert list(table.to_pylist()[0]["answers"][0]) == ["text", "start"]


@pytest.mark.parametrize(("start", "end"), [(0, 25), (-1, 3), (5, 2), (-2, -1), (30, 31)])
def test_a_span_outside_of_its_context_is_told(start: int, end: int, tmp_path: Path) -> None:
    before = evaluation(nbest=False)
    starts, ends = before.predictions.char_start.copy(), before.predictions.char_end.copy()
    starts[2], ends[2] = start, end
    path = tmp_path / "examples.parquet"
    write_examples(path, replace(before, predictions=replace(before.predictions, char_start=starts, char_end=ends)))
    with pytest.raises(RunFolderError) as caught:
        read_examples(path, {})
    said = f"question 'c' has a span from {start} to {end}, but its context has {len(CONTEXT)} characters"
    assert str(caught.value).startswith(f"{path} cannot be read: {said}\n")
