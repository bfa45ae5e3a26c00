"""The stride featurizer: golden windows and labels worked out by hand, options, counts and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stride_tools import CORPUS, FORMS, TEN, examples_of, featurize, make, spec_for, target_text, window, words


def test_windows_worked_out_by_hand() -> None:
    examples = examples_of([("  who is", TEN), ("who", "a b")], [[("d", 6)], []])
    features = featurize(words(), examples, targets=True, max_length=9, doc_stride=2)
    # [CLS] who is [SEP] + room for 4 + [SEP]; steps of 2; the window that reaches j is the last
    assert features.example_index.tolist() == [0, 0, 0, 0, 1]
    assert features.lengths.tolist() == [9, 9, 9, 9, 6]
    assert window(features, 0)["input_ids"] == [2, 14, 15, 3, 4, 5, 6, 7, 3]
    assert window(features, 3) == {
        "input_ids": [2, 14, 15, 3, 10, 11, 12, 13, 3],
        "type_ids": [0, 0, 0, 0, 1, 1, 1, 1, 1],
        "char_start": [-1, -1, -1, -1, 12, 14, 16, 18, -1],
        "char_end": [-1, -1, -1, -1, 13, 15, 17, 19, -1],
    }
    assert window(features, 4)["input_ids"] == [2, 14, 3, 4, 5, 3]
    assert features.null_index.tolist() == [0] * 5
    # d is the 4th token: last of window 0, second of window 1, in no other
    assert features.start_target is not None
    assert features.start_target.tolist() == [7, 5, 0, 0, 0]
    np.testing.assert_array_equal(features.start_target, features.end_target)
    assert dict(features.counts) == {
        "questions_cut": 0,
        "answers": 1,
        "answers_unplaced": 0,
        "answers_off_token_boundary": 0,
        "answers_longer_than_window": 0,
        "answers_unreachable": 0,
        "impossible_windows": 3,
        "windows_dropped": 0,
        "questions_dropped": 0,
        "windows": 5,
        "tokens": 42,
        "spliced": 1,
    }


def test_left_padding_puts_the_context_first() -> None:
    tokenizer, _ = words()
    examples = examples_of([("who", "a b c")], [[("b c", 2)]])
    features = featurize(
        (tokenizer, spec_for("words", side="left")), examples, targets=True, max_length=12, doc_stride=1
    )
    assert window(features, 0)["input_ids"] == [2, 4, 5, 6, 3, 14, 3]
    assert window(features, 0)["char_start"] == [-1, 0, 2, 4, -1, -1, -1]
    assert (features.start_target, features.end_target) == (np.array([2]), np.array([3]))


def test_null_index_is_where_the_null_token_is() -> None:
    spec = make("unigram-xlnet-left")[1]
    examples = examples_of([("Who?", CORPUS[0]), ("Who?", "")], [[], []])
    features = featurize("unigram-xlnet-left", examples, targets=True, max_length=40, doc_stride=5)
    ends = features.token_offsets[1:] - 1
    np.testing.assert_array_equal(features.null_index, features.lengths - 1)
    assert set(features.input_ids[ends].tolist()) == {spec.null_id}
    np.testing.assert_array_equal(features.start_target, features.null_index)


def test_without_type_ids_they_are_zero() -> None:
    tokenizer, _ = words()
    features = featurize((tokenizer, spec_for("words", has_type_ids=False)), examples_of([("who", TEN)]))
    assert not features.type_ids.any()


def test_the_first_reference_inside_the_window_is_the_target() -> None:
    references = [("i j", 16), ("a b c d e", 0), ("b c", 2), ("c", 4)]
    examples = examples_of([("who is", TEN)], [references])
    features = featurize(words(), examples, targets=True, max_length=9, doc_stride=2)
    # windows: a-d, c-f, e-h, g-j; "a b c d e" fits in none of them
    assert [target_text(features, examples, k) for k in range(4)] == ["b c", "c", None, "i j"]
    assert features.counts["answers_longer_than_window"] == 1
    assert features.counts["answers_unreachable"] == 0


def test_unreachable_and_unplaced_answers_are_counted() -> None:
    answers = [[("a b c d e", 0)], [("a", -1)], [(" ", 1), ("", 0)], [("b c", 2)]]
    examples = examples_of([("who is", TEN)] * 4, answers)
    features = featurize(words(), examples, targets=True, max_length=9, doc_stride=2)
    assert features.counts["answers_unreachable"] == 3
    assert features.counts["answers_unplaced"] == 3
    assert features.counts["answers_off_token_boundary"] == 0


def test_an_answer_inside_a_token_gets_that_token_and_is_counted() -> None:
    examples = examples_of([("who", "a bx c"), ("who", "a bx c")], [[("x", 3)], [(" bx ", 1)]])
    features = featurize(words(), examples, targets=True)
    assert [target_text(features, examples, k) for k in range(2)] == ["x", "bx"]
    assert features.counts["answers_off_token_boundary"] == 1
    examples = examples_of([("who", "a bb c")], [[("b", 3)]])
    features = featurize(words(), examples, targets=True)
    assert target_text(features, examples, 0) == "bb"
    assert features.counts["answers_off_token_boundary"] == 1


def test_tokens_that_share_a_character_are_all_in_the_target() -> None:
    context = "see 😀 there"
    examples = examples_of([("what?", context)], [[("😀", 4)]])
    features = featurize("byte-bpe", examples, targets=True)
    assert target_text(features, examples, 0) == "😀"
    columns = window(features, 0)
    shared = [k for k, start in enumerate(columns["char_start"]) if start == 4]
    assert len(shared) > 1
    assert (features.start_target, features.end_target) == (np.array(shared[:1]), np.array(shared[-1:]))


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_targets_round_trip(form: str, data: st.DataObject) -> None:
    """Any run of words comes back from its target character by character, in every window that says it holds it."""
    vocabulary = [
        "one",
        "two",
        "It",
        "is",
        "not",
        "there",
        "Ada",
        "1843",
        "water",
        "é",
        "東京",
        "😀",
        "שלום",
        "(x)",
        "e\u0301a",
        "a\u0301\u0323b",
    ]
    chosen = data.draw(st.lists(st.sampled_from(vocabulary), min_size=1, max_size=40))
    blank = data.draw(st.sampled_from([" ", "  ", "\n", " \t"]))
    context = blank.join(chosen)
    first = data.draw(st.integers(0, len(chosen) - 1))
    last = data.draw(st.integers(first, min(len(chosen) - 1, first + 4)))
    start = len(blank.join([*chosen[:first], ""]))
    answer = blank.join(chosen[first : last + 1])
    examples = examples_of([("Is it there?", context)], [[(answer, start)]])
    features = featurize(form, examples, max_length=100, doc_stride=20)
    found = {target_text(features, examples, row) for row in range(len(features))} - {None}
    assert found <= {answer}
    assert features.counts["answers_unreachable"] == (not found)
    assert features.counts["answers_off_token_boundary"] == 0


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=20, deadline=None)
@given(context=st.text(max_size=120), doc_stride=st.integers(0, 20))
def test_windows_cover_every_token_and_overlap_by_doc_stride(form: str, context: str, doc_stride: int) -> None:
    tokenizer = make(form)[0]
    examples = examples_of([("Who?", context)])
    features = featurize(form, examples, max_length=64, doc_stride=doc_stride)
    whole = tokenizer.backend_tokenizer.encode(context, add_special_tokens=False).ids
    covered: list[int] = []
    for row in range(len(features)):
        columns = window(features, row)
        among = [k for k, start in enumerate(columns["char_start"]) if start >= 0]
        assert among == list(range(among[0], among[0] + len(among))) if among else not whole
        ids = [columns["input_ids"][k] for k in among]
        if row:
            assert covered[len(covered) - doc_stride :] == ids[:doc_stride]
        covered += ids[doc_stride if row else 0 :]
    assert covered == whole


def test_metaspace_tokens_do_not_take_the_blank_before_them() -> None:
    context = "It flows north"
    features = featurize("unigram-xlmr", examples_of([("Where?", context)]))
    columns = window(features, 0)
    pieces = [context[a:b] for a, b in zip(columns["char_start"], columns["char_end"], strict=True) if a > 0]
    assert pieces == [piece.strip() for piece in pieces]
    assert "".join(pieces) == "tflowsnorth"


def test_batches_and_chunks_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = examples_of(
        [(question, context) for context in [*CORPUS, "", TEN] for question in ("Who?", "é 東?", "")]
    )
    whole = featurize("byte-bpe", examples, max_length=40, doc_stride=5)
    monkeypatch.setattr("qatk_builtin.featurizers.tokens.BATCH_CHARS", 30)
    monkeypatch.setattr("qatk_builtin.featurizers.windows.CHUNK", 3)
    parts = featurize("byte-bpe", examples, max_length=40, doc_stride=5)
    for name in ("example_index", "token_offsets", "input_ids", "type_ids", "char_start", "char_end", "null_index"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))
