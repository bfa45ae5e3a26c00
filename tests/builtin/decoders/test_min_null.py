"""The min-null decoder: cases worked out by hand."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from min_null_tools import INF, NONE, Window, all_candidates, brute_force, decode, examples, features, n_best, scores
from qatk.api import Features, PluginError, SpanCandidates, SpanScores
from qatk.types.slices import CHUNK
from qatk_builtin.decoders import MinNullOptions
from qatk_builtin.decoders.min_null import MinNullDecoder

CONTEXT = "Ada wrote it in 1843."
CHARS = [NONE, NONE, NONE, (0, 3), (4, 9), (10, 12), (13, 15), (16, 20), (20, 21), NONE]
MASK = -INF


def window(start: dict[int, float], end: dict[int, float], null: float = 0.0, example: int = 0) -> Window:
    """A window over CONTEXT (CLS, who, SEP, Ada, wrote, it, in, 1843, '.', SEP), -9 where no score is given."""
    of = [[scores.get(k, MASK if pair == NONE else -9.0) for k, pair in enumerate(CHARS)] for scores in (start, end)]
    return Window(example, CHARS, of[0], of[1], null)


def test_best_spans_scores_and_probabilities() -> None:
    predictions = decode([CONTEXT], [window({3: 5, 6: 1}, {3: 2, 7: 3}, null=6.5)], n_best_size=4)
    assert n_best(predictions, 0) == [
        (CONTEXT[0:20], 0, 20, 8.0),
        ("Ada", 0, 3, 7.0),
        ("in 1843", 13, 20, 4.0),
        ("Ada wrote", 0, 9, -4.0),
    ]
    assert predictions.text == [CONTEXT[0:20]]
    assert (predictions.char_start[0], predictions.char_end[0]) == (0, 20)
    assert (predictions.score[0], predictions.null_score[0], predictions.null_odds[0]) == (8.0, 6.5, -1.5)
    assert predictions.nbest is not None
    total = math.exp(8) + math.exp(7) + math.exp(4) + math.exp(-4) + math.exp(6.5)
    expected = [math.exp(score) / total for score in (8, 7, 4, -4)]
    assert predictions.nbest.probability.tolist() == pytest.approx(expected, rel=1e-6)


def test_longest_answer_counts_tokens() -> None:
    given = [window({3: 5}, {3: 0, 4: 1, 5: 2, 7: 3})]
    assert [decode([CONTEXT], given, max_answer_length=cap).text[0] for cap in (1, 2, 3, 4, 5)] == [
        "Ada",
        "Ada wrote",
        "Ada wrote it",
        "Ada wrote it",
        "Ada wrote it in 1843",
    ]


def test_backward_spans_and_spans_outside_the_context_do_not_count() -> None:
    given = [window({7: 5, 1: 50, 0: 50}, {3: 5, 9: 50, 0: 50})]
    predictions = decode([CONTEXT], given, null_threshold="never")
    # 50 stands on CLS, question and SEP; 1843 to Ada runs backward: left are 5 - 9, equal; the smaller start wins.
    assert n_best(predictions, 0)[:2] == [("Ada", 0, 3, -4.0), ("1843", 16, 20, -4.0)]


def test_null_score_is_the_least_over_windows_and_the_best_span_wins_over_windows() -> None:
    given = [window({3: 1}, {3: 1}, null=9), window({7: 2}, {7: 2}, null=-3), window({5: 0}, {5: 0}, null=8)]
    predictions = decode([CONTEXT], given)
    assert (predictions.text, predictions.score[0], predictions.null_score[0]) == (["1843"], 4.0, -3.0)


def test_null_scores_do_not_depend_on_where_the_null_position_is() -> None:
    # Left padding: the context comes first, CLS last.
    chars = [(0, 3), (4, 9), NONE, NONE]
    given = [Window(0, chars, [1, 0, 99, 99], [1, 0, 99, 99], null=1.5)]
    predictions = decode([CONTEXT], given)
    assert (predictions.text, predictions.null_score[0]) == (["Ada"], 1.5)


@pytest.mark.parametrize(
    ("threshold", "text"), [(-7.0, ""), (-6.0, "Ada"), (0.0, "Ada"), (-1e30, ""), (1e30, "Ada"), ("never", "Ada")]
)
def test_threshold(threshold: Any, text: str) -> None:
    predictions = decode([CONTEXT], [window({3: 5}, {3: 2}, null=1)], null_threshold=threshold)
    assert predictions.text == [text]
    assert predictions.char_start[0] == (0 if text else -1)
    assert predictions.score[0] == 7  # of the best span, answered or not


def test_the_same_span_in_two_windows_counts_once_with_its_best_score() -> None:
    given = [window({3: 5, 7: 3}, {3: 2, 7: 3}), window({3: 6, 7: 2}, {3: 2, 7: 3})]
    predictions = decode([CONTEXT], given, n_best_size=3)
    assert n_best(predictions, 0) == [(CONTEXT[0:20], 0, 20, 9.0), ("Ada", 0, 3, 8.0), ("1843", 16, 20, 6.0)]


def test_equal_text_in_two_places_counts_twice() -> None:
    chars = [(0, 3), (4, 7)]
    predictions = decode(["the the"], [Window(0, chars, [1, 2], [1, 2])], max_answer_length=1)
    assert n_best(predictions, 0) == [("the", 4, 7, 4.0), ("the", 0, 3, 2.0)]


def test_tokens_that_share_characters_do_not_shorten_the_list() -> None:
    # Byte-level tokenizers cut an emoji into several tokens with the same characters.
    context = "\N{GRINNING FACE} ok"
    given = [Window(0, [(0, 1), (0, 1), (0, 1), (2, 4)], [3, 3, 3, 0], [3, 3, 3, 0])]
    predictions = decode([context], given, n_best_size=3)
    assert n_best(predictions, 0) == [(context[:1], 0, 1, 6.0), (context, 0, 4, 3.0), ("ok", 2, 4, 0.0)]


def test_tokens_without_characters_make_no_empty_answer() -> None:
    given = [Window(0, [(0, 0), (0, 3), (4, 4), (4, 4), (4, 9)], [0, 0, 9, 0, 0], [0, 0, 9, 9, 0])]
    predictions = decode([CONTEXT], given, n_best_size=2)
    # From the token at 4 only the last token has text: 9 + 0. "Ada " ends with a token that adds a blank: 0 + 9.
    assert n_best(predictions, 0) == [("Ada ", 0, 4, 9.0), ("wrote", 4, 9, 9.0)]


def test_no_valid_span_is_no_answer_even_when_always_answering() -> None:
    masked = window(dict.fromkeys(range(10), MASK), {}, null=-50)
    no_context = Window(1, [NONE, NONE], [9, 9], [9, 9], null=2)
    empty = Window(3, [], [], [], null=3)
    for threshold in (0.0, "never"):
        predictions = decode([CONTEXT, "", "no window", ""], [masked, no_context, empty], null_threshold=threshold)
        assert predictions.text == ["", "", "", ""]
        assert predictions.char_start.tolist() == predictions.char_end.tolist() == [-1] * 4
        assert predictions.score.tolist() == [-INF] * 4
        assert predictions.null_score.tolist() == [-50, 2, 0, 3]  # 0 where there is no window
        assert predictions.null_odds.tolist() == [INF] * 4
        assert predictions.nbest is not None
        assert predictions.nbest.offsets.tolist() == [0] * 5


def test_no_examples() -> None:
    predictions = decode([], [])
    assert len(predictions) == 0


def test_examples_without_windows_stand_between_others() -> None:
    predictions = decode([CONTEXT] * 4, [window({3: 5}, {3: 2}, example=1), window({7: 5}, {7: 2}, example=3)])
    assert predictions.text == ["", "Ada", "", "1843"]


def test_a_null_score_of_minus_infinity_never_wins() -> None:
    predictions = decode([CONTEXT], [window({3: -5}, {3: -5}, null=-INF)])
    assert predictions.text == ["Ada"]
    assert predictions.nbest is not None
    assert predictions.nbest.probability.sum() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("value", [math.nan, INF, 2e38])
@pytest.mark.parametrize("column", ["start", "end", "null", "candidate"])
def test_broken_scores_name_the_example(value: float, column: str) -> None:
    good, bad = window({3: 5}, {3: 2}), window({3: 5}, {3: 2}, example=1)
    if column == "null":
        bad.null = value
    elif column != "candidate":
        setattr(bad, column, [*getattr(bad, column)[:-1], value])
    given = None
    if column == "candidate":
        spans = [np.array(values, np.int32) for values in ((0, 0, 2), (3, 4, 3), (3, 4, 3))]
        given = SpanScores(np.zeros(3, np.float32), candidates=SpanCandidates(*spans, np.array([1, 2, value], "f4")))
    with pytest.raises(PluginError, match=f"example q1: the model scored .* {re.escape(format(value, 'g'))}"):
        decode([CONTEXT, CONTEXT], [good, good, bad], given)


@pytest.mark.parametrize(("start", "end"), [(-1, 3), (3, 10), (10, 3), (3, -1)])
def test_candidates_outside_their_window_name_the_example(start: int, end: int) -> None:
    candidates = SpanCandidates(*(np.array([k], np.int32) for k in (1, start, end)), np.ones(1, np.float32))
    windows = [window({}, {}), window({}, {}, example=1)]
    with pytest.raises(PluginError, match=f"example q1: the model scored tokens {start} to {end} of a window of 10"):
        decode([CONTEXT, CONTEXT], windows, SpanScores(np.zeros(2, np.float32), candidates=candidates))


@pytest.mark.parametrize("feature", [-1, 1, 2])
def test_candidates_of_windows_that_are_not_there(feature: int) -> None:
    candidates = SpanCandidates(*(np.array([k], np.int32) for k in (feature, 3, 3)), np.ones(1, np.float32))
    with pytest.raises(ValueError, match=f"candidates for windows {feature} to {feature} where there are 1"):
        decode([CONTEXT], [window({}, {})], SpanScores(np.zeros(1, np.float32), candidates=candidates))


def test_scores_or_windows_of_something_else() -> None:
    decoder, one = MinNullDecoder(MinNullOptions()), [window({}, {})]
    with pytest.raises(ValueError, match="scores for 1 window where there are 2"):
        decoder.decode(examples([CONTEXT]), features(one * 2), scores(one))
    with pytest.raises(ValueError, match="windows of examples 0 to 0 where there are 0"):
        decoder.decode(examples([]), features(one), scores(one))


def test_candidates_count_as_they_are_scored() -> None:
    spans = [np.array(values, np.int32) for values in ((0, 0, 0, 0), (3, 7, 7, 0), (3, 7, 3, 0))]
    candidates = SpanCandidates(*spans, np.array([1, 3, 9, 9], np.float32))
    predictions = decode([CONTEXT], [window({}, {})], SpanScores(np.zeros(1, np.float32), candidates=candidates))
    assert n_best(predictions, 0) == [("1843", 16, 20, 3.0), ("Ada", 0, 3, 1.0)]


def test_texts_are_slices_on_demand() -> None:
    predictions = decode([CONTEXT, CONTEXT], [window({3: 5}, {3: 2}), window({7: 5}, {7: 2}, example=1)], n_best_size=2)
    assert predictions.nbest is not None
    text = predictions.nbest.text
    assert list(text) == ["Ada", "Ada wrote", "1843", "1843."]
    assert (len(text), text[0], text[-1], text[1:3], text[::-2]) == (
        4,
        "Ada",
        "1843.",
        ["Ada wrote", "1843"],
        ["1843.", "Ada wrote"],
    )
    with pytest.raises(IndexError):
        text[4]


def test_memory_mapped_columns_give_the_same_and_stay_as_they_are(tmp_path: Path) -> None:
    windows = [window({3: 5, 7: 1}, {3: 2, 7: 1}, null=k, example=k // 2) for k in range(6)]
    plain, tokens = features(windows), scores(windows)

    def mapped(name: str, values: Any) -> Any:
        np.save(tmp_path / f"{name}.npy", values)
        return np.load(tmp_path / f"{name}.npy", mmap_mode="r")

    names = ("example_index", "token_offsets", "input_ids", "type_ids", "char_start", "char_end", "null_index")
    on_disk = Features(**{name: mapped(name, getattr(plain, name)) for name in names})
    of_disk = SpanScores(mapped("null", tokens.null), mapped("start", tokens.start), mapped("end", tokens.end))
    decoder = MinNullDecoder(MinNullOptions())
    predictions = decoder.decode(examples([CONTEXT] * 3), on_disk, of_disk)
    expected = decode([CONTEXT] * 3, windows)
    assert [n_best(predictions, k) for k in range(3)] == [n_best(expected, k) for k in range(3)]
    assert predictions.text == expected.text
    for name in names:
        assert np.array_equal(np.load(tmp_path / f"{name}.npy"), getattr(features(windows), name))
    assert of_disk.start is not None
    assert of_disk.start.tolist() == [value for w in windows for value in w.start]


def test_hundreds_of_windows_of_one_example_and_many_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(0)
    context = "x" * 4000
    windows = []
    for example, count in enumerate([300, 1, 1, 2, 150]):
        for k in range(count):
            chars = [NONE, *((10 * k + 2 * t, 10 * k + 2 * t + 1) for t in range(int(chance.integers(1, 40))))]
            start, end = chance.normal(size=(2, len(chars))).round(1)
            windows.append(Window(example, chars, start.tolist(), end.tolist(), float(chance.normal())))
    contexts = [context] * 5
    expected = brute_force(contexts, windows, 20, 5)
    whole = decode(contexts, windows, max_answer_length=5)
    assert [n_best(whole, k) for k in range(5)] == expected
    monkeypatch.setattr("qatk_builtin.decoders.best_spans.TILE_CELLS", 500)
    for given, block in ((scores(windows), 100), (all_candidates(windows), 100), (scores(windows), 1)):
        monkeypatch.setattr("qatk_builtin.decoders.min_null.BLOCK", block)  # 1: less than any window
        parts = decode(contexts, windows, given, max_answer_length=5)
        assert [n_best(parts, k) for k in range(5)] == expected
        assert parts.null_score.tolist() == whole.null_score.tolist()


def test_every_answer_of_a_large_set_is_a_slice_of_its_own_context() -> None:
    n = CHUNK + 3
    contexts = [f"{' ' * (row % 5)}{row:05d} of" for row in range(n)]
    windows = [
        Window(row, [(at := row % 5, at + 5), (at + 6, at + 8)], [5.0, 1.0], [5.0, 1.0], 0.0) for row in range(n)
    ]
    predictions = decode(contexts, windows, n_best_size=2)
    assert list(predictions.text) == [f"{row:05d}" for row in range(n)]
    best = predictions.nbest
    assert best is not None
    assert list(best.text) == [text for row in range(n) for text in (f"{row:05d}", f"{row:05d} of")]
    assert best.text[2 * CHUNK] == f"{CHUNK:05d}"
