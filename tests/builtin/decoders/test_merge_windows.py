"""The merge-windows decoder against plain loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from min_null_tools import INF, NONE, Window, all_candidates, decode, examples, features, n_best, scores
from qatk.api import Predictions, SpanScores
from qatk.testing import check_component
from qatk_builtin.decoders import MergeWindowsOptions
from qatk_builtin.decoders.merge_windows import MergeWindowsDecoder
from qatk_builtin.decoders.overlap import _weights

CONTEXT = "abcdefghijklmnopqrstuvwxyz" * 2
HOW = ["max", "mean", "edge"]
FEW_SCORES = st.sampled_from([-INF, -3.0, -1.0, 0.0, 0.5, 2.0])


@st.composite
def token_rows(draw: st.DrawFn) -> list[tuple[int, int]]:
    """The tokens of a context; some neighbours share their characters, some have none."""
    chars, at = [], 0
    for kind in draw(st.lists(st.sampled_from(["new", "new", "new", "twice", "none"]), max_size=9)):
        if kind == "none":
            chars.append((at, at))
        else:
            at += draw(st.integers(0, 1))
            chars += [(at, at + 2)] * (2 if kind == "twice" else 1)
            at += 2
    return chars


Stretches = list[tuple[int, int]]


@st.composite
def overlapping(draw: st.DrawFn) -> tuple[list[Window], list[tuple[list[tuple[int, int]], Stretches]]]:
    """Windows of up to three examples, and of each the tokens of its context and which of them each window has."""
    windows, truth = [], []
    for example in range(draw(st.integers(0, 3))):
        chars, stretches = draw(token_rows()), []
        for _ in range(draw(st.integers(0, 4))):
            begin, stop = sorted(draw(st.tuples(*[st.integers(0, len(chars))] * 2)))
            stretches.append((begin, stop))
            row = [NONE, *chars[begin:stop], NONE]
            values = st.lists(FEW_SCORES, min_size=len(row), max_size=len(row))
            windows.append(Window(example, row, draw(values), draw(values), draw(st.sampled_from([-1.0, 0.0, 3.0]))))
        assume(_is_plain(chars, stretches))
        truth.append((chars, stretches))
    return windows, truth


def _is_plain(chars: list[tuple[int, int]], stretches: Stretches) -> bool:
    """Each pair of tokens that share characters is whole in a window, and its first is not alone in any."""
    pairs = [k for k in range(len(chars) - 1) if chars[k] == chars[k + 1]]
    whole = all(any(a <= k and k + 2 <= b for a, b in stretches) for k in pairs)
    return whole and not any((k, k + 1) in stretches for k in pairs)


def one_score(values: list[tuple[float, int]], how: str) -> float:
    """Of a token's scores with weights."""
    counted = [(value, weight if how == "edge" else 1) for value, weight in values if value > -INF]
    if not counted:
        return -INF
    if how == "max":
        return max(value for value, _ in counted)
    return sum(value * weight for value, weight in counted) / sum(weight for _, weight in counted)


def merged_by_hand(windows: list[Window], truth: Any, how: str) -> list[Window]:
    """One window an example, in plain loops."""
    found = []
    for example, (chars, stretches) in enumerate(truth):
        mine = [w for w in windows if w.example == example]
        if not mine:
            continue
        seen = sorted({k for a, b in stretches for k in range(a, b)})
        columns = {}
        for name in ("start", "end"):
            columns[name] = [
                one_score(
                    [
                        (getattr(w, name)[1 + k - a], 1 + min(k - a, b - 1 - k))
                        for w, (a, b) in zip(mine, stretches, strict=True)
                        if a <= k < b
                    ],
                    how,
                )
                for k in seen
            ]
        found.append(Window(example, [chars[k] for k in seen], **columns, null=min(w.null for w in mine)))
    return found


def merge(contexts: list[str], windows: list[Window], given: SpanScores | None = None, **options: Any) -> Predictions:
    decoder = MergeWindowsDecoder(MergeWindowsOptions(**options))
    return decoder.decode(examples(contexts), features(windows), given or scores(windows))


def all_of(predictions: Predictions) -> list[Any]:
    columns = [getattr(predictions, name).tolist() for name in ("char_start", "char_end", "score", "null_score")]
    return [*columns, list(predictions.text), [n_best(predictions, row) for row in range(len(predictions))]]


