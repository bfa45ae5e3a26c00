"""The idioms of ragged columns do what a loop over rows would."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qatk.types import ragged

LENGTHS = st.lists(st.integers(0, 4), max_size=8)


@given(lengths=LENGTHS)
def test_owners_and_positions_are_those_of_a_loop(lengths: list[int]) -> None:
    offsets = ragged.offsets_of(np.array(lengths, np.int64))
    values = [(row, place) for row, length in enumerate(lengths) for place in range(length)]
    assert offsets.tolist() == [sum(lengths[:k]) for k in range(len(lengths) + 1)]
    assert ragged.owners(offsets).tolist() == [row for row, _ in values]
    assert ragged.owners_at(offsets, np.arange(len(values))).tolist() == [row for row, _ in values]
    assert ragged.positions(offsets).tolist() == [place for _, place in values]
    assert ragged.places_in_runs(ragged.owners(offsets)).tolist() == [place for _, place in values]
    assert ragged.positions(offsets + 7).tolist() == [place for _, place in values]


@given(lengths=LENGTHS, first=st.lists(st.integers(0, 50), min_size=8, max_size=8))
def test_ranges_are_those_of_a_loop(lengths: list[int], first: list[int]) -> None:
    found = ragged.ranges(np.array(first[: len(lengths)], np.int64), np.array(lengths, np.int64))
    assert found.tolist() == [k for a, n in zip(first, lengths, strict=False) for k in range(a, a + n)]


@given(lengths=LENGTHS, edges=st.tuples(st.integers(0, 8), st.integers(0, 8)))
def test_a_range_of_rows_is_that_of_these_rows(lengths: list[int], edges: tuple[int, int]) -> None:
    begin, stop = sorted(min(edge, len(lengths)) for edge in edges)
    offsets = ragged.offsets_of(np.array(lengths, np.int64))
    values, found = ragged.ragged_range(offsets, begin, stop)
    positions, expected = ragged.ragged_rows(offsets, np.arange(begin, stop))
    assert np.arange(offsets[-1])[values].tolist() == positions.tolist()
    assert found.tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ([[]], []),
        ([[3]], [True]),
        ([[1, 1, 2, 1]], [True, False, True, True]),
        ([[1, 1, 1], [5, 6, 6]], [True, True, False]),
    ],
)
def test_a_run_begins_where_any_column_changes(columns: list[list[int]], expected: list[bool]) -> None:
    assert ragged.begins(*(np.array(column, np.int64) for column in columns)).tolist() == expected
