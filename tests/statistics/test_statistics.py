"""Tests, intervals and corrections agree with scipy and statsmodels where these have the same, and with arithmetic."""

from __future__ import annotations

import gc
import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.multitest import multipletests

from qatk.display import interval
from qatk.statistics.bootstrap import paired_bootstrap
from qatk.statistics.intervals import mean_interval, mean_interval_over_seeds
from qatk.statistics.resampling import (
    _weights,
    percentile_interval,
    reach,
    resampled_means,
)
from qatk.statistics.significance import (
    approximate_randomisation,
    clustered_p,
    detectable_difference,
    holm,
    mcnemar,
    standard_error,
    student_interval,
    two_way_error,
)
from qatk.statistics.student import student_quantile


def differences(n: int, seed: int = 0, shift: float = 0.05) -> np.ndarray:
    """Like those of F1: mostly 0, else anywhere from -1 to 1."""
    generator = np.random.default_rng(seed)
    return np.where(generator.random(n) < 0.4, np.clip(generator.normal(shift, 0.6, n), -1, 1), 0.0)[:, None]


@pytest.mark.parametrize(
    ("wins", "losses"), [(0, 0), (1, 0), (0, 7), (3, 9), (12, 11), (250, 180), (4000, 900), (5, 5)]
)
def test_mcnemar_is_the_exact_binomial_test(wins: int, losses: int) -> None:
    expected = stats.binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    assert mcnemar(wins, losses) == pytest.approx(expected, rel=1e-9, abs=1e-300)
    assert mcnemar(losses, wins) == mcnemar(wins, losses)


@given(st.integers(0, 300), st.integers(0, 300))
@settings(max_examples=30, deadline=None)
def test_mcnemar_agrees_with_statsmodels(wins: int, losses: int) -> None:
    expected = reference_mcnemar([[50, wins], [losses, 40]], exact=True).pvalue
    assert mcnemar(wins, losses) == pytest.approx(float(expected), rel=1e-9)


def test_randomisation_agrees_with_scipy() -> None:
    d = differences(400)
    expected = stats.permutation_test(
        (d[:, 0], np.zeros(400)),
        lambda x, y, axis: (x - y).mean(axis=axis),
        permutation_type="samples",
        n_resamples=20_000,
        vectorized=True,
        rng=np.random.default_rng(1),
    ).pvalue
    found = approximate_randomisation(d, draws=20_000)[0, 0]
    assert 0.01 < expected < 0.9
    assert found == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / 10_000))


def test_randomisation_of_a_few_questions_is_near_all_their_swaps() -> None:
    d = np.array([1.0, 0.5, 1 / 3, -0.25, 0.6, 1.0, 0.0, 0.0])
    swapped = [abs(sum(s * x for s, x in zip(signs, d, strict=True))) for signs in product((-1, 1), repeat=8)]
    share = np.mean(np.array(swapped) >= abs(d.sum()) - 1e-12)
    assert approximate_randomisation(d[:, None])[0, 0] == pytest.approx(share, abs=0.015)


def test_randomisation_counts_what_was_seen_and_its_own_draw() -> None:
    assert approximate_randomisation(np.ones((200, 1)), draws=999)[0, 0] == 1 / 1000
    assert approximate_randomisation(np.zeros((50, 2)), draws=99).tolist() == [[1.0, 1.0]]
    one = np.zeros((50, 1))
    one[7] = 0.3  # one question: every swap is as far from 0, however the sums are rounded
    assert approximate_randomisation(one, draws=99)[0, 0] == 1.0


def test_groups_and_columns_are_tested_as_by_themselves() -> None:
    d = np.concatenate([differences(300, 1), differences(300, 2)], axis=1)
    masks = np.stack([np.ones(300, bool), np.arange(300) % 2 == 0, np.arange(300) < 10])
    together = approximate_randomisation(d, masks, draws=4000)
    for i, mask in enumerate(masks):
        for j in range(2):
            alone = approximate_randomisation(d[mask][:, [j]], draws=4000)[0, 0]
            assert together[i, j] == pytest.approx(alone, abs=0.05)


@pytest.mark.parametrize("n", [800, 5000])
def test_the_bootstrap_by_question_agrees_with_scipy(n: int) -> None:
    d = differences(n)
    expected = stats.bootstrap((d[:, 0],), np.mean, n_resamples=10_000, method="percentile", rng=0).confidence_interval
    low, high = paired_bootstrap(d)[:, 0, 0]
    width = expected.high - expected.low
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=0.03 * width)


