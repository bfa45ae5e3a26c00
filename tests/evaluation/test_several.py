"""EM and F1 of several spans, and all else in evaluation that looks at gold."""

from __future__ import annotations

import re
import string
from collections import Counter
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from min_null_tools import Window, features
from qatk.calibration.calibrate import apply_threshold
from qatk.evaluation.error_kinds import KINDS, error_kinds_of
from qatk.evaluation.evaluate import evaluate_examples
from qatk.evaluation.reachability import CAP, IN_REACH, WINDOW, find_reach
from qatk.evaluation.squad import exact_and_f1
from qatk.evaluation.thresholds import threshold_sweep
from qatk.results.evaluation import Evaluation
from qatk.types import NBest, Predictions, Spans
from several_cases import answers_of_texts, examples_of_spans


def scores(gold: list[list[str]], said: list[str]) -> tuple[float, float]:
    """Of one question, among others that must not matter."""
    examples = examples_of_spans([["Arlen"]], gold, [])
    answers = answers_of_texts(["Borsk", "Arlen"], said, [])
    exact, f1 = exact_and_f1(examples, answers.text, answers.several)
    return float(exact[1]), float(f1[1])


TOWNS = [["Arlen"], ["the old Cadiz", "Cadiz"], ["Port Borsk"]]


@pytest.mark.parametrize(
    ("gold", "said", "exact", "f1"),
    [
        (TOWNS, ["Arlen", "Cadiz", "Port Borsk"], 1, 1),
        (TOWNS, ["Port Borsk", "The Old Cadiz!", "Arlen"], 1, 1),  # in any order, normalised, any alternative
        (TOWNS, ["Arlen"], 0, 1 / 3),  # two are missing
        (TOWNS, ["Arlen", "Cadiz"], 0, 2 / 3),
        (TOWNS, ["Arlen", "Cadiz", "Port Borsk", "Essen"], 0, 3 / 4),  # one too many
        (TOWNS, ["Arlen", "Arlen", "Arlen"], 0, 1 / 3),  # a span is paired once
        (TOWNS, ["Arlen", "Cadiz", "Borsk"], 0, (1 + 1 + 2 / 3) / 3),  # "Borsk" of "Port Borsk": F1 2/3
        (
            TOWNS,
            ["Arlen and old Cadiz and Port Borsk"],
            0,
            2 * 2 / (7 + 2) / 3,
        ),  # its best: "Port Borsk"
        (TOWNS, [], 0, 0),
        ([["Arlen"]], ["Arlen", "Borsk"], 0, 1 / 2),
        ([["Arlen", "old Arlen"]], ["Arlen", "old Arlen"], 0, 1 / 2),  # alternatives are one span
        ([], ["Arlen", "Borsk"], 0, 0),
        ([["Arlen"], ["Arlen"]], ["Arlen"], 0, 1 / 2),  # two places are due
        ([["a b"], ["c d"]], ["d c", "b a"], 0, 1),  # bags of words, as ever
    ],
)
def test_worked_cases(gold: list[list[str]], said: list[str], exact: float, f1: float) -> None:
    assert scores(gold, said) == pytest.approx((exact, f1))


def test_the_pairing_is_the_best_one_of_all() -> None:
    """Taking the best pair first would give "x y" to "x y z" (0.8) and leave "z" (0) for "x y w"."""
    assert scores([["x y z"], ["x y w q"]], ["x y", "z"]) == pytest.approx((0, (2 / 3 + 1 / 2) / 2))


