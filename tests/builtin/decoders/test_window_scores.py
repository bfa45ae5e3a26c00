"""Probabilities within windows, against plain loops."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from min_null_tools import INF, NONE, Window, all_candidates, examples, features, n_best, scores
from qatk.api import Predictions
from qatk_builtin.decoders import MergeWindowsOptions, MinNullOptions
from qatk_builtin.decoders.merge_windows import MergeWindowsDecoder
from qatk_builtin.decoders.min_null import MinNullDecoder
from qatk_builtin.decoders.window_scores import by_probability

VALUES = st.sampled_from([-INF, -200.0, -1.0, 0.5, 3.0, 90.0])
CONTEXT = "abcdefghij"


@st.composite
def some_windows(draw: st.DrawFn) -> list[Window]:
    windows = []
    for _ in range(draw(st.integers(0, 3))):
        row = [NONE, *((at, at + 1) for at in range(draw(st.integers(0, 4))))]
        values = st.lists(VALUES, min_size=len(row), max_size=len(row))
        windows.append(Window(0, row, draw(values), draw(values), draw(VALUES.filter(math.isfinite))))
    return windows


def share(value: float, among: list[float]) -> float:
    """The logarithm of a softmax, in plain float64."""
    most = max(among)
    if most == -INF:
        return -INF
    return value - most - math.log(sum(math.exp(each - most) for each in among))


@given(some_windows(), st.sampled_from([0.5, 1.0, 3.0]))
@settings(max_examples=60)
def test_each_start_and_end_is_a_share_of_its_window(windows: list[Window], temperature: float) -> None:
    given = by_probability(features(windows), scores(windows), temperature)
    assert given.start is not None
    assert given.end is not None
    wanted: dict[str, list[float]] = {"start": [], "end": []}
    for name, wanted_of in wanted.items():
        for window in windows:
            divided = [value / temperature for value in getattr(window, name)]
            wanted_of += [share(value, divided) for value in divided]
        np.testing.assert_allclose(getattr(given, name), wanted_of, atol=1e-4)


def test_spans_that_are_scored_as_a_whole_share_with_no_answer() -> None:
    windows = [Window(0, [(0, 1), (1, 2)], [1.0, 0.0], [0.5, 2.0], null=4.0)]
    given = by_probability(features(windows), all_candidates(windows), 2.0)
    assert given.candidates is not None
    every = [1.5, 3.0, 0.5, 2.0, 4.0]
    wanted = [share(value / 2, [each / 2 for each in every]) for value in every]
    np.testing.assert_allclose([*given.candidates.score, *given.null], wanted, atol=1e-6)
    without = replace(all_candidates(windows).candidates, **{n: np.zeros(0, d) for n, d in COLUMNS})  # type: ignore[type-var]
    assert by_probability(features(windows), replace(given, candidates=without), 1.0).null.tolist() == [0.0]


COLUMNS = [("feature", np.int32), ("start", np.int32), ("end", np.int32), ("score", np.float32)]
SURE = Window(0, [NONE, (0, 1), (1, 2)], [-5.0, 4.0, -5.0], [-5.0, 4.0, -5.0], null=-10.0)
LOUD = Window(0, [NONE, (2, 3), (3, 4)], [9.0, 9.0, 8.0], [9.0, 9.0, 8.0], null=18.0)


def best(kind: type[MinNullDecoder], temperature: float | None) -> tuple[str, Predictions]:
    options = (MergeWindowsOptions if kind is MergeWindowsDecoder else MinNullOptions)(temperature=temperature)
    found = kind(options).decode(examples([CONTEXT]), features([SURE, LOUD]), scores([SURE, LOUD]))  # type: ignore[arg-type]
    return n_best(found, 0)[0][0], found


@pytest.mark.parametrize("kind", [MinNullDecoder, MergeWindowsDecoder])
def test_a_window_that_is_sure_beats_one_of_high_scores(kind: type[MinNullDecoder]) -> None:
    assert best(kind, None)[0] == "c"
    text, found = best(kind, 1.0)
    assert text == "a"
    assert found.score[0] == pytest.approx(0.0, abs=1e-2)
    assert found.null_score[0] < -10
