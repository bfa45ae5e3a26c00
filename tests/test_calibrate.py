"""Answerability as a classifier, and thresholds that never saw what they are scored on."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from compare_tools import answer, articles, evaluation, squad_of, write_run
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scoring_cases import SHARED
from small import write_recipe
from typer.testing import CliRunner

import qatk
from qatk.answerability import answerability, average_precision, no_answer_probability, roc_auc
from qatk.calibration import apply_threshold, calibrate, clusters_of, cross_fit, halves
from qatk.cli import app
from qatk.errors import DataError, QatkError
from qatk.evaluation import evaluate
from qatk.plugins import PluginHost
from qatk.results import Evaluation
from qatk.types import Predictions

DATA = articles(240, 8)
SCORES = st.lists(st.tuples(st.integers(-4, 4).map(float), st.booleans()), min_size=2, max_size=40)


@pytest.fixture(scope="module")
def shifted(host: PluginHost) -> Evaluation:
    """A system whose null odds are right, but for 3 too high: at threshold 0 it hardly answers."""
    told = answer(DATA, 0.9, 1)
    null = (told.null_score + 3).astype(np.float32)
    return evaluation(host, DATA, apply_threshold(DATA, replace(told, null_score=null), 0.0))


@given(SCORES)
@settings(deadline=None)
def test_the_area_is_that_of_mann_and_whitney(pairs: list[tuple[float, bool]]) -> None:
    score, positive = np.array([s for s, _ in pairs]), np.array([p for _, p in pairs])
    found = roc_auc(score, positive)
    if positive.all() or not positive.any():
        assert math.isnan(found)
    else:
        u = stats.mannwhitneyu(score[positive], score[~positive]).statistic
        assert found == pytest.approx(u / (positive.sum() * (~positive).sum()))


def test_average_precision_by_hand() -> None:
    assert average_precision(np.array([3.0, 2.0, 1.0]), np.array([True, False, True])) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(np.array([1.0, 1.0]), np.array([True, False])) == 0.5
    assert math.isnan(average_precision(np.array([1.0]), np.array([False])))


def test_the_sweep_peaks_where_the_official_best_is(shifted: Evaluation) -> None:
    found = answerability(shifted)
    assert found is not None
    for name in ("exact", "f1"):
        curve = getattr(found.sweep, name)
        assert curve.max() == pytest.approx(shifted.metrics[f"best_{name}"])
        area = (found.precision_recall[name].y * np.diff(found.precision_recall[name].x, prepend=0)).sum()
        assert 100 * area == pytest.approx(shifted.metrics[f"pr_{name}_ap"])
    assert found.sweep.f1[0] == pytest.approx(100 * (~DATA.has_answer).mean())
    assert (np.diff(found.sweep.threshold) > 0).all()
    assert found.risk_coverage.x[-1] == 1
    assert found.risk_coverage.y[-1] == pytest.approx(1 - shifted.metrics["exact"] / 100)
    assert sum(b.count for b in found.reliability) == len(DATA)


def test_without_odds_there_is_nothing_to_judge(host: PluginHost) -> None:
    assert answerability(evaluation(host, DATA, answer(DATA, 0.5, 1, odds=False))) is None


@pytest.mark.skipif(not SHARED.exists(), reason="needs the shared SQuAD data")
def test_curves_of_the_reference_are_the_official_ones() -> None:
    data, name = SHARED / "squad2-mini" / "dev.json.gz", SHARED / "parity" / "reference"
    odds = f"{name}.null_odds.json.gz"
    judged = evaluate(data, f"{name}.predictions.json.gz", null_odds=odds)
    found = answerability(judged)
    assert found is not None
    for curve, points in found.precision_recall.items():
        area = float(np.cumsum(points.y * np.diff(points.x, prepend=0.0))[-1])
        assert 100 * area == pytest.approx(judged.metrics[f"pr_{curve}_ap"], rel=1e-6)


def test_halves_keep_articles_whole_and_are_about_equal() -> None:
    clusters, kind = clusters_of(DATA)
    assert kind == "article"
    for seed in range(10):
        half = halves(clusters, seed)
        assert all(len(set(half[clusters == c])) == 1 for c in set(clusters.tolist()))
        assert abs(half.sum() - (~half).sum()) <= 30
    assert (halves(clusters, 3) == halves(clusters, 3)).all()
    untitled = replace(DATA, title=[""] * len(DATA))
    assert clusters_of(untitled)[1] == "context"


def test_a_shift_of_the_odds_is_found_and_held_out(shifted: Evaluation) -> None:
    found = calibrate(shifted)
    assert 2 < found.fitted.threshold < 5
    assert found.full
    first = found.splits[0]
    assert first.f1 > found.at_zero["f1"] + 20
    assert all(split.f1 <= found.oracle["f1"] + 1e-9 for split in found.splits)
    assert first.calibration_error < found.calibration_error


def test_the_oracle_is_the_best_of_all_thresholds(shifted: Evaluation) -> None:
    found = calibrate(shifted)
    edges = np.unique(shifted.predictions.null_odds)
    tried = [calibrated_f1(shifted, t) for t in [edges[0] - 1, *((edges[1:] + edges[:-1]) / 2), edges[-1] + 1]]
    assert found.oracle["f1"] == pytest.approx(max(tried))
    assert calibrated_f1(shifted, found.fitted.threshold) == pytest.approx(max(tried))


def calibrated_f1(of: Evaluation, threshold: float) -> float:
    from qatk.scoring import exact_and_f1

    return 100 * float(exact_and_f1(DATA, apply_threshold(DATA, of.predictions, threshold).text)[1].mean())


def test_each_half_is_answered_by_the_threshold_of_the_other(shifted: Evaluation) -> None:
    predictions, found = cross_fit(DATA, shifted.predictions)
    half = halves(clusters_of(DATA)[0], 13)
    expected = np.where(half, *found.thresholds)
    answered = np.array([text != "" for text in predictions.text])
    assert (answered <= (predictions.null_odds <= expected)).all()
    assert 100 * np.mean([*_scores(predictions)]) == pytest.approx(found.f1)
    # what the questions of a half are answered does not depend on their own gold
    changed = replace(
        DATA, answer_text=["guild" if half[row] else t for row, t in _rows()], answer_start=DATA.answer_start
    )
    again = cross_fit(changed, shifted.predictions)[1]
    assert again.thresholds[0] == found.thresholds[0]


def _rows() -> list[tuple[int, str]]:
    counts = np.diff(DATA.answer_offsets) if DATA.answer_offsets is not None else []
    return list(zip(np.repeat(np.arange(len(DATA)), counts).tolist(), DATA.answer_text, strict=True))


def _scores(predictions: Predictions) -> np.ndarray:
    from qatk.scoring import exact_and_f1

    return exact_and_f1(DATA, predictions.text)[1]


def test_a_threshold_gives_slices_of_the_context_and_takes_answers_away(shifted: Evaluation) -> None:
    numbers = []
    for threshold in (-99.0, 0.0, 2.0, 99.0):
        found = apply_threshold(DATA, shifted.predictions, threshold)
        for row, (text, a, b) in enumerate(zip(found.text, found.char_start, found.char_end, strict=True)):
            assert text == (DATA.context_of(row)[a:b] if a >= 0 else "")
        numbers.append(sum(map(bool, found.text)))
    assert numbers == sorted(numbers)
    assert numbers[0] == 0


def test_probabilities_stay_sound_at_the_ends() -> None:
    assert no_answer_probability(np.array([-np.inf, 0.0, np.inf])).tolist() == [0.0, 0.5, 1.0]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d: d.take(np.flatnonzero(~d.has_answer)), "no question has"),
        (lambda d: d.take(np.flatnonzero(d.has_answer)), "every question has"),
        (lambda d: d.take(range(4)), "none can be held out"),
    ],
)
def test_what_cannot_be_calibrated_is_told(spoil, message: str, host: PluginHost) -> None:  # type: ignore[no-untyped-def]
    examples = spoil(DATA)
    with pytest.raises(DataError, match=message):
        calibrate(evaluation(host, examples, answer(examples, 0.5, 1)))


def call(*arguments: object) -> str:
    done = CliRunner(env={"COLUMNS": "100"}).invoke(app, ["calibrate", *map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0
    return done.stdout


def test_the_command_writes_into_the_run(shifted: Evaluation, tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", shifted)
    shown = call(run)
    assert "oracle" in shown
    assert "held out" in shown
    written = json.loads((run / "calibration.json").read_text())
    assert written == json.loads(call(run, "--json"))
    assert written["count"] == 8
    (run / "calibration.json").unlink()
    call(run, "--no-write")
    assert not (run / "calibration.json").exists()


def test_prediction_files_can_be_calibrated(shifted: Evaluation, tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text(json.dumps(squad_of(DATA)))
    for name, values in (("said", shifted.predictions.text), ("odds", shifted.predictions.null_odds.tolist())):
        (tmp_path / f"{name}.json").write_text(json.dumps(dict(zip(DATA.id, values, strict=True))))
    shown = call(tmp_path / "said.json", "--data", tmp_path / "data.json", "--null-odds", tmp_path / "odds.json")
    assert "thresholds can only take answers away" in shown
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.json", "odds.json", "said.json"]


def test_mistakes_are_one_message(shifted: Evaluation, host: PluginHost, tmp_path: Path) -> None:
    bare = write_run(tmp_path / "bare", evaluation(host, DATA, answer(DATA, 0.5, 1, odds=False)))
    begun = write_run(tmp_path / "begun", shifted, stages=["predict"])
    file = tmp_path / "said.json"
    file.write_text("{}")
    for arguments, message in (
        ([bare], "no null odds"),
        ([begun], "unfinished"),
        ([tmp_path / "nowhere"], "nowhere"),
        ([file], "is a file"),
        ([file, "--data", file], "no null odds"),
    ):
        with pytest.raises(QatkError, match=message):
            call(*arguments)


def test_a_run_is_scored_by_thresholds_of_other_contexts(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, train=64, dev=24, max_steps=4)
    setting = ["decoder.null_threshold=calibrated"]
    result = qatk.run(recipe, out=tmp_path / "run", settings=setting)
    written = json.loads((tmp_path / "run" / "calibration.json").read_text())
    assert written["clusters"] == "context"
    assert result.metrics["f1"] == pytest.approx(written["held_out"]["f1"]["first"])
    assert result.manifest["calibration"]["thresholds"] == written["thresholds"][0]
    plain = qatk.run(recipe, out=tmp_path / "plain")
    np.testing.assert_array_equal(plain.evaluation.predictions.null_odds, result.evaluation.predictions.null_odds)


def test_a_run_that_cannot_be_calibrated_stops_before_training(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, train=16, dev=2, max_steps=1)
    data = json.loads((tmp_path / "dev.json").read_text())
    data["data"][0]["paragraphs"] = data["data"][0]["paragraphs"][:1]
    (tmp_path / "dev.json").write_text(json.dumps(data))
    with pytest.raises(DataError, match="no question has an answer"):
        qatk.run(recipe, out=tmp_path / "run", settings=["decoder.null_threshold=calibrated"])
    assert not (tmp_path / "run" / "model").exists()


@pytest.mark.skipif(not SHARED.exists(), reason="needs the shared SQuAD data")
def test_the_example_in_the_docs_is_what_is_found() -> None:
    name = SHARED / "parity" / "reference"
    data = SHARED / "squad2-mini" / "dev.json.gz"
    arguments = [f"{name}.predictions.json.gz", "--data", data, "--null-odds", f"{name}.null_odds.json.gz", "--json"]
    found = json.loads(call(*arguments))
    page = (Path(__file__).parents[1] / "docs" / "calibrate.md").read_text("utf-8")
    held = found["held_out"]
    for cells in (
        f"| 0 | {found['at_zero']['exact']:.2f} | {found['at_zero']['f1']:.2f} |",
        f"| held out | {held['exact']['mean']:.2f} | {held['f1']['mean']:.2f} | {held['f1']['least']:.2f} to ",
        f"| oracle, fitted on it | {found['oracle']['exact']:.2f} | {found['oracle']['f1']:.2f} |",
    ):
        assert cells in page