def test_a_group_is_drawn_as_by_itself() -> None:
    d, half = differences(600), np.arange(600) < 300
    masks = np.stack([np.ones(600, bool), half])
    together, alone = paired_bootstrap(d, masks)[:, 1, 0], paired_bootstrap(d[half])[:, 0, 0]
    assert together == pytest.approx(alone, abs=0.06 * (alone[1] - alone[0]))


def test_many_groups_are_dealt_out_without_changing_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    d = np.concatenate([differences(90, 1), differences(90, 2)], axis=1)
    masks = np.random.default_rng(0).random((7, 90)) < 0.5
    whole = [paired_bootstrap(d, masks, draws=500), approximate_randomisation(d, masks, draws=500)]
    monkeypatch.setattr("qatk.statistics.resampling._HELD", 500 * 3 * 2)
    monkeypatch.setattr("qatk.statistics.resampling._BLOCK", 100)
    parts = [paired_bootstrap(d, masks, draws=500), approximate_randomisation(d, masks, draws=500)]
    assert np.allclose(whole[0], parts[0], atol=1e-6)
    assert np.array_equal(whole[1], parts[1])


def test_the_same_seed_gives_the_same_numbers_and_another_gives_others() -> None:
    d = differences(150)
    assert np.array_equal(paired_bootstrap(d, seed=5), paired_bootstrap(d, seed=5))
    assert not np.array_equal(paired_bootstrap(d, seed=5), paired_bootstrap(d, seed=6))
    assert np.array_equal(approximate_randomisation(d, seed=5), approximate_randomisation(d, seed=5))


def test_draws_take_as_many_units_as_there_are_each_equally_often() -> None:
    table = np.eye(9)
    (_, means), *rest = resampled_means(table, np.ones((1, 9), bool), 4000, 1)
    assert not rest
    assert np.allclose(means.sum(axis=2), 1)
    assert means[:, 0].mean(axis=0) == pytest.approx(np.full(9, 1 / 9), abs=0.01)
    assert means[:, 0].var(axis=0) == pytest.approx(np.full(9, 8 / 81 / 9), rel=0.1)


@pytest.mark.parametrize("units", [999, 1000, 4096])
def test_units_are_drawn_once_on_average_as_poisson_says(units: int) -> None:
    counts = np.concatenate(list(_weights(units, 300, np.random.default_rng(0))))
    assert counts.shape == (300, units)
    assert counts.mean() == pytest.approx(1, abs=0.01)
    shares = np.bincount(counts.astype(np.int64).ravel(), minlength=6)[:6] / counts.size
    assert shares == pytest.approx(stats.poisson.pmf(np.arange(6), 1), abs=0.006)
    by_unit = counts.mean(axis=0)
    assert by_unit.var() == pytest.approx(1 / 300, rel=0.2)
    assert np.corrcoef(counts[:, 0], counts[:, 1])[0, 1] == pytest.approx(0, abs=0.2)


def test_a_draw_without_a_question_of_the_group_does_not_count() -> None:
    generator = np.random.default_rng(0)
    d, masks = generator.random((30, 1)), np.arange(30)[None] < 6
    low, high = paired_bootstrap(d, masks)[:, 0, 0]
    assert d[:6].min() <= low < d[:6].mean() < high <= d[:6].max()


def test_one_unit_gives_no_interval() -> None:
    d, masks = differences(10), np.arange(10)[None] == 3
    assert np.isnan(paired_bootstrap(d, masks)).all()
    assert np.isnan(student_interval(d.mean(axis=0), standard_error(d, np.zeros(10, np.int64))[0], np.zeros(1))).all()
    assert np.isnan(standard_error(d, np.zeros(10, np.int64))).all()
    assert np.isnan(detectable_difference(np.ones(1), 0)).all()
    assert np.isnan(detectable_difference(np.zeros(1), 99)).all(), "no difference was seen: nothing to go by"


