"""Null odds as a classifier: against scipy, by hand, and against the official script's own figures."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from compare_tools import answer, articles, evaluation
from qatk.calibration.calibrate import apply_threshold
from qatk.evaluation.answerability import Answerability, answerability_of
from qatk.evaluation.evaluate import evaluate
from qatk.evaluation.risk import Walk, risk_curve
from qatk.evaluation.squad import exact_and_f1
from qatk.evaluation.thresholds import threshold_sweep
from qatk.plugins.host import PluginHost
from qatk.results.evaluation import Evaluation
from qatk.statistics.classification import (
    average_precision,
    brier_score,
    calibration_error,
    log_loss,
    reliability,
    roc_auc,
    step_area,
)
from qatk.statistics.logistic import no_answer_probability
from repository import SHARED, needs_shared_data

DATA = articles(240, 8)
SCORES = st.lists(st.tuples(st.integers(-4, 4).map(float), st.booleans()), min_size=2, max_size=40)


def judged(of: Evaluation) -> Answerability:
    found = answerability_of(of)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def reference() -> Evaluation:
    name = SHARED / "parity" / "reference"
    data, odds = SHARED / "squad2-mini" / "dev.json.gz", f"{name}.null_odds.json.gz"
    return evaluate(data, f"{name}.predictions.json.gz", null_odds=odds)


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


def test_without_equal_odds_everything_is_the_official_figure(host: PluginHost) -> None:
    of = evaluation(host, DATA, answer(DATA, 0.7, 1))
    assert len(np.unique(of.predictions.null_odds)) == len(DATA)
    found, swept = judged(of), threshold_sweep(of)
    for name in ("exact", "f1"):
        sweep, best = getattr(swept, name), getattr(swept, f"best_{name}")
        assert sweep.max() == sweep[best] == of.metrics[f"best_{name}"]
        assert swept.threshold[best] == of.metrics[f"best_{name}_thresh"]
    for name, curve in found.precision_recall.items():
        assert 100.0 * step_area(curve.x, curve.y) == of.metrics[f"pr_{name}_ap"]
    assert swept.f1[0] == pytest.approx(100 * (~DATA.has_answer).mean())
    assert (np.diff(swept.threshold) > 0).all()


@needs_shared_data
def test_curves_of_the_reference_have_the_official_areas(reference: Evaluation) -> None:
    expected = json.loads((SHARED / "parity" / "expected.json").read_text())["reference"]["official"]
    found = judged(reference)
    assert set(found.precision_recall) == {"exact", "f1", "oracle"}
    for name, curve in found.precision_recall.items():
        area = 100.0 * step_area(curve.x, curve.y)
        assert area == reference.metrics[f"pr_{name}_ap"] == expected[f"pr_{name}_ap"]


@needs_shared_data
def test_every_point_of_the_sweep_can_be_reached(reference: Evaluation) -> None:
    sweep, predictions = threshold_sweep(reference), reference.predictions
    for at in [0, sweep.best_exact, sweep.best_f1, len(sweep.threshold) - 1]:
        told = apply_threshold(reference.examples, replace(predictions, nbest=None), float(sweep.threshold[at]))
        exact, f1 = exact_and_f1(reference.examples, told.text)
        assert (sweep.exact[at], sweep.f1[at]) == pytest.approx((100 * exact.mean(), 100 * f1.mean()))


def test_with_best_spans_the_sweep_turns_abstentions_into_answers(host: PluginHost) -> None:
    of = evaluation(host, DATA, answer(DATA, 0.7, 1))
    assert of.predictions.nbest is not None
    swept = threshold_sweep(of)
    assert swept.full
    assert (swept.threshold > 0).sum() > 9, "above the threshold that was used"
    for at in range(0, len(swept.threshold), 7):
        told = apply_threshold(DATA, of.predictions, float(swept.threshold[at]))
        exact, f1 = exact_and_f1(DATA, told.text)
        assert (swept.exact[at], swept.f1[at]) == pytest.approx((100 * exact.mean(), 100 * f1.mean()))
    assert len(set(swept.f1[swept.threshold > 0].tolist())) > 1, "not flat there"


def test_without_best_spans_the_sweep_ends_at_the_last_answer(host: PluginHost) -> None:
    of = evaluation(host, DATA, answer(DATA, 0.7, 1))
    swept = threshold_sweep(replace(of, predictions=replace(of.predictions, nbest=None)))
    answered = np.array([text != "" for text in of.predictions.text])
    assert not swept.full
    assert swept.threshold[-1] == of.predictions.null_odds[answered].max()
    assert swept.f1[-1] == pytest.approx(of.metrics["f1"])


@needs_shared_data
def test_the_official_best_lies_between_equal_odds_where_no_threshold_falls(reference: Evaluation) -> None:
    sweep, predictions = threshold_sweep(reference), reference.predictions
    for name, figures in (("exact", sweep.exact), ("f1", sweep.f1)):
        claimed, at = reference.metrics[f"best_{name}"], reference.metrics[f"best_{name}_thresh"]
        assert (predictions.null_odds == at).sum() > 1
        assert figures.max() < claimed
        assert figures[np.flatnonzero(sweep.threshold == at)[0]] < claimed


def test_risk_falls_on_the_decisions_taken_and_not_on_the_order_of_equals(host: PluginHost) -> None:
    said = answer(DATA, 0.6, 1)
    shifted = replace(said, null_score=(said.null_score + 3).astype(np.float32))  # the same answers, other odds
    of = evaluation(host, DATA, shifted)
    found = judged(of)
    answered = np.array([text != "" for text in said.text])
    surest = np.argsort(-np.where(answered, -shifted.null_odds, shifted.null_odds), kind="stable")
    wrong = np.cumsum(1 - of.per_question["exact"][surest])
    assert found.risk_coverage.y == pytest.approx(wrong / np.arange(1, len(DATA) + 1))
    assert found.risk_coverage.x[-1] == 1
    assert found.risk_coverage.y[-1] == pytest.approx(1 - of.metrics["exact"] / 100)
    equal = replace(said, null_score=np.where(answered, -1, 1).astype(np.float32))
    level = judged(evaluation(host, DATA, equal)).risk_coverage.y
    assert level == pytest.approx(np.full(len(DATA), level[-1]))


def test_bins_hold_every_question_once_and_their_error_is_the_mean_distance() -> None:
    rng = np.random.default_rng(0)
    probability = rng.random(4001)
    sound = reliability(probability, rng.random(4001) < probability)
    assert sum(b.count for b in sound) == 4001
    assert max(b.count for b in sound) - min(b.count for b in sound) <= 1
    assert calibration_error(sound) < 0.03
    certain = reliability(np.full(100, 0.9), np.arange(100) < 50)
    assert sum(b.share * b.count for b in certain) == pytest.approx(50)
    assert calibration_error(reliability(np.full(3, 0.75), np.ones(3, np.bool_))) == pytest.approx(0.25)


TIED = st.tuples(st.sampled_from([0.1, 0.5, 0.7, 0.9]), st.booleans())


@given(st.lists(TIED, min_size=1, max_size=60), st.randoms())
@settings(deadline=None)
def test_bins_do_not_hang_on_the_order_of_questions(pairs: list[tuple[float, bool]], chance: random.Random) -> None:
    mixed = chance.sample(pairs, len(pairs))
    found = [reliability(*map(np.array, zip(*each, strict=True))) for each in (sorted(pairs), mixed)]
    assert [b.count for b in found[0]] == [b.count for b in found[1]]
    assert calibration_error(found[0]) == pytest.approx(calibration_error(found[1]))
    assert sum(b.count for b in found[0]) == len(pairs)


def test_equal_probabilities_are_one_bin_even_in_a_sorted_file() -> None:
    """Cut by tens, the sorted file would show 0.5 beside 0, 0 ... 1, 1: an error of one half, of nothing wrong."""
    probability, positive = np.full(100, 0.5), np.arange(100) < 50
    assert len(reliability(probability, positive)) == 1
    assert calibration_error(reliability(probability, positive)) == 0


def test_brier_and_log_loss_by_hand() -> None:
    probability, positive = np.array([0.9, 0.2, 1.0]), np.array([True, True, False])
    assert brier_score(probability, positive) == pytest.approx((0.01 + 0.64 + 1) / 3)
    assert log_loss(probability[:2], positive[:2]) == pytest.approx(-(math.log(0.9) + math.log(0.2)) / 2)
    assert log_loss(probability[2:], positive[2:]) == pytest.approx(53 * math.log(2))


def test_without_odds_there_is_nothing_to_judge(host: PluginHost) -> None:
    assert answerability_of(evaluation(host, DATA, answer(DATA, 0.5, 1, odds=False))) is None


def test_probabilities_stay_sound_at_the_ends() -> None:
    assert no_answer_probability(np.array([-np.inf, 0.0, np.inf])).tolist() == [0.0, 0.5, 1.0]


def test_each_point_of_the_risk_curve_counts_the_answers_of_its_threshold(host: PluginHost) -> None:
    of = evaluation(host, DATA, answer(DATA, 0.6, 1))
    assert of.predictions.nbest is not None
    best = [of.predictions.nbest.text[k] for k in of.predictions.nbest.offsets[:-1].tolist()]
    wrong = 1 - exact_and_f1(DATA, best)[0]
    curve = risk_curve(of, 20)
    assert len(curve) == 20
    for point in curve:
        given = of.predictions.null_odds <= point.threshold
        assert (point.answered, point.wrong) == (given.mean(), pytest.approx(wrong[given].mean()))
        assert point.low < point.wrong < point.high
    alone = risk_curve(replace(of, cluster="context"), 20)
    assert all(a.high > b.high for a, b in zip(curve, alone, strict=True)), "articles go together"


def test_nothing_answered_has_no_risk() -> None:
    odds, none = np.zeros(3), np.zeros(3, np.bool_)
    assert Walk.over(odds, none, none, np.arange(3)).rows(5) == []