@settings(max_examples=150, deadline=None)
@given(overlapping(), st.sampled_from(HOW), st.sampled_from([1, 3, 20]), st.sampled_from([1, 3, 30]))
def test_merging_is_what_plain_loops_give(problem: Any, how: str, size: int, cap: int) -> None:
    windows, truth = problem
    contexts = [CONTEXT] * len(truth)
    expected = decode(contexts, merged_by_hand(windows, truth, how), n_best_size=size, max_answer_length=cap)
    found = merge(contexts, windows, combine=how, n_best_size=size, max_answer_length=cap)
    assert all_of(found) == all_of(expected)


@settings(max_examples=60, deadline=None)
@given(overlapping(), st.sampled_from(HOW), st.randoms(use_true_random=False))
def test_merging_does_not_depend_on_the_order_of_windows(problem: Any, how: str, random: Any) -> None:
    windows, truth = problem
    shuffled = sorted(random.sample(windows, len(windows)), key=lambda w: w.example)
    contexts = [CONTEXT] * len(truth)
    assert all_of(merge(contexts, windows, combine=how)) == all_of(merge(contexts, shuffled, combine=how))
    spans = [merge(contexts, rows, all_candidates(rows), combine=how) for rows in (windows, shuffled)]
    assert all_of(spans[0]) == all_of(spans[1])


@settings(max_examples=60, deadline=None)
@given(overlapping(), st.sampled_from(HOW))
def test_one_window_an_example_is_min_null(problem: Any, how: str) -> None:
    windows, truth = problem
    single = [next(w for w in windows if w.example == k) for k in sorted({w.example for w in windows})]
    contexts = [CONTEXT] * len(truth)
    assert all_of(merge(contexts, single, combine=how)) == all_of(decode(contexts, single))
    spans = all_candidates(single)
    assert all_of(merge(contexts, single, spans, combine=how)) == all_of(decode(contexts, single, spans))


def two_windows() -> list[Window]:
    """Tokens a b c d, of which the first window has a b c, the second b c d."""
    chars = [(0, 1), (1, 2), (2, 3), (3, 4)]
    return [
        Window(0, [NONE, *chars[:3]], [0, 0, 6, 1], [0, 0, 2, 0], null=2.0),
        Window(0, [NONE, *chars[1:]], [0, 3, 1, 0], [0, 0, 0, 5], null=-1.0),
    ]


@pytest.mark.parametrize(("how", "due"), [("max", 6 + 5), ("mean", 4.5 + 5), ("edge", (2 * 6 + 3) / 3 + 5)])
def test_a_span_may_reach_from_one_window_into_the_next(how: str, due: float) -> None:
    found = merge(["abcd"], two_windows(), combine=how)
    assert found.text[0] == "bcd"
    assert found.score[0] == pytest.approx(due)
    assert found.null_score[0] == -1.0


def test_spans_of_the_same_tokens_are_combined() -> None:
    windows = two_windows()
    found = {how: merge(["abcd"], windows, all_candidates(windows), combine=how) for how in HOW}
    of = {how: {text: score for text, *_, score in n_best(p, 0)} for how, p in found.items()}
    assert [of[how]["b"] for how in HOW] == pytest.approx([8.0, 5.5, (2 * 8 + 3) / 3])
    assert [of[how]["bcd"] for how in HOW] == pytest.approx([8.0, 8.0, 8.0])  # in the second window alone


def test_a_long_context_in_many_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(0)
    windows = []
    for example in range(40):
        for begin in (0, 10, 20):
            chars = [(2 * t, 2 * t + 1) for t in range(begin, begin + 20)]
            start, end = chance.normal(0, 2, (2, 20))
            windows.append(Window(example, chars, start.tolist(), end.tolist(), float(chance.normal())))
    contexts = ["a " * 60] * 40
    whole = [merge(contexts, windows, given, combine="edge") for given in (None, all_candidates(windows))]
    monkeypatch.setattr("qatk_builtin.decoders.min_null.BLOCK", 100)
    parts = [merge(contexts, windows, given, combine="edge") for given in (None, all_candidates(windows))]
    assert [all_of(p) for p in whole] == [all_of(p) for p in parts]


@pytest.mark.parametrize("how", HOW)
def test_merge_windows_keeps_the_promises_of_decoders(how: str) -> None:
    check_component("decoder", MergeWindowsDecoder, MergeWindowsOptions(combine=how))


def test_the_weight_of_a_token_is_one_more_than_its_distance_from_the_nearer_end() -> None:
    window = np.repeat([0, 1, 4], [7, 2, 1])
    assert _weights(window).tolist() == [1, 2, 3, 4, 3, 2, 1, 1, 1, 1]
