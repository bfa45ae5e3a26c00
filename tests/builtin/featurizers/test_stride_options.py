"""The stride featurizer's options: what they thin out, cut, count and refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qatk.api import DataError, Examples, FeatureError, ModelError
from qatk.progress import listen
from stride_tools import TEN, examples_of, featurize, spec_for, window, words


@pytest.fixture
def mixed() -> Examples:
    """Six questions over ten words: three answered by the last word, three unanswerable; 4 windows each."""
    return examples_of([("who is", TEN)] * 6, [[("j", 18)], [], [("j", 18)], [], [("j", 18)], []])


def kept(features: Any) -> list[int]:
    return np.bincount(features.example_index, minlength=6).tolist()


def test_impossible_windows_dropped(mixed: Examples) -> None:
    options: dict[str, Any] = {"max_length": 9, "doc_stride": 2, "impossible_windows": "drop"}
    features = featurize(words(), mixed, targets=True, **options)
    assert kept(features) == [1, 0, 1, 0, 1, 0]
    assert (features.counts["windows_dropped"], features.counts["questions_dropped"]) == (21, 3)
    assert kept(featurize(words(), mixed, **options)) == [4] * 6, "windows for prediction are never thinned out"


def test_a_fraction_keeps_a_window_of_each_unanswerable_question(mixed: Examples) -> None:
    options: dict[str, Any] = {"max_length": 9, "doc_stride": 2}
    assert kept(featurize(words(), mixed, targets=True, impossible_windows=0.0, **options)) == [1] * 6
    assert kept(featurize(words(), mixed, targets=True, impossible_windows=1.0, **options)) == [4] * 6
    many = examples_of([("who is", TEN)] * 500, [[("j", 18)], []] * 250)
    half = featurize(words(), many, targets=True, impossible_windows=0.5, **options)
    again = featurize(words(), many, targets=True, impossible_windows=0.5, **options)
    np.testing.assert_array_equal(half.token_offsets, again.token_offsets)
    np.testing.assert_array_equal(half.input_ids, again.input_ids)
    assert half.counts["impossible_windows"] == 1750
    assert 750 < half.counts["windows_dropped"] < 1000
    assert half.counts["questions_dropped"] == 0


def test_dropping_every_window_is_refused() -> None:
    with pytest.raises(FeatureError, match="nothing to train on"):
        featurize(words(), examples_of([("who", TEN)], [[]]), targets=True, impossible_windows="drop")


def test_long_questions_are_cut_and_counted() -> None:
    examples = examples_of([("who is who is who", TEN), ("who is", TEN)])
    features = featurize(words(), examples, max_question_length=3)
    assert window(features, 0)["input_ids"][:5] == [2, 14, 15, 14, 3]
    assert features.counts["questions_cut"] == 1


def test_a_question_longer_than_the_window() -> None:
    examples = examples_of([("who", TEN), ("who is who is who is", TEN)])
    with pytest.raises(FeatureError) as caught:
        featurize(words(), examples, max_length=9, doc_stride=1)
    assert str(caught.value) == (
        "example q1: the question is longer than the window: of max_length 9 the question takes 6 tokens and the "
        "special tokens 3, which leaves no room for the context\n"
        "  raise max_length, or lower max_question_length (now 64)"
    )
    assert featurize(words(), examples, max_length=9, doc_stride=1, max_question_length=2).counts["questions_cut"] == 1


def test_a_doc_stride_without_room() -> None:
    with pytest.raises(FeatureError) as caught:
        featurize(words(), examples_of([("who is", TEN)]), max_length=9, doc_stride=4)
    message = str(caught.value)
    assert message.startswith("example q0: doc_stride 4 is not less than the room for the context")
    assert "which leaves 4" in message
    assert "lower doc_stride below 4," in message
    assert len(featurize(words(), examples_of([("who is", TEN)]), max_length=9, doc_stride=3)) == 7


def test_max_length_beyond_the_model() -> None:
    with pytest.raises(FeatureError, match="max_length 513 is more than the 512 tokens words takes") as caught:
        featurize(words(), examples_of([("who", TEN)]), max_length=513)
    assert caught.value.fix == "set max_length to 512 or less"


def test_a_slow_tokenizer_is_refused_by_name() -> None:
    class Slow:
        is_fast = False

    with pytest.raises(ModelError, match=r"tokenizer of old-model is Slow, which is not a fast one"):
        featurize((Slow(), spec_for("old-model")), examples_of([("who", TEN)]))


def test_a_null_token_that_is_never_there() -> None:
    tokenizer, _ = words()
    with pytest.raises(ModelError, match="adds no token 9"):
        featurize((tokenizer, spec_for("words", null_id=9)), examples_of([("who", TEN)]))


def test_training_needs_gold() -> None:
    with pytest.raises(DataError, match="no gold"):
        featurize(words(), examples_of([("who", TEN)]), targets=True)
    assert not featurize(words(), examples_of([("who", TEN)])).has_targets


def test_empty_contexts_and_no_examples() -> None:
    examples = examples_of([("who", ""), ("", "")], [[], []])
    features = featurize(words(), examples, targets=True)
    assert [window(features, k)["input_ids"] for k in range(2)] == [[2, 14, 3, 3], [2, 3, 3]]
    none = featurize(words(), examples_of([], []), targets=True)
    assert len(none) == 0
    assert none.has_targets


def test_progress_is_reported() -> None:
    seen: dict[str, tuple[int, int | None]] = {}
    with listen(lambda what, done, total: seen.update({what: (done, total)})):
        featurize(words(), examples_of([("who", TEN), ("is", TEN)]))
    assert seen["tokenizing questions"] == (2, 2)
    assert seen["tokenizing contexts"] == (1, 1)
    assert seen["splicing windows"][0] == seen["splicing windows"][1]
