"""Audits: every gold answer through tokens and back, letters that get lost, and which windows hold more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from losing_tokenizers import losing
from qatk.api import DataError, Examples, Features
from qatk.data import Audit, audit, best_choice
from qatk.data.letters import find_lost_letters
from qatk.evaluation.token_spans import CUT, EXACT, LOOSE, OUTSIDE, UNPLACED, find_token_spans
from qatk.languages import normalise_answer
from stride_tools import CORPUS, FORMS, examples_of, featurize, make, spec_for


def gold(seed: int = 0, number: int = 60) -> Examples:
    """Questions about the corpus whose answers are words, runs of words, and pieces of words; some of unknown place."""
    rng = np.random.default_rng(seed)
    contexts = [*CORPUS[:3], " ".join(CORPUS[:3])]
    pairs, answers = [], []
    for _ in range(number):
        context = contexts[int(rng.integers(len(contexts)))]
        words = context.split(" ")
        first = int(rng.integers(len(words)))
        text = " ".join(words[first : first + int(rng.integers(1, 5))])
        start = len(" ".join([*words[:first], ""]))
        cut = int(rng.integers(0, 3)) if rng.random() < 0.3 and len(text) > 3 else 0
        pairs.append(("who is it?", context))
        answers.append([(text[cut:], start + cut if rng.random() < 0.95 else -1)])
    return examples_of(pairs, answers)


def audited(form: Any, examples: Examples, **options: Any) -> Audit:
    tokenizer, spec = make(form) if isinstance(form, str) else form

    def windows(among: Examples, max_length: int, doc_stride: int) -> Features:
        return featurize((tokenizer, spec), among, max_length=max_length, doc_stride=doc_stride)

    return audit(examples, windows, **{"max_length": 32, "doc_stride": 8, "longest": 256, **options})


def slowly(examples: Examples, features: Features, k: int) -> int:
    """What tokens make of one answer, by going through all spans of tokens."""
    row, text, start = int(examples.answer_owners[k]), examples.answer_text[k], int(examples.answer_start[k])
    if start < 0:
        return UNPLACED
    context, best = examples.context_of(row), OUTSIDE
    for window in np.flatnonzero(features.example_index == row).tolist():
        among = slice(*features.token_offsets[window : window + 2].tolist())
        chars = zip(features.char_start[among].tolist(), features.char_end[among].tolist(), strict=True)
        tokens = [(left, right) for left, right in chars if left < right]
        over = [(left, right) for left, right in tokens if right > start and left < start + len(text)]
        if not over or over[0][0] > start or over[-1][1] < start + len(text):
            continue
        given = context[over[0][0] : over[-1][1]]
        same = normalise_answer(given) == normalise_answer(text)
        best = min(best, EXACT if given == text else LOOSE if same else CUT)
    return best


@pytest.mark.parametrize("form", FORMS)
def test_answers_through_tokens_and_back_of_every_form_of_tokenizer(form: str) -> None:
    examples = gold()
    features = featurize(form, examples, max_length=32, doc_stride=8)
    found = find_token_spans(examples, features)
    expected = [slowly(examples, features, k) for k in range(len(examples.answer_text))]
    assert found.fit.tolist() == expected
    assert {EXACT, CUT, OUTSIDE, UNPLACED} - {int(code) for code in found.fit} <= {OUTSIDE}
    for k in np.flatnonzero(found.fit == EXACT).tolist():
        row = int(examples.answer_owners[k])
        given = examples.context_of(row)[found.char_start[k] : found.char_end[k]]
        assert given == examples.answer_text[k]
    letters = find_lost_letters(examples, features)
    assert (letters.lost, letters.first, letters.shown) == (0, 0, [])


@pytest.mark.parametrize("each_word", [True, False])
def test_a_tokenizer_that_loses_first_letters_is_an_error(each_word: bool) -> None:
    examples = examples_of(
        [("who wrote it?", CORPUS[0]), ("what rises?", CORPUS[1])],
        [[("Ada Lovelace", 0)], [("river", CORPUS[1].index("river"))]],
    )
    broken = (losing(each_word=each_word), spec_for("broken", null_id=0, has_type_ids=False))
    found = audited(broken, examples, max_length=64)
    assert found.failed
    (error, *_) = found.findings
    assert (error.severity, "leave out letters" in error.what) == ("error", True)
    first, *_ = found.shown["letters lost"]
    assert (first.answer, first.given) == ("Ada Lovelace", "da Lovelace")
    assert found.letters.first == found.letters.lost
    assert found.letters.lost == (36 if each_word else 2)
    assert ("Ada", "da") in found.letters.shown
    assert found.fits["letters lost"] == (2 if each_word else 1)
    assert found.out_of_reach == {"tokenizer": found.fits["letters lost"]}


def test_letters_are_lost_even_where_no_answer_is() -> None:
    broken = (losing(each_word=True), spec_for("broken", null_id=0, has_type_ids=False))
    at = CORPUS[0].index(",")
    found = audited(broken, examples_of([("which?", CORPUS[0])], [[(",", at)]]), max_length=64)
    assert found.fits["exact"] == 1
    assert found.failed
    assert found.letters.lost > 0


def test_windows_of_every_size_are_held_against_the_data() -> None:
    examples = gold(number=90)
    found = audited("wordpiece-uncased", examples, max_length=16, doc_stride=4, cap=3)
    now = found.choices[0]
    assert (now.max_length, now.doc_stride) == (16, 4)
    assert found.windows == pytest.approx(now.windows)
    best = best_choice(found.choices)
    assert best is not None
    assert best.in_reach > now.in_reach
    assert best.max_length > 16
    assert all(choice.tokens >= best.tokens for choice in found.choices if choice.in_reach >= best.in_reach)
    assert len({(choice.max_length, choice.doc_stride) for choice in found.choices}) == len(found.choices)
    said = {finding.severity: finding for finding in found.findings if "out of reach by max_length" in finding.what}
    assert f"max_length {best.max_length}, doc_stride {best.doc_stride} takes" in said["warning"].fix
    assert found.failed  # as more than 5 % are out of reach
    again = audited("wordpiece-uncased", examples, max_length=best.max_length, doc_stride=best.doc_stride)
    assert "window" not in again.out_of_reach


def test_caps_say_what_they_reach() -> None:
    found = audited("wordpiece-uncased", gold(), max_length=128, cap=3)
    assert list(found.caps.values()) == sorted(found.caps.values())
    assert list(found.caps)[-1] == found.longest
    assert found.caps[found.longest] == 1
    assert found.out_of_reach["cap"] > 0
    (said,) = [finding for finding in found.findings if "max_answer_length" in finding.what]
    assert f"the longest answer has {found.longest} tokens" in said.fix
    whole = audited("wordpiece-uncased", gold(), max_length=128, cap=found.longest)
    assert "cap" not in whole.out_of_reach


def test_only_some_questions_are_tried_where_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qatk.data.auditing.SAMPLE", 20)
    found = audited("wordpiece-uncased", gold(number=50))
    assert (found.questions, found.sampled) == (50, 17)


@pytest.mark.parametrize("answers", [None, [[]]])
def test_nothing_to_audit(answers: Any) -> None:
    with pytest.raises(DataError, match="no question has an answer"):
        audited("byte-bpe", examples_of([("who?", CORPUS[0])], answers))


def test_a_leading_blank_is_loose() -> None:
    at = CORPUS[0].index(" first")
    found = audited("byte-bpe", examples_of([("which?", CORPUS[0])], [[(" first", at)]]), max_length=128)
    assert found.fits["loose"] == 1
    assert found.shown["loose"][0].given == "first"
    assert not found.findings
