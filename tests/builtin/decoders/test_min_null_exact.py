"""The min-null decoder against brute force, and what must hold of any input."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from min_null_tools import INF, NONE, Window, all_candidates, brute_force, decode, examples, features, n_best, scores
from qatk.api import SpanScores
from qatk_builtin.decoders import MinNullOptions
from qatk_builtin.decoders.min_null import MinNullDecoder

CONTEXT = "abcdefghijklmnopqrstuvwxyz" * 2
FEW_SCORES = st.sampled_from([-INF, -3.0, -1.0, -0.0, 0.0, 0.5, 2.0])  # few, so that many are equal
ANY_SCORE = st.floats(-(2.0**100), 2.0**100, width=32)
SIZES = st.sampled_from([1, 2, 3, 7, 20])
SHARED = ["same", "same end", "same start"]
KINDS = st.sampled_from([[], *([kind] for kind in SHARED), [*SHARED, "none", "outside"]])  # each alone, and together
CAPS = st.sampled_from([1, 2, 3, 5, 30])


@st.composite
def window(draw: st.DrawFn, example: int, score: st.SearchStrategy[float]) -> Window:
    """Tokens that may share characters, starts or ends, or have none, with others around and, rarely, between them.

    Byte-level tokenizers split a character's bytes over tokens, so that neighbours share one end of it or both.
    """
    kinds = draw(KINDS)
    chars, at = [], draw(st.integers(0, 8))
    for _ in range(draw(st.integers(0, 12))):
        kind = draw(st.sampled_from(["new", "new", *kinds]))
        if kind == "new":
            at += draw(st.integers(0, 1))
            chars.append((at, at := at + draw(st.integers(1, 3))))
        elif kind == "same" and chars and chars[-1] != NONE:
            chars.append(chars[-1])
        elif kind == "same end" and chars and chars[-1] != NONE and chars[-1][1] - chars[-1][0] > 1:
            chars.append((chars[-1][0] + 1, chars[-1][1]))
        elif kind == "same start" and chars and chars[-1] != NONE and chars[-1][1] > chars[-1][0]:
            chars.append((chars[-1][0], at := at + 1))
        elif kind == "none":
            chars.append((at, at))
        else:
            chars.append(NONE)
            at += 1  # tokens that begin at one character are neighbours
    chars = [NONE] * draw(st.integers(0, 2)) + chars + [NONE] * draw(st.integers(0, 2))
    scores = st.lists(score, min_size=len(chars), max_size=len(chars))
    return Window(example, chars, draw(scores), draw(scores), draw(st.floats(-9, 9, width=32)))


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[str], list[Window]]:
    """Up to four examples, each with up to four windows, possibly none."""
    score = draw(st.sampled_from([FEW_SCORES, ANY_SCORE]))
    counts = draw(st.lists(st.integers(0, 4), max_size=4))
    return [CONTEXT] * len(counts), [draw(window(e, score)) for e, count in enumerate(counts) for _ in range(count)]


@settings(max_examples=300, deadline=None)
@given(problems(), SIZES, CAPS)
def test_n_best_is_exact_in_both_forms(problem: tuple[list[str], list[Window]], size: int, cap: int) -> None:
    contexts, windows = problem
    expected = brute_force(contexts, windows, size, cap)
    for given_scores in (None, all_candidates(windows)):
        predictions = decode(contexts, windows, given_scores, n_best_size=size, max_answer_length=cap)
        assert [n_best(predictions, row) for row in range(len(contexts))] == expected


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rounded", [False, True])
def test_n_best_of_long_windows_is_exact(seed: int, rounded: bool) -> None:
    chance = np.random.default_rng(seed)
    windows = []
    for example in range(8):
        length = int(chance.integers(60, 200))
        chars = [NONE] * 9 + [(3 * t, 3 * t + 2) for t in range(length)] + [NONE]
        start, end = chance.normal(0, 2, (2, len(chars))).round(0 if rounded else 9)
        windows.append(Window(example, chars, start.tolist(), end.tolist()))
    contexts = ["ab " * 200] * 8
    for size, cap in ((20, 30), (1, 30), (20, 1), (100, 500)):
        predictions = decode(contexts, windows, n_best_size=size, max_answer_length=cap)
        assert [n_best(predictions, row) for row in range(8)] == brute_force(contexts, windows, size, cap)


@pytest.mark.parametrize("shared", ["start", "end", "both"])
def test_tokens_that_share_a_character_cost_no_span(shared: str) -> None:
    second = {"start": (2, 6), "end": (3, 4), "both": (2, 4)}[shared]
    chars = [(0, 2), (2, 4), second, (6, 8)]
    windows = [Window(0, chars, [5.0, 4.0, 3.0, 0.0], [0.0, 5.0, 5.0, 0.0], 0.0)]
    for size in (1, 2, 3, 4, 20):
        assert n_best(decode([CONTEXT], windows, n_best_size=size), 0) == brute_force([CONTEXT], windows, size, 30)[0]


@settings(max_examples=60, deadline=None)
@given(problems(), st.randoms(use_true_random=False), SIZES, CAPS)
def test_order_of_windows_does_not_matter(problem, random, size: int, cap: int) -> None:  # type: ignore[no-untyped-def]
    contexts, windows = problem
    shuffled = sorted(random.sample(windows, len(windows)), key=lambda w: w.example)
    one, other = (decode(contexts, given, n_best_size=size, max_answer_length=cap) for given in (windows, shuffled))
    for name in ("char_start", "char_end", "score", "null_score"):
        assert getattr(one, name).tolist() == getattr(other, name).tolist()
    assert one.text == other.text
    assert [n_best(one, k) for k in range(len(one))] == [n_best(other, k) for k in range(len(one))]


@settings(max_examples=60, deadline=None)
@given(problems(), st.lists(st.floats(-20, 20), min_size=2, max_size=4).map(sorted))
def test_a_higher_threshold_answers_at_least_as_often(
    problem: tuple[list[str], list[Window]], thresholds: list[float]
) -> None:
    contexts, windows = problem
    always = decode(contexts, windows, null_threshold="never")
    for row in range(len(contexts)):
        texts = [decode(contexts, windows, null_threshold=t).text[row] for t in thresholds]
        answered = [text != "" for text in texts]
        assert answered == sorted(answered)
        assert {text for text in texts if text} <= {always.text[row]}
        assert answered == [bool(n_best(always, row)) and float(always.null_odds[row]) <= t for t in thresholds]


@settings(max_examples=60, deadline=None)
@given(problems())
def test_probabilities_and_texts(problem: tuple[list[str], list[Window]]) -> None:
    contexts, windows = problem
    predictions = decode(contexts, windows)
    best = predictions.nbest
    assert best is not None
    assert list(best.text) == [
        CONTEXT[a:b] for a, b in zip(best.char_start.tolist(), best.char_end.tolist(), strict=True)
    ]
    assert "" not in list(best.text)
    for row in range(len(contexts)):
        among = slice(best.offsets[row], best.offsets[row + 1])
        score = np.append(best.score[among], predictions.null_score[row]).astype(np.float64)
        weight = np.exp(score - score.max())
        assert best.probability[among] == pytest.approx(weight[:-1] / weight.sum(), abs=1e-6)


@pytest.mark.parametrize("form", [scores, all_candidates])
@settings(max_examples=150, deadline=None)
@given(problems(), st.integers(1, 6), st.integers(1, 6))
def test_without_overlaps_the_list_has_the_best_span_of_each_place(
    form: Callable[[Sequence[Window]], SpanScores], problem: tuple[list[str], list[Window]], size: int, cap: int
) -> None:
    contexts, windows = problem
    options = MinNullOptions(n_best_size=size, max_answer_length=cap)
    of = (examples(contexts), features(windows), form(windows))
    found = MinNullDecoder(options.model_copy(update={"overlapping": False})).decode(*of)
    for row, ranked in enumerate(brute_force(contexts, windows, 10_000, cap)):
        due: list[tuple[str, int, int, float]] = []
        for span in ranked:
            if len(due) < size and all(span[2] <= other[1] or span[1] >= other[2] for other in due):
                due.append(span)
        assert n_best(found, row) == due
    usual = MinNullDecoder(options).decode(*of)
    assert (list(found.text), found.null_odds.tolist()) == (list(usual.text), usual.null_odds.tolist())