@pytest.mark.parametrize("units", [2, 3, 6, 20])
def test_intervals_of_few_units_hold_what_they_promise(units: int) -> None:
    """Plain percentiles of six units hold the truth in well below 90 of 100 cases, of two in 50."""
    generator = np.random.default_rng(8)
    inside = []
    for k in range(300):
        low, high = paired_bootstrap(generator.normal(0, 1, (units, 1)), draws=1000, seed=k)[:, 0, 0]
        inside.append(low <= 0 <= high)
    assert 0.91 < np.mean(inside) < 0.985


def test_many_units_have_the_plain_percentiles() -> None:
    drawn = np.random.default_rng(0).normal(size=(10_000, 1, 1)).astype(np.float32)
    assert percentile_interval(drawn, np.array([reach(10_000)]))[:, 0, 0] == pytest.approx(
        np.percentile(drawn, [2.5, 97.5]), abs=0.002
    )


def test_the_standard_error_is_the_usual_one_and_the_bootstraps() -> None:
    d = differences(500)
    assert standard_error(d)[0, 0] == pytest.approx(d.std(ddof=1) / math.sqrt(500))
    low, high = paired_bootstrap(d)[:, 0, 0]
    assert (high - low) / 2 / student_quantile(0.975, 499) == pytest.approx(standard_error(d)[0, 0], rel=0.06)


def test_the_detectable_difference_is_found_with_80_percent_power() -> None:
    generator = np.random.default_rng(4)
    wanted = detectable_difference(np.array([1.0]), 39)[0] / math.sqrt(40)
    found = stats.ttest_1samp(generator.normal(wanted, 1, (3000, 40)), 0, axis=1).pvalue < 0.05
    assert np.mean(found) == pytest.approx(0.8, abs=0.025)
    assert detectable_difference(np.array([1.0]), 10**6)[0] == pytest.approx(2.8016, abs=1e-3)
    corrected = detectable_difference(np.array([1.0]), 39, alpha=0.01)[0] / math.sqrt(40)
    found = stats.ttest_1samp(generator.normal(corrected, 1, (3000, 40)), 0, axis=1).pvalue < 0.01
    assert np.mean(found) == pytest.approx(0.8, abs=0.025)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
@settings(max_examples=40, deadline=None)
def test_holm_agrees_with_statsmodels(p: list[float]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "collect", int)  # statsmodels collects at every call, which takes a third of a second
        expected = multipletests(p, method="holm")[1]
    assert holm(np.array(p)) == pytest.approx(expected)


def test_the_interval_of_a_mean_goes_by_its_clusters() -> None:
    """By hand: yes-or-no values in ten clusters of twenty alike, so that ten values are all there is."""
    values, clusters = np.repeat(np.array([1.0, 0, 1, 1, 0, 1, 1, 1, 0, 1]), 20), np.repeat(np.arange(10), 20)
    alone = values.var(ddof=1) / 200
    together = values.reshape(10, 20)[:, 0].var(ddof=1) / 10
    n, t = 200 / (together / alone), stats.t.ppf(0.975, 9)
    centre, half = (0.7 + t**2 / (2 * n)) / (1 + t**2 / n), t / (1 + t**2 / n) * math.sqrt(0.21 / n + t**2 / (4 * n**2))
    assert mean_interval(values, clusters) == pytest.approx((100 * (centre - half), 100 * (centre + half)), rel=1e-6)
    assert mean_interval(values)[0] > mean_interval(values, clusters)[0] + 10
    assert np.isnan(mean_interval(values, np.zeros(200, np.int64))).all(), "one cluster tells nothing of others"


def test_an_interval_of_nothing_but_zeros_has_a_width() -> None:
    low, high = mean_interval(np.zeros(3000), np.repeat(np.arange(6), 500))
    assert low == 0 < high
    assert interval((low, high)) == "0.0 to 0.2"
    assert interval((0.0, 0.004)) == "0.000 to 0.004"


def test_intervals_of_means_hold_the_truth_where_articles_differ() -> None:
    generator, owner = np.random.default_rng(4), np.repeat(np.arange(12), 40)
    held = []
    for _ in range(400):
        values = (generator.random(480) < 0.7 + generator.normal(0, 0.12, 12)[owner]).astype(float)
        held.append([low <= 70 <= high for low, high in (mean_interval(values, owner), mean_interval(values))])
    by_article, by_question = np.mean(held, axis=0)
    assert 0.92 <= by_article <= 0.985
    assert by_question < 0.85


