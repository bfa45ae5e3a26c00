"""Binomial tails and limits against scipy's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom

from qatk.statistics.beta import at_most, incomplete_beta, lower_limit, upper_limit

SHARES = st.floats(0.001, 0.999)


@given(st.integers(1, 500), st.data(), SHARES)
def test_the_tail_is_the_binomial_one(count: int, data: st.DataObject, share: float) -> None:
    wrong = data.draw(st.integers(0, count))
    assert at_most(wrong, count, share) == pytest.approx(binom.cdf(wrong, count, share), rel=1e-8, abs=1e-12)


@given(st.floats(0.1, 300), st.floats(0.1, 300), SHARES)
def test_the_incomplete_beta_function_is_scipys(a: float, b: float, x: float) -> None:
    assert incomplete_beta(a, b, x, 1 - x) == pytest.approx(beta.cdf(x, a, b), rel=1e-8, abs=1e-12)


@given(st.floats(1, 500), st.floats(0, 1), st.floats(0.55, 0.99))
def test_limits_are_those_of_clopper_and_pearson(count: float, share: float, confidence: float) -> None:
    wrong = min(round(share * count, 2), count)
    upper = 1.0 if wrong >= count else beta.ppf(confidence, wrong + 1, count - wrong)
    lower = 0.0 if wrong <= 0 else beta.ppf(1 - confidence, wrong, count - wrong + 1)
    assert upper_limit(wrong, count, confidence) == pytest.approx(upper, abs=1e-6)
    assert lower_limit(wrong, count, confidence) == pytest.approx(lower, abs=1e-6)


def test_nothing_is_known_of_no_answers() -> None:
    assert (lower_limit(0, 0, 0.9), upper_limit(0, 0, 0.9)) == (0.0, 1.0)
