"""The ensemble decoder against plain loops, with run folders on disk."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from min_null_tools import INF, Window, examples, features, n_best
from qatk.api import Examples, Features, Predictions, SpanCandidates, SpanScores, UsageError
from qatk.errors import RunFolderError
from qatk.files import write_json
from qatk.results.evaluation import Evaluation
from qatk.run_folder.examples_table import write_examples
from qatk.run_folder.manifest import FORMAT
from qatk.testing import check_component
from qatk_builtin.decoders import EnsembleOptions, MergeWindowsOptions, MinNullOptions
from qatk_builtin.decoders.ensemble import EnsembleDecoder
from qatk_builtin.decoders.merge_windows import MergeWindowsDecoder
from qatk_builtin.decoders.min_null import MinNullDecoder

CONTEXT = "abcdefghijklmnopqrstuvwxyz" * 2

Kept = dict[tuple[int, int], float]
"""A question's spans with their scores."""
SPANS = st.dictionaries(st.sampled_from([(0, 1), (0, 3), (2, 3), (4, 6)]), st.sampled_from([-2.0, 0.0, 1.0, 3.5]))
NULLS = st.sampled_from([-1.0, 0.0, 4.0])


def given_spans(rows: list[Kept], nulls: list[float], ids: str = "q") -> tuple[Examples, Features, SpanScores]:
    """One window a question, of seven tokens of one character each."""
    windows = [Window(k, [(a, a + 1) for a in range(7)], [0.0] * 7, [0.0] * 7) for k in range(len(rows))]
    spans = [(k, a, b - 1, score) for k, row in enumerate(rows) for (a, b), score in row.items()]
    columns = [np.array([span[c] for span in spans], np.int32) for c in range(3)]
    candidates = SpanCandidates(*columns, np.array([span[3] for span in spans], np.float32))
    asked = replace(examples([CONTEXT] * len(rows)), id=[f"{ids}{k}" for k in range(len(rows))])
    return asked, features(windows), SpanScores(np.array(nulls, np.float32), candidates=candidates)


def finished(folder: Path, asked: Examples, found: Predictions) -> str:
    """A run folder with these predictions."""
    folder.mkdir()
    write_examples(folder / "examples.parquet", Evaluation(asked, found, {}, {}))
    write_json(folder / "metrics.json", {})
    stages = {"score": {"seconds": 1.0, "counts": {}}}
    write_json(
        folder / "manifest.json", {"format": FORMAT, "identity": {"recipe": ""}, "name": folder.name, "stages": stages}
    )
    (folder / "events.jsonl").write_text("")
    return str(folder)


def run_of(folder: Path, rows: list[Kept], nulls: list[float], ids: str = "q") -> str:
    asked, *windows = given_spans(rows, nulls, ids)
    return finished(folder, asked, MinNullDecoder(MinNullOptions(null_threshold="never")).decode(asked, *windows))


def ensemble(runs: list[str], rows: list[Kept], nulls: list[float], **options: Any) -> Predictions:
    return EnsembleDecoder(EnsembleOptions(runs=runs, **options)).decode(*given_spans(rows, nulls))


def probability_by_hand(models: list[tuple[Kept, float]]) -> tuple[Kept, float]:
    """Logarithms of mean probabilities."""
    totals = [sum(map(math.exp, [*kept.values(), null])) for kept, null in models]
    spans = {span for kept, _ in models for span in kept}
    mean = {
        span: sum(math.exp(kept[span]) / t for (kept, _), t in zip(models, totals, strict=True) if span in kept)
        for span in spans
    }
    none = sum(math.exp(null) / t for (_, null), t in zip(models, totals, strict=True))
    return {span: math.log(p / len(models)) for span, p in mean.items()}, math.log(none / len(models))


def score_by_hand(models: list[tuple[Kept, float]]) -> tuple[Kept, float]:
    counted = [kept for kept, _ in models if kept]
    spans = {span for kept in counted for span in kept}
    mean = {span: sum(kept.get(span, min(kept.values())) for kept in counted) / len(counted) for span in spans}
    return mean, sum(null for _, null in models) / len(models)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 3), st.integers(1, 3), st.sampled_from(["probability", "score"]))