def words(text: str) -> list[str]:
    bare = "".join(char for char in text.lower() if char not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", bare).split()


def reference(gold: list[list[str]], said: list[str]) -> tuple[float, float]:
    """Every pairing tried; written from DROP's description alone."""

    def f1(one: list[str], other: list[str]) -> float:
        same = sum((Counter(one) & Counter(other)).values())
        return 2 * same / (len(one) + len(other)) if same else 0.0

    spans = [kept for span in gold if (kept := [w for w in map(words, span) if w])]
    given = [words(text) for text in said]
    if not spans or not given:
        right = float(not spans and not any(given))
        return right, right
    size = max(len(spans), len(given))
    best = whole = 0.0
    for order in permutations(range(size)):
        pairs = [(spans[i], given[j]) for i, j in enumerate(order) if i < len(spans) and j < len(given)]
        best = max(best, sum(max(f1(text, answer) for answer in span) for span, text in pairs))
        whole = max(whole, sum(text in span for span, text in pairs))
    return float(whole == size), best / size


texts = st.lists(st.sampled_from(["Arlen", "Borsk", "old", "the", "x", "X!", "-"]), min_size=1, max_size=3).map(
    " ".join
)


@given(st.lists(st.lists(texts, min_size=1, max_size=2), max_size=4), st.lists(texts, max_size=4))
def test_scores_are_those_of_every_pairing_tried(gold: list[list[str]], said: list[str]) -> None:
    assert scores(gold, said) == pytest.approx(reference(gold, said))


@given(st.lists(st.tuples(st.lists(texts, max_size=3), texts | st.just("")), min_size=1, max_size=6))
def test_one_span_is_scored_as_ever(questions: list[tuple[list[str], str]]) -> None:
    """To the last bit, also beside questions of several spans."""
    spans = [[gold] if gold else [] for gold, _ in questions]
    single, mixed = examples_of_spans(*spans), examples_of_spans(*spans, TOWNS)
    given = [text for _, text in questions]
    alone = exact_and_f1(single, given)
    beside = exact_and_f1(mixed, [*given, "Arlen"])
    assert single.answer_span is None
    for one, other in zip(alone, beside, strict=True):
        assert one.tolist() == other[:-1].tolist()


def with_places(threshold: float = 0.0) -> tuple[Predictions, Evaluation]:
    """One question of two spans, answered with both, but for its null odds of 1."""
    examples = examples_of_spans([["Arlen"], ["Borsk"]], [])
    start, end = (np.array(v, np.int32) for v in ([3, 11], [8, 16]))
    score = np.array([2, 3], np.float32)
    both = Spans(np.array([0, 2, 2]), ["Arlen", "Borsk"], start, end, score)
    best = NBest(np.array([0, 2, 2]), ["Borsk", "Arlen"], start[::-1], end[::-1], score[::-1], score)
    none = np.array([-1, -1], np.int32)
    found = Predictions(
        ["", ""], none, none, np.array([3, -np.inf], np.float32), np.array([4, 0], np.float32), best, both
    )
    found = apply_threshold(examples, found, threshold)
    exact, f1 = exact_and_f1(examples, found.text, found.several)
    return found, Evaluation(examples, found, {}, {"exact": exact, "f1": f1}, {})


def test_another_threshold_finds_all_spans_again() -> None:
    found, evaluation = with_places(0.0)
    assert found.spans(0) == []
    assert evaluation.per_question["f1"].tolist() == [0, 1]
    sweep = threshold_sweep(evaluation)
    assert (sweep.exact[sweep.threshold == 1], sweep.f1[sweep.threshold == 1]) == ([100], [100])
    found, evaluation = with_places(1.0)
    assert [span.text for span in found.spans(0)] == ["Arlen", "Borsk"]
    assert found.text == ["Borsk", ""]
    assert evaluation.per_question["exact"].tolist() == [1, 1]
    assert KINDS[error_kinds_of(evaluation)[0]] == "right answer"


def test_all_spans_must_be_within_reach() -> None:
    examples = examples_of_spans([["Arlen"], ["Borsk"]], [["Arlen"], ["Borsk", "old Borsk"]], [["Arlen", "Borsk"]])
    assert examples.context == ["0: Arlen | Borsk", "1: Arlen | Borsk | old Borsk", "2: Arlen | Borsk"]
    arlen, borsk, old = [(3, 8)], [(11, 16)], [(19, 22), (23, 28)]
    parts = [(0, arlen), (0, borsk), (1, arlen), (1, old), (2, arlen)]
    both = find_reach(examples, features([Window(row, chars, [], []) for row, chars in parts]), cap=1)
    assert both.code.tolist() == [IN_REACH, CAP, IN_REACH]
    assert both.tokens.tolist() == [1, 2, 1]
    lacking = find_reach(examples, features([Window(row, arlen, [], []) for row in range(3)]))
    assert lacking.code.tolist() == [WINDOW, WINDOW, IN_REACH]


def test_a_single_answer_to_a_question_of_several_spans() -> None:
    examples = examples_of_spans([["Arlen"], ["Borsk"]], [["Cadiz"]])
    found = evaluate_examples(examples, {"q0": "Arlen", "q1": "Cadiz"})
    assert (found.metrics["exact"], found.metrics["f1"]) == (50, 75)
    assert [KINDS[k] for k in error_kinds_of(found)] == ["missing spans", "right answer"]
    whole = replace(examples, answer_span=None)
    assert evaluate_examples(whole, {"q0": "Arlen", "q1": "Cadiz"}).metrics["exact"] == 100


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (["Arlen", "Cadiz"], "right answer"),
        (["Arlen"], "missing spans"),
        (["Arlen", "old Cadiz", "Borsk"], "superfluous spans"),
        (["Arlen", "Borsk"], "some spans right"),
        (["Arl", "Borsk"], "too short"),
        (["Borsk", "Delft"], "wrong span, right kind"),
        ([], "false abstention"),
    ],
)
def test_missing_and_superfluous_spans_are_kinds_of_their_own(said: list[str], kind: str) -> None:
    examples = examples_of_spans([["Arlen"], ["old Cadiz", "Cadiz"]])
    examples = replace(examples, context=[f"{examples.context[0]} | Borsk | Delft"])
    assert [KINDS[k] for k in error_kinds_of(evaluate_examples(examples, {"q0": said}))] == [kind]


def test_several_spans_for_one_that_is_due_are_superfluous() -> None:
    examples = examples_of_spans([["Arlen"]], [["Borsk"], ["Cadiz"]])
    found = evaluate_examples(examples, {"q0": ["Arlen", "0"], "q1": ["Borsk", "Cadiz"]})
    assert [KINDS[k] for k in error_kinds_of(found)] == ["superfluous spans", "right answer"]
    of_one = replace(examples_of_spans([["Arlen"]]), answer_span=None)
    found = evaluate_examples(of_one, {"q0": ["Arlen", "0"]})
    assert [KINDS[k] for k in error_kinds_of(found)] == ["superfluous spans"]
