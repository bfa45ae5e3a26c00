"""Temperature and offset of null odds, against a minimum that scipy finds by another way."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from qatk.statistics.logistic import FLATTEST, logistic, no_answer_probability
from qatk.types import Bool, Float64


def by_scipy(odds: Float64, none: Bool) -> tuple[float, float]:
    """The least cross-entropy to Platt's targets, from their formula."""
    right, wrong = none.sum(), (~none).sum()
    target = np.where(none, (right + 1) / (right + 2), 1 / (wrong + 2))

    def loss(of: Float64) -> float:
        z = of[0] * odds + of[1]
        return float((np.logaddexp(0, z) - target * z).sum())

    slope, height = minimize(loss, [0.1, 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12}).x
    return 1 / slope, -height / slope


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01])
def test_the_curve_is_that_of_the_least_cross_entropy(share: float) -> None:
    generator = np.random.default_rng(5)
    none = generator.random(600) < share
    odds = generator.normal(3.0 * none - 7, 2.5)
    assert logistic(odds, none) == pytest.approx(by_scipy(odds, none), rel=1e-4)


def test_infinite_odds_count_as_the_farthest_that_are_finite() -> None:
    none = np.array([True, False] * 20)
    odds = np.random.default_rng(1).normal(2.0 * none)
    clipped = odds.copy()
    odds[:2] = np.inf, -np.inf
    clipped[:2] = odds[2:].max(), odds[2:].min()
    assert logistic(odds, none) == pytest.approx(logistic(clipped, none))


def test_odds_that_tell_the_wrong_way_give_the_share_without_an_answer() -> None:
    none = np.array([True] * 5 + [False] * 15)
    odds = np.where(none, -4.0, 4.0)
    temperature, offset = logistic(odds, none)
    assert temperature == pytest.approx(odds.std() / FLATTEST)
    assert no_answer_probability(odds - offset, temperature) == pytest.approx(np.full(20, 6 / 22), abs=1e-5)


@pytest.mark.parametrize("kind", [True, False])
def test_questions_of_one_kind_leave_the_odds_alone(kind: bool) -> None:
    assert logistic(np.array([1.0, 2.0]), np.array([kind, kind])) == (1.0, 0.0)
