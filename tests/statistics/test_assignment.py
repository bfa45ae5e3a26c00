"""The best pairing, against scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment

from qatk.statistics.assignment import best_pairs
from qatk.types import Float64

worths = st.tuples(st.integers(0, 7), st.integers(0, 7)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.sampled_from([0.0, 0.25, 1 / 3, 0.5, 1.0, -2.0, 7.5]))
)


@given(worths)
def test_no_pairing_is_worth_more(worth: Float64) -> None:
    rows, columns = best_pairs(worth)
    assert len(rows) == min(worth.shape)
    assert (np.diff(rows) > 0).all()
    assert len(set(columns.tolist())) == len(columns)
    assert worth[rows, columns].sum() == pytest.approx(worth[linear_sum_assignment(worth, maximize=True)].sum())


def test_a_first_choice_gives_way_where_both_gain() -> None:
    worth = np.array([[0.9, 0.8], [0.8, 0.0]])
    assert [pair.tolist() for pair in best_pairs(worth)] == [[0, 1], [1, 0]]


def test_the_longer_side_leaves_some_out() -> None:
    worth = np.array([[0.1], [0.7], [0.3]])
    assert [pair.tolist() for pair in best_pairs(worth)] == [[1], [0]]
    assert [pair.tolist() for pair in best_pairs(worth.T)] == [[0], [1]]
