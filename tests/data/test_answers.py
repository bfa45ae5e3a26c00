"""Answers of several spans stand where they say, whole and apart from each other."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from qatk.data import BadAnswers, checked, overlapping_spans
from qatk.errors import DataError, DataWarning
from qatk.types import Examples

CONTEXT = "Arlen, Borsk and old Cadiz lie on the Orrin."


def examples(*questions: list[list[str | tuple[str, int]]]) -> Examples:
    """Questions of spans of alternatives; those without a start stand where the context first has them."""
    flat = [(row, k, given) for row, spans in enumerate(questions) for k, span in enumerate(spans) for given in span]
    answers = [(given, CONTEXT.find(given)) if isinstance(given, str) else given for _, _, given in flat]
    count = np.bincount([row for row, _, _ in flat], minlength=len(questions))
    n = len(questions)
    return Examples(
        id=[f"q{row}" for row in range(n)],
        question=["Which?"] * n,
        title=[""] * n,
        context=[CONTEXT],
        context_index=np.zeros(n, np.int32),
        answer_offsets=np.concatenate([[0], np.cumsum(count)]).astype(np.int64),
        answer_text=[text for text, _ in answers],
        answer_start=np.array([start for _, start in answers], np.int32),
        answer_span=np.array([k for _, k, _ in flat], np.int32),
    )


def test_sound_spans_pass_and_alternatives_may_overlap() -> None:
    sound = examples([["Arlen"], ["old Cadiz", "Cadiz"]], [], [["Orrin", "the Orrin"]], [[("Borsk", -1)], ["Arlen"]])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert checked(sound, "error", "here") is sound
    assert ["no answer_start" in str(one.message) for one in caught] == [True]


@pytest.mark.parametrize(
    "spans",
    [
        [["old Cadiz"], ["Cadiz"]],
        [["Arlen, Borsk"], ["Borsk and old"]],
        [["Arlen"], ["Orrin", "Arlen, Borsk"]],
        [["Arlen"], ["Arlen"]],
        [["Arlen, Borsk and old Cadiz"], ["Orrin"], ["Borsk"]],
        [["Cadiz"], ["Orrin"], ["Arlen", "old Cadiz"]],
    ],
)
def test_overlapping_spans_are_refused(spans: list[list[str | tuple[str, int]]]) -> None:
    given = examples([["Arlen"]], spans)
    assert overlapping_spans(given, 0) is None
    assert overlapping_spans(given, 1) is not None
    for policy in ("error", "keep", "fix"):
        with pytest.raises(DataError, match=r"two spans that are both due overlap in 1 question \(q1\): q1 has '"):
            checked(given, policy, "here")
    with pytest.warns(DataWarning, match=r"1 question left out, two spans of which overlap \(q1\)"):
        assert checked(given, "skip", "here").id == ["q0"]


def test_touching_spans_do_not_overlap() -> None:
    assert overlapping_spans(examples([["Arlen"], [(", Borsk", 5)], [(" and", 12)]]), 0) is None


def test_overlapping_spans_everywhere_leave_nothing() -> None:
    with pytest.raises(DataError, match="no question is left"):
        checked(examples([["old Cadiz"], ["Cadiz"]]), "skip", "here")


def test_a_span_outside_its_context_is_refused() -> None:
    with pytest.raises(DataError, match="q0: 'Borsk' starts outside the context of 44 characters"):
        checked(examples([["Arlen"], [("Borsk", 90)]]), "error", "here")


@pytest.mark.parametrize("policy", ["skip", "fix"])
def test_a_question_that_loses_one_of_its_spans_is_left_out(policy: BadAnswers) -> None:
    given = examples(
        [["Arlen"], [("Essen", 3)], ["Borsk"]],
        [["Arlen"], [("Essen", 3), "Cadiz"], ["Orrin"]],
        [["Borsk"]],
        [[("Essen", 3)]],
    )
    with pytest.warns(DataWarning, match="2 questions left out, having lost all answers, or all of one of their"):
        left = checked(given, policy, "here")
    assert left.id == ["q1", "q2"]
    assert left.spans_of_answer(0) == [[("Arlen", 0)], [("Cadiz", 21)], [("Orrin", 38)]]