@pytest.mark.parametrize(("articles", "each", "seeds"), [(6, 50, 3), (20, 10, 5)])
def test_intervals_over_seeds_hold_means_near_100_and_miss_on_both_sides(articles: int, each: int, seeds: int) -> None:
    generator, owner = np.random.default_rng(5), np.repeat(np.arange(articles), each)

    def drawn(of: np.ndarray, n: int, count: int) -> list[np.ndarray]:
        """So many seeds' answers to the same questions, whose logits articles, questions and seeds shift."""
        hard = 3.5 + of + generator.normal(0, 1, n)
        chances = (1 / (1 + np.exp(-(hard + generator.normal(0, 0.2)))) for _ in range(count))
        return [(generator.random(n) < chance).astype(float) for chance in chances]

    truth = 100 * np.mean([drawn(generator.normal(0, 0.5, 5000), 5000, 1) for _ in range(400)])
    assert 93 < truth < 97
    missed = []
    for _ in range(400):
        values = drawn(generator.normal(0, 0.5, articles)[owner], len(owner), seeds)
        low, high = mean_interval_over_seeds(np.stack(values), owner)
        missed.append((truth < low, truth > high))
    above, below = np.mean(missed, axis=0)
    assert above + below <= 0.05
    assert above <= 0.035
    assert below <= 0.035


def test_intervals_over_seeds_are_those_of_one_seed_where_seeds_agree_and_wide_where_they_do_not() -> None:
    owner = np.repeat(np.arange(6), 20)
    values = (np.random.default_rng(3).random(120) < 0.9).astype(float)
    assert mean_interval_over_seeds(np.stack([values] * 3), owner) == pytest.approx(mean_interval(values, owner))
    zeros = np.zeros((3, 120))
    assert mean_interval_over_seeds(zeros, owner) == mean_interval(zeros[0], owner)
    low, high = mean_interval_over_seeds(np.stack([zeros[0], zeros[0] + 1]), owner)
    assert low < 5
    assert high > 95


def test_tests_of_one_number_count_once() -> None:
    p, asked = np.array([0.01, 0.04, 0.01, 0.3]), np.array([7, 1, 7, 0])
    assert holm(p, asked).tolist() == pytest.approx([0.03, 0.08, 0.03, 0.3])
    assert holm(p).tolist() == pytest.approx([0.04, 0.08, 0.04, 0.3])


@pytest.mark.parametrize("sizes", [[20] * 6, [3, 40, 11, 1, 25, 9, 14]])
def test_the_clustered_p_is_that_of_a_regression_with_clustered_errors(sizes: list[int]) -> None:
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    d = differences(len(clusters), seed=2, shift=0.3)
    fitted = OLS(d[:, 0], np.ones(len(d))).fit(
        cov_type="cluster", cov_kwds={"groups": clusters, "df_correction": True}, use_t=True
    )
    error = standard_error(d, clusters)[0]
    assert error[0] == pytest.approx(fitted.bse[0], rel=1e-9)
    units = np.array([len(sizes)])
    assert clustered_p(d.mean(axis=0), error, units - 1.0, units)[0] == pytest.approx(fitted.pvalues[0], rel=1e-6)
    bounds = student_interval(d.mean(axis=0), error, units - 1.0)[:, 0]
    assert bounds == pytest.approx(fitted.conf_int()[0], rel=1e-6)


@pytest.mark.parametrize("units", [2, 3, 6, 20])
def test_intervals_of_few_clusters_hold_the_truth_and_leave_out_0_where_p_is_small(units: int) -> None:
    generator, owner = np.random.default_rng(units), np.repeat(np.arange(units), 30)
    held = []
    for _ in range(600):
        d = (0.1 + generator.normal(0, 0.1, units)[owner] + generator.normal(0, 0.3, len(owner)))[:, None]
        error, free = standard_error(d, owner)[0], np.array([units - 1.0])
        low, high = student_interval(d.mean(axis=0), error, free)[:, 0]
        held.append(low <= 0.1 <= high)
        small = clustered_p(d.mean(axis=0), error, free, np.array([units]))[0] < 0.05
        assert small == (low > 0 or high < 0)
    assert np.mean(held) == pytest.approx(0.95, abs=0.028)


def test_an_interval_reaches_no_further_than_a_difference_can() -> None:
    low, high = student_interval(np.array([0.9]), np.array([0.3]), np.array([1.0]))
    assert (low.tolist(), high.tolist()) == ([-1.0], [1.0])