def test_an_ensemble_is_what_plain_loops_give(data: st.DataObject, models: int, questions: int, by: str) -> None:
    rows = data.draw(
        st.lists(st.lists(SPANS, min_size=questions, max_size=questions), min_size=models, max_size=models)
    )
    nulls = data.draw(
        st.lists(st.lists(NULLS, min_size=questions, max_size=questions), min_size=models, max_size=models)
    )
    with TemporaryDirectory() as folder:
        runs = [run_of(Path(folder) / str(m), rows[m], nulls[m]) for m in range(1, models)]
        found = ensemble(runs, rows[0], nulls[0], by=by)
        backward = ensemble(runs[::-1], rows[0], nulls[0], by=by)
    for k in range(questions):
        mine = [(rows[m][k], nulls[m][k]) for m in range(models)]
        spans, null = (probability_by_hand if by == "probability" else score_by_hand)(mine)
        kept = {(a, b): score for _, a, b, score in n_best(found, k)}
        assert kept == pytest.approx(spans, abs=1e-5)
        assert found.null_score[k] == pytest.approx(null, abs=1e-5)
        scores = [score for *_, score in n_best(found, k)]
        assert scores == sorted(scores, reverse=True)
        assert found.score[k] == (scores[0] if scores else -INF)
        assert found.text[k] == (n_best(found, k)[0][0] if scores and found.null_odds[k] <= 0 else "")
    assert found.score.tolist() == pytest.approx(backward.score.tolist(), abs=1e-5)


@pytest.mark.parametrize("by", ["probability", "score"])
def test_an_ensemble_of_one_says_what_min_null_says(by: str) -> None:
    rows, nulls = [{(0, 3): 2.0, (2, 3): 1.0}, {(4, 6): -1.0}, {}], [1.0, 2.0, -3.0]
    asked, windows, scores = given_spans(rows, nulls)
    due = MinNullDecoder(MinNullOptions()).decode(asked, windows, scores)
    found = ensemble([], rows, nulls, by=by)
    assert list(found.text) == list(due.text) == ["abc", "", ""]
    assert found.null_odds == pytest.approx(due.null_odds, abs=1e-5)
    assert found.nbest is not None
    assert due.nbest is not None
    assert found.nbest.probability == pytest.approx(due.nbest.probability, abs=1e-5)


def test_two_that_agree_outvote_the_one_that_is_surest(tmp_path: Path) -> None:
    agreed: Kept = {(0, 3): 2.0, (2, 3): 0.0}
    runs = [run_of(tmp_path / name, [agreed], [0.0]) for name in ("one", "other")]
    rows: list[Kept] = [{(4, 6): 50.0, (0, 1): -9.0}]
    assert list(ensemble(runs, rows, [0.0], by="probability").text) == ["abc"]
    assert list(ensemble(runs, rows, [0.0], by="score").text) == ["ef"]
    assert ensemble(runs, rows, [0.0], by="probability", n_best_size=2).nbest.offsets.tolist() == [0, 2]  # type: ignore[union-attr]


def test_an_ensemble_joins_by_question_whatever_the_order(tmp_path: Path) -> None:
    asked, *windows = given_spans([{(0, 1): 5.0}, {(2, 3): 5.0}], [0.0, 0.0])
    found = MinNullDecoder(MinNullOptions()).decode(asked, *windows)
    turned = np.array([1, 0])
    run = finished(tmp_path / "run", asked.take(turned), found.take(turned))
    assert list(ensemble([run], [{(0, 1): 0.0}, {(2, 3): 0.0}], [0.0, 0.0]).text) == ["a", "c"]


def test_an_ensemble_needs_runs_of_the_same_questions(tmp_path: Path) -> None:
    rows, nulls = [{(0, 1): 1.0}, {(0, 1): 1.0}], [0.0, 0.0]
    few = run_of(tmp_path / "few", rows[:1], nulls[:1])
    with pytest.raises(UsageError, match="did not answer 1 of 2 questions, such as q1"):
        ensemble([few], rows, nulls)
    asked, *windows = given_spans(rows, nulls)
    found = MinNullDecoder(MinNullOptions()).decode(asked, *windows)
    other = finished(tmp_path / "other", replace(asked, context=["a" * 52, CONTEXT]), found)
    with pytest.raises(UsageError, match="answered q0 about another context"):
        ensemble([other], rows, nulls)
    bare = finished(tmp_path / "bare", asked, replace(found, nbest=None))
    with pytest.raises(UsageError, match="kept no best spans"):
        ensemble([bare], rows, nulls)
    with pytest.raises(RunFolderError, match="not a run folder"):
        ensemble([str(tmp_path / "none")], rows, nulls)


@pytest.mark.parametrize("by", ["probability", "score"])
def test_ensemble_keeps_the_promises_of_decoders(by: str) -> None:
    check_component("decoder", EnsembleDecoder, EnsembleOptions(runs=[], by=by))


def test_thresholds_of_an_ensemble() -> None:
    rows, nulls = [{(0, 1): 1.0}], [3.0]
    texts = [ensemble([], rows, nulls, null_threshold=t).text[0] for t in (1.9, 2.1, "never", "calibrated")]
    assert texts == ["", "a", "a", ""]
    assert EnsembleDecoder(EnsembleOptions(runs=[], null_threshold="calibrated")).calibrated
    assert MergeWindowsDecoder(MergeWindowsOptions(null_threshold="calibrated")).calibrated
