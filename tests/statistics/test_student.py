"""Student's distribution agrees with scipy's, in its middle and far out, for few, many and fractional degrees."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from qatk.statistics.student import student_p, student_quantile


@given(st.floats(-60, 60), st.floats(1, 5000))
@settings(max_examples=200, deadline=None)
def test_p_agrees_with_scipy(t: float, freedom: float) -> None:
    assert student_p(t, freedom) == pytest.approx(2 * stats.t.sf(abs(t), freedom), rel=1e-8, abs=1e-300)


@pytest.mark.parametrize("freedom", [1, 1.37, 5, 47, 11_872, 9e5, 1.1e6, 1e9, math.inf])
@pytest.mark.parametrize("t", [0.0, 1e-9, 0.3, -2.571, 4.0])
def test_p_of_many_degrees_of_freedom(t: float, freedom: float) -> None:
    assert student_p(t, freedom) == pytest.approx(2 * stats.t.sf(abs(t), freedom), rel=1e-4)


def test_what_no_statistic_is() -> None:
    assert math.isnan(student_p(math.nan, 5))
    assert math.isnan(student_p(2.0, math.nan))
    assert (student_p(math.inf, 5), student_p(-math.inf, 5), student_p(1e200, 2)) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("freedom", [1, 2, 3.6, 5, 34, 200, 201, 11_872, 2e6])
@pytest.mark.parametrize("share", [0.5, 0.8, 0.975, 0.9999])
def test_quantiles_agree_with_scipy(share: float, freedom: float) -> None:
    assert student_quantile(share, freedom) == pytest.approx(stats.t.ppf(share, freedom), rel=1e-5, abs=1e-9)
