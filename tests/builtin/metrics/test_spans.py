"""Span by span and word by word: hand-worked cases, and MultiSpanQA's own way of counting told once more."""

from __future__ import annotations

from difflib import SequenceMatcher

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qatk.api import DataError, NoOptions
from qatk.evaluation import normalise_answers
from qatk.evaluation.evaluate import evaluate_examples
from qatk.testing import check_component
from qatk.types import Examples, Predictions
from qatk_builtin.metrics.spans import SpansMetric
from scoring_cases import examples_of, predictions_of, without_gold
from several_cases import examples_of_spans

METRIC = SpansMetric(NoOptions())


def answered(examples: Examples, *said: list[str]) -> Predictions:
    return evaluate_examples(examples, dict(zip(examples.id, said, strict=True))).predictions


def figures(gold: list[list[str]], said: list[str]) -> dict[str, float]:
    examples = examples_of_spans(gold)
    return {name: float(v[0]) for name, v in METRIC.score(examples, answered(examples, said)).items()}


def test_keeps_its_promises() -> None:
    check_component("metric", "spans")


TOWNS = [["Port Arlen"], ["old Cadiz", "Cadiz"]]
"""Context: "0: Port Arlen | old Cadiz | Cadiz"."""


@pytest.mark.parametrize(
    ("gold", "said", "expected"),
    [
        (TOWNS, ["Port Arlen", "Cadiz"], {"span_exact": 1, "span_partial": 1, "iou_f1": 1, "word_f1": 1}),
        # one of two spans: precision 1, recall 1/2; words 2 of 4, "old Cadiz" being the first of equal alternatives
        (TOWNS, ["Port Arlen"], {"span_exact": 2 / 3, "word_precision": 1, "word_recall": 1 / 2, "iou_f1": 2 / 3}),
        # "Arlen" of "port arlen": no exact match; 5 of its 5 characters, and 5 of the gold's 10; words 1 of 2, IoU 1/2
        (
            [["Port Arlen"]],
            ["Arlen"],
            {
                "span_exact": 0,
                "span_partial": 2 / 3,
                "iou_f1": 1,
                "word_precision": 1,
                "word_recall": 0.5,
                "word_f1": 2 / 3,
            },
        ),
        # "Arlen" of three words: IoU 1/3
        ([["old Port Arlen"]], ["Arlen"], {"iou_f1": 0, "word_recall": 1 / 3, "word_f1": 1 / 2}),
        # a word too many, found nowhere: words 2 of 3 are right
        ([["Port Arlen"]], ["Port Arlen", "Zzz"], {"span_exact": 2 / 3, "word_precision": 2 / 3, "word_recall": 1}),
        (
            [],
            [],
            {"span_exact": 1, "span_partial": 1, "iou_f1": 1, "word_precision": 1, "word_recall": 1, "word_f1": 1},
        ),
        ([], ["0"], {"span_exact": 0, "span_partial": 0, "iou_f1": 0, "word_precision": 0, "word_recall": 0}),
        (TOWNS, [], {"span_exact": 0, "span_partial": 0, "iou_f1": 0, "word_precision": 0, "word_f1": 0}),
    ],
)
def test_worked_cases(gold: list[list[str]], said: list[str], expected: dict[str, float]) -> None:
    found = figures(gold, said)
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_figures_of_a_set_are_of_sums() -> None:
    """Three questions: both spans found; one of two, and one too many; none due and none said."""
    examples = examples_of_spans([["ab"], ["cd"]], [["ef gh"], ["ij"]], [])
    found = METRIC.corpus(examples, answered(examples, ["ab", "cd"], ["ef", "Zzz"], []))
    # exact: said 2 + 2 + 1, right 2 + 0 + 1; due 2 + 2 + 1
    assert found["multispan_em_f1"] == found["multispan_em_precision"] == pytest.approx(60)
    # partial: "ef" is all in "ef gh", "zzz" in none: (2 + 1 + 1) / 5; of "ef gh" 2 of 5 characters: (2 + 2/5 + 1) / 5
    assert found["multispan_overlap_precision"] == pytest.approx(80)
    assert found["multispan_overlap_recall"] == pytest.approx(68)
    # words: due 2 + 3, said 2 + 2, of which 2 + 1 are due
    assert (found["coverage"], found["over_prediction"]) == (pytest.approx(60), pytest.approx(25))


def official(golds: list[set[str]], preds: list[set[str]], *, partial: bool) -> list[float]:
    """MultiSpanQA's figures as its paper and script define them, written apart from the metric."""
    gold_count = sum(max(len(gold), 1) for gold in golds)
    pred_count = sum(max(len(pred), 1) for pred in preds)
    p = r = 0.0
    for gold, pred in zip(golds, preds, strict=True):
        if not partial:
            both = len(gold & pred) if gold or pred else 1
            p, r = p + both, r + both
        elif not gold and pred <= {""}:
            p, r = p + 1, r + 1
        elif gold and not pred <= {""}:
            run = {
                (g, s): SequenceMatcher(None, g, s).find_longest_match(0, len(g), 0, len(s)).size
                for g in gold
                for s in pred
            }
            p += sum(max(run[g, s] / len(s) if run[g, s] else 0 for g in gold) for s in pred)
            r += sum(max(run[g, s] / len(g) if run[g, s] else 0 for s in pred) for g in gold)
    p, r = p / pred_count, r / gold_count
    return [100 * p, 100 * r, 100 * (2 * p * r / (p + r) if p + r else 0)]


texts = st.lists(st.sampled_from(["ab", "abc", "x", "the", "B!", "y z"]), min_size=1, max_size=3).map(" ".join)
answers = st.lists(texts, max_size=3)


@settings(max_examples=60)
@given(st.lists(st.tuples(answers, answers), min_size=1, max_size=4))
def test_the_official_figures(questions: list[tuple[list[str], list[str]]]) -> None:
    examples = examples_of_spans(*([[text] for text in gold] for gold, _ in questions))
    found = METRIC.corpus(examples, answered(examples, *(said for _, said in questions)))
    golds, preds = (
        [set(normalise_answers(each)) if each else set() for each in side] for side in zip(*questions, strict=True)
    )
    for name, partial in (("em", False), ("overlap", True)):
        expected = official(golds, preds, partial=partial)
        assert [found[f"multispan_{name}_{what}"] for what in ("precision", "recall", "f1")] == pytest.approx(expected)


def test_gold_and_its_places_are_needed() -> None:
    with pytest.raises(DataError, match="no gold"):
        METRIC.score(without_gold(1), predictions_of(["x"]))
    with pytest.raises(DataError, match="1 answers have no known place"):
        METRIC.score(examples_of([["x"]]), predictions_of(["x"]))


def test_single_answers_have_figures_too() -> None:
    examples = examples_of_spans([["Port Arlen"]], [])
    one = evaluate_examples(examples, {"q0": "Arlen", "q1": ""}).predictions
    assert METRIC.score(examples, one)["word_f1"].tolist() == pytest.approx([2 / 3, 1])
    assert np.isfinite(list(METRIC.corpus(examples, one).values())).all()
