"""Answers of several spans out of tagged tokens and of scored spans: cases worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from min_null_tools import INF, NONE, Window, examples, features, scores
from qatk.api import DataError, PluginError, Predictions, SpanScores, TokenScores, UsageError
from qatk.evaluation import normalisation_of
from qatk.plugins.optional import FittedDecoder
from qatk.types import Examples
from qatk_builtin.decoders import MergeWindowsOptions, MinNullOptions, SeveralOptions
from qatk_builtin.decoders.merge_windows import MergeWindowsDecoder
from qatk_builtin.decoders.min_null import MinNullDecoder
from qatk_builtin.decoders.several import SeveralDecoder
from several_cases import examples_of_spans

CONTEXT = "Ada, Bob and Cy met Dee."
CHARS = [NONE, (0, 3), (3, 4), (5, 8), (9, 12), (13, 15), (16, 19), (20, 23), (23, 24), NONE]
"""CLS Ada , Bob and Cy met Dee . SEP"""
OUT = -5.0


def tagged(odds: dict[int, float], begin: dict[int, float] | None = None, *, null: float = 0.0) -> Window:
    """A window with these log-odds of tokens, and these to begin a span."""
    inside = [null + odds.get(k, OUT) for k in range(len(CHARS))]
    return Window(0, CHARS, inside, [(begin or {}).get(k, -1.0) for k in range(len(CHARS))], null)


def token_scores(windows: list[Window], *, tells: bool = True) -> SpanScores:
    found = scores(windows)
    assert found.start is not None
    return SpanScores(found.null, tokens=TokenScores(found.start, found.end if tells else None))


def decode(windows: list[Window], *, tells: bool = True, **options: Any) -> Predictions:
    decoder = SeveralDecoder(SeveralOptions(**options))
    return decoder.decode(examples([CONTEXT]), features(windows), token_scores(windows, tells=tells))


def texts(found: Predictions, row: int = 0) -> list[str]:
    return [span.text for span in found.spans(row)]


def test_runs_of_tokens_are_spans_in_the_order_of_the_text() -> None:
    found = decode([tagged({1: 2.0, 5: 1.0, 6: 3.0, 7: 2.0}, null=4.0)])
    assert texts(found) == ["Ada", "Cy met Dee"]
    # each scores the mean log-odds of its tokens, and the null score; "Ada" comes first among equals
    assert [span.score for span in found.spans(0)] == [6.0, 6.0]
    assert (found.text[0], found.score[0], found.null_odds[0]) == ("Ada", 6.0, -2.0)


def test_a_token_may_begin_a_span_right_behind_another() -> None:
    side_by_side, begin = {1: 2.0, 2: 2.0, 3: 2.0}, {1: 1.0, 3: 0.5}
    assert texts(decode([tagged(side_by_side, begin)])) == ["Ada,", "Bob"]
    assert texts(decode([tagged(side_by_side, begin)], tells=False)) == ["Ada, Bob"]
    assert texts(decode([tagged({1: 2.0}, {3: 9.0})])) == ["Ada"]


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [(-2.0, ["Ada, Bob", "Cy"]), (0.0, ["Ada", "Bob"]), (2.5, ["Bob"]), (9.0, ["Bob"])],
)
def test_the_threshold_keeps_tokens_and_the_best_span_stays(threshold: float, expected: list[str]) -> None:
    assert texts(decode([tagged({1: 1.0, 2: -1.0, 3: 4.0, 5: -2.0})], threshold=threshold)) == expected


def test_without_a_token_at_the_threshold_those_nearly_as_likely_as_the_best_are_the_span() -> None:
    found = decode([tagged({5: -1.0, 6: -2.5, 7: -3.5})], null_threshold="never")
    assert texts(found) == ["Cy met"]
    assert decode([tagged({5: -1.0})]).text == [""]


def test_gaps_are_closed_up_to_so_many_characters() -> None:
    of = {1: 3.0, 3: 1.0, 7: 2.0}
    assert texts(decode([tagged(of)], gap=1)) == ["Ada", "Bob", "Dee"]
    assert texts(decode([tagged(of)], gap=2)) == ["Ada, Bob", "Dee"]
    closed = decode([tagged(of)], gap=12)
    assert texts(closed) == ["Ada, Bob and Cy met Dee"]
    assert closed.score[0] == 3.0
    assert closed.nbest is not None
    assert (closed.nbest.char_start[0], closed.nbest.char_end[0]) == (0, 23)


def test_at_most_k_spans_are_kept_the_best_of_them() -> None:
    of = {1: 1.0, 3: 3.0, 7: 2.0}
    assert texts(decode([tagged(of)], max_spans=2)) == ["Bob", "Dee"]
    assert texts(decode([tagged(of)], max_spans=1)) == ["Bob"]


def test_of_a_run_that_is_too_long_the_best_stretch_is_kept() -> None:
    of = {1: 1.0, 2: 1.0, 3: 3.0, 4: 3.0, 5: 1.0}
    assert texts(decode([tagged(of)], max_answer_length=2)) == ["Bob and"]
    assert texts(decode([tagged(of)], max_answer_length=3)) == [", Bob and"]


def test_the_null_decision_comes_first() -> None:
    windows = [tagged({1: 1.0, 3: 1.0}, null=2.0)]
    for threshold, expected in ((-1.5, []), (-1.0, ["Ada", "Bob"]), ("never", ["Ada", "Bob"])):
        found = decode(windows, null_threshold=threshold)
        assert texts(found) == expected
        assert found.several is not None  # another threshold can give all of them
        assert len(found.several.text) == 2


def test_windows_are_merged_and_a_span_may_reach_into_the_next() -> None:
    """The first window holds all up to "and", the second all from "Bob" on; the second has another null score."""
    first = Window(0, CHARS[:5], [0, 2.0, OUT, 1.0, -1.0], [-1.0] * 5, 0.0)
    second = Window(0, [NONE, *CHARS[3:]], [9.0, 4.0, 13.0, 12.0, 4.0, 4.0, 4.0, 4.0], [-1.0] * 8, 9.0)
    found = decode([first, second])
    assert texts(found) == ["Ada", "Bob and Cy"]
    # "and" has -1 in the first window and 4 in the second, "Bob" 1 and -5, "Cy" 3 in the second
    assert found.spans(0)[1].score == pytest.approx((1 + 4 + 3) / 3)
    assert found.null_score[0] == 0.0


def spans_of(windows: list[Window], **options: Any) -> Predictions:
    return SeveralDecoder(SeveralOptions(**options)).decode(examples([CONTEXT]), features(windows), scores(windows))


def scored(start: dict[int, float], end: dict[int, float]) -> Window:
    return Window(0, CHARS, *([of.get(k, -20.0) for k in range(len(CHARS))] for of in (start, end)), 0.0)


def test_scored_spans_that_overlap_a_better_one_are_dropped() -> None:
    window = scored({1: 4.0, 3: 3.0, 7: 1.0}, {1: 1.0, 3: 2.0, 7: 1.0})
    # Ada, Bob 6; Ada 5; Bob 5; Dee 2
    assert texts(spans_of([window])) == ["Ada, Bob", "Dee"]
    assert texts(spans_of([window], threshold=2.5)) == ["Ada, Bob"]
    assert texts(spans_of([window], max_answer_length=2)) == ["Ada", "Bob", "Dee"]
    found = spans_of([window], n_best_size=3)
    assert found.nbest is not None
    assert list(found.nbest.text) == ["Ada, Bob", "Ada", "Ada, Bob and Cy met Dee"]


def test_of_one_kept_span_the_answer_is_that_of_min_null() -> None:
    rng = np.random.default_rng(3)
    windows = [Window(0, CHARS, *rng.normal(size=(2, len(CHARS))).tolist(), 0.0) for _ in range(2)]
    one = spans_of(windows, max_spans=1, max_answer_length=30)
    other = MinNullDecoder(MinNullOptions()).decode(examples([CONTEXT]), features(windows), scores(windows))
    for name in ("char_start", "char_end", "score", "null_score"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert one.nbest is not None
    assert other.nbest is not None
    assert list(one.nbest.text) == list(other.nbest.text)
    assert one.several is None


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_spans_are_runs_above_the_threshold(data: st.DataObject) -> None:
    """Against a search token by token."""
    odds = data.draw(st.lists(st.integers(-3, 3), min_size=8, max_size=8))
    begin = data.draw(st.lists(st.sampled_from([-1.0, 1.0]), min_size=8, max_size=8))
    threshold = data.draw(st.integers(-2, 2))
    found = decode(
        [tagged(dict(enumerate(odds, 1)), dict(enumerate(begin, 1)))],
        threshold=float(threshold),
        null_threshold="never",
    )
    least = threshold if max(odds) >= threshold else max(odds) - 2
    runs: list[list[int]] = []
    for k in [k for k in range(8) if odds[k] >= least]:
        if not runs or runs[-1][-1] != k - 1 or begin[k] > 0:
            runs.append([])
        runs[-1].append(k)
    assert texts(found) == [CONTEXT[CHARS[run[0] + 1][0] : CHARS[run[-1] + 1][1]] for run in runs]


def gold_problem() -> tuple[Examples, list[Window]]:
    """Contexts of two due towns, and one that is not: 1.5 parts their log-odds."""
    asked = examples_of_spans(*([["ab"], ["cd"]] for _ in range(4)))
    chars = [NONE, (0, 1), (3, 5), (8, 10)]
    return asked, [Window(row, chars, [0.0, 1.0, 3.0, 2.0], [1.0] * 4, 0.0) for row in range(4)]


def test_the_threshold_is_fitted_by_f1() -> None:
    asked, windows = gold_problem()
    decoder = SeveralDecoder(SeveralOptions(threshold="calibrated"))
    assert isinstance(decoder, FittedDecoder)
    assert not isinstance(SeveralDecoder(SeveralOptions()), FittedDecoder)
    before = texts(decoder.decode(asked, features(windows), token_scores(windows)))
    assert before == ["0", "ab", "cd"]
    state = decoder.fit(asked, features(windows), token_scores(windows))
    assert state == {"threshold": 1.5}
    decoder.restore(state)
    assert texts(decoder.decode(asked, features(windows), token_scores(windows))) == ["ab", "cd"]
    with pytest.raises(DataError, match="no threshold of spans"):
        decoder.restore({"threshold": "high"})
    with pytest.raises(DataError, match="there are none"):
        decoder.fit(examples([CONTEXT]), features([tagged({})]), token_scores([tagged({})]))


def test_the_threshold_is_fitted_by_the_normaliser_of_the_metrics() -> None:
    """By German rules "die Orla" is as good as "Orla": no threshold has to part the two."""
    asked = examples_of_spans(*([["Orla"]] for _ in range(4)))
    asked = replace(asked, context=["0: die Orla"] * 4, answer_start=np.full(4, 7, np.int32))
    windows = [Window(row, [NONE, (3, 6), (7, 11)], [0.0, 1.0, 3.0], [-1.0] * 3, 0.0) for row in range(4)]
    decoder = SeveralDecoder(SeveralOptions(threshold="calibrated"))
    assert decoder.fit(asked, features(windows), token_scores(windows)) == {"threshold": 1.5}
    decoder.normalisation = normalisation_of("de")
    assert decoder.fit(asked, features(windows), token_scores(windows)) == {"threshold": 0.0}


def test_the_threshold_of_scored_spans_is_one_between_their_odds() -> None:
    asked, windows = gold_problem()
    decoder = SeveralDecoder(SeveralOptions(threshold="calibrated"))
    decoder.restore(decoder.fit(asked, features(windows), scores(windows)))
    assert texts(decoder.decode(asked, features(windows), scores(windows))) == ["ab", "cd"]


def test_scores_that_are_no_numbers_are_named() -> None:
    for windows, what in (
        ([tagged({1: float("nan")})], "a token nan"),
        ([tagged({1: 1.0}, {1: float("nan")})], "the start of a span NaN"),
    ):
        with pytest.raises(PluginError, match=what) as caught:
            decode(windows)
        assert caught.value.where == "example q0"
    window, windows = [tagged({1: INF})], gold_problem()[1]
    with pytest.raises(ValueError, match="windows of examples 0 to 3"):
        SeveralDecoder(SeveralOptions()).decode(examples([CONTEXT]), features(windows), token_scores(windows))
    for decoder in (MinNullDecoder(MinNullOptions()), MergeWindowsDecoder(MergeWindowsOptions())):
        with pytest.raises(UsageError, match="scores of tokens, not of spans"):
            decoder.decode(examples([CONTEXT]), features(window), token_scores(window))