def test_clusters_that_differ_alike_are_told_by_their_signs() -> None:
    """By hand: of six clusters all on one side, 2 of the 2 ** 6 ways to fall are as far from even."""
    d, clusters = np.full((21, 1), 0.1), np.repeat(np.arange(6), np.arange(1, 7))
    alike, no_error = d.mean(axis=0), standard_error(d, clusters)[0]
    assert no_error == 0, "not what rounding leaves"
    assert two_way_error(d.T - 0.7, d.T * [[2.0]] - 0.7, clusters, np.ones((1, 21), np.bool_)).error == 0
    assert clustered_p(alike, no_error, np.array([5.0]), np.array([6])) == 2 / 64
    assert np.isnan(student_interval(alike, no_error, np.array([5.0]))).all(), "p and interval tell the same"
    assert clustered_p(alike, np.zeros(1), np.array([1.0]), np.array([2])) == 0.5
    assert clustered_p(np.zeros(1), np.zeros(1), np.array([5.0]), np.array([6])) == 1
    assert clustered_p(alike, np.array([math.nan]), np.array([0.0]), np.array([1])) == 1


def test_seeds_that_differ_widen_the_interval() -> None:
    """Where the seed moves all questions alike, the standard error is that of means over seeds."""
    generator = np.random.default_rng(1)
    questions = generator.random(400)
    effect = np.array([-0.15, 0.0, 0.12, 0.03])
    a = questions + generator.normal(0, 0.01, (3, 400))
    b = questions + effect[:, None] + generator.normal(0, 0.01, (4, 400))
    sure = two_way_error(a, b, np.arange(400), np.ones((1, 400), np.bool_))
    narrow = standard_error((b.mean(axis=0) - a.mean(axis=0))[:, None])[0, 0]
    assert sure.error[0] > 5 * narrow
    assert sure.error[0] == pytest.approx(effect.std(ddof=1) / 2, rel=0.1)
    assert 3 <= sure.freedom[0] < 3.1


def test_two_ways_of_one_seed_differ_by_cluster_alone() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.random((1, 200)), generator.random((1, 200))
    clusters = np.arange(200) // 5
    sure = two_way_error(a, b, clusters, np.ones((1, 200), np.bool_))
    assert sure.error[0] == pytest.approx(standard_error((b - a).T, clusters)[0, 0])
    assert (sure.freedom[0], sure.of_clusters[0]) == (pytest.approx(39), 1.0)


@pytest.mark.parametrize(("first", "second", "clusters"), [(3, 1, 35), (1, 3, 6), (3, 3, 35), (3, 3, 6), (5, 5, 6)])
def test_seeds_that_decide_seldom_make_equal_methods_differ(first: int, second: int, clusters: int) -> None:
    """Also where one has a single seed, whose own luck nothing in its scores shows."""
    generator, missed = np.random.default_rng(5), 0
    owner = np.repeat(np.arange(clusters), 12)
    for _ in range(300):
        asked = generator.normal(0, 0.05, clusters)[owner] + generator.normal(0, 0.2, len(owner))
        a, b = (
            asked + generator.normal(0, 0.03, (n, 1)) + generator.normal(0, 0.05, (n, len(asked)))
            for n in (first, second)
        )
        sure = two_way_error(a, b, owner, np.ones((1, len(owner)), np.bool_))
        low, high = student_interval(np.array([b.mean() - a.mean()]), sure.error, sure.freedom)[:, 0]
        missed += not low <= 0 <= high
    assert missed / 300 < 0.085


def test_the_interval_of_a_mean_of_any_numbers_is_that_of_its_standard_error() -> None:
    values = np.array([1.0, 2.0, 3.0, 6.0])
    half = 1.959963985 * math.sqrt(3.5 / 4)
    assert mean_interval(values) == pytest.approx((100 * (3 - half), 100 * (3 + half)))
    clusters = np.repeat(np.arange(4), 5)
    low, high = mean_interval(np.repeat(values, 5), clusters)
    half = stats.t.ppf(0.975, 3) * math.sqrt(3.5 / 3 * 19 / 20)  # by question there are 19 degrees of freedom
    assert (low, high) == pytest.approx((100 * (3 - half), 100 * (3 + half)), rel=1e-6)
