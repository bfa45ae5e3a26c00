from __future__ import annotations

import time

import numpy as np
import pytest
from scoring_cases import examples_of, without_gold

from qatk.api import NoOptions
from qatk_builtin.squad.slices import AnswerLength, QuestionWord

QUESTIONS = {
    "In what year did it end?": "what",
    "WHAT'S it made of?": "what",
    "To whom was it given?": "who",
    "Whose idea was it?": "who",
    "By who?": "who",
    "When and where was it found?": "when",
    "Where is it?": "where",
    "For which purpose?": "which",
    "Why?": "why",
    "How many were there?": "how many/much",
    "By how\u00a0much did it rise?": "how many/much",
    "How manymade things": "how",
    "How is it done, and by what?": "how",
    "Name the one that was somewhat late.": "other",
    "": "other",
}


@pytest.mark.parametrize(("question", "group"), QUESTIONS.items())
def test_question_word(question: str, group: str) -> None:
    masks = QuestionWord(NoOptions()).masks(examples_of([[]], [question]))
    assert {name: mask.tolist() for name, mask in masks.items()} == {group: [True]}


def test_question_words_cover_every_question_once_in_a_fixed_order() -> None:
    masks = QuestionWord(NoOptions()).masks(examples_of([[]] * len(QUESTIONS), list(QUESTIONS)))
    assert list(masks) == ["what", "who", "when", "where", "which", "why", "how many/much", "how", "other"]
    assert np.sum(list(masks.values()), axis=0).tolist() == [1] * len(QUESTIONS)
    assert all(mask.dtype == np.bool_ for mask in masks.values())


def test_answer_length_counts_words_of_the_first_answer() -> None:
    golds = [["one"], ["one two", "x"], ["a b c"], ["a b c d"], ["a b  c d e f"], ["a b c d e f g"], []]
    masks = AnswerLength(NoOptions()).masks(examples_of(golds))
    assert {name: np.flatnonzero(mask).tolist() for name, mask in masks.items()} == {
        "no answer": [6],
        "1 word": [0],
        "2-3": [1, 2],
        "4-6": [3, 4],
        "7 or more": [5],
    }
    assert list(AnswerLength(NoOptions()).masks(examples_of([["x"], ["y"]]))) == ["1 word"]


def test_no_gold_and_no_questions_make_no_groups() -> None:
    assert AnswerLength(NoOptions()).masks(without_gold(2)) == {}
    assert AnswerLength(NoOptions()).masks(examples_of([])) == {}
    assert QuestionWord(NoOptions()).masks(examples_of([])) == {}


def test_question_words_of_a_whole_dev_set_are_quick() -> None:
    questions = [
        f"{i} of the things that were made by people in the year of {q}" for i in range(800) for q in QUESTIONS
    ]
    examples = examples_of([[]] * len(questions), questions)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        QuestionWord(NoOptions()).masks(examples)
        times.append(time.perf_counter() - began)
    assert min(times) < 0.5  # about 0.03 s; the rest is room for a loaded machine
