"""Span by span and word by word: hand-worked cases, and MultiSpanQA's own way of counting told once more."""

from __future__ import annotations

import random
import re
from bisect import bisect_left, bisect_right
from difflib import SequenceMatcher

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qatk.api import DataError, LanguageOptions
from qatk.evaluation import normalise_answers
from qatk.evaluation.evaluate import evaluate_examples
from qatk.plugins.host import PluginHost
from qatk.testing import check_component
from qatk.types import Examples, Predictions, Span
from qatk_builtin.metrics.spans import SpansMetric
from repository import SHARED, needs_shared_data
from scoring_cases import examples_of, predictions_of, without_gold
from several_cases import examples_of_spans

METRIC = SpansMetric(LanguageOptions())


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
    with pytest.raises(DataError, match="1 answer has no known place"):
        METRIC.score(examples_of([["x"]]), predictions_of(["x"]))


def test_single_answers_have_figures_too() -> None:
    examples = examples_of_spans([["Port Arlen"]], [])
    one = evaluate_examples(examples, {"q0": "Arlen", "q1": ""}).predictions
    assert METRIC.score(examples, one)["word_f1"].tolist() == pytest.approx([2 / 3, 1])
    assert np.isfinite(list(METRIC.corpus(examples, one).values())).all()


# the real data, with answers made from gold by rule: kept, cut, dropped, and some that are made up


def said_by_rule(examples: Examples, seed: int = 4) -> dict[str, list[Span]]:
    rng = random.Random(seed)
    found: dict[str, list[Span]] = {}
    for row, name in enumerate(examples.id):
        context, places = examples.context_of(row), []
        words = [match.span() for match in re.finditer(r"\S+", context)]
        for start, end in examples.spans_of(row):
            inside = [word for word in words if start <= word[0] and word[1] <= end]
            if (chance := rng.random()) < 0.6 or not inside:
                places.append((start, end))
            elif chance < 0.8:
                places.append((inside[0][0], inside[rng.randrange(len(inside))][1]))
        if rng.random() < 0.3:
            first = rng.randrange(len(words))
            places.append((words[first][0], words[min(first + 3, len(words) - 1)][1]))
        apart: list[tuple[int, int]] = []
        for place in sorted(places):
            if not apart or place[0] >= apart[-1][1]:
                apart.append(place)
        found[name] = [Span(context[a:b], a, b, 0.0) for a, b in apart]
    return found


def eraser(context: str, due: list[tuple[int, int]], said: list[tuple[int, int]]) -> tuple[float, float]:
    """IoU F1 and token F1 of one document as the script of ERASER counts them: spans are ranges of token numbers."""
    tokens = [match.span() for match in re.finditer(r"\w+", context)]
    ends, starts = [token[1] for token in tokens], [token[0] for token in tokens]

    def ranges(places: list[tuple[int, int]]) -> list[tuple[int, int]]:
        return [(bisect_right(ends, a), bisect_left(starts, b)) for a, b in places]

    truth, preds = ranges(due), ranges(said)
    hits = 0
    for a, b in preds:
        over = [(max(0, min(b, d) - max(a, c)), max(b, d) - min(a, c)) for c, d in truth]
        hits += max((both / either for both, either in over), default=0) >= 0.5
    flat = [{token for a, b in side for token in range(a, b)} for side in (truth, preds)]
    both = len(flat[0] & flat[1])
    return f1(hits / len(truth), hits / len(preds)), f1(both / len(flat[0]), both / len(flat[1]))


def f1(recall: float, precision: float) -> float:
    return 2 * recall * precision / (recall + precision) if recall + precision else 0.0


@needs_shared_data
def test_published_ways_of_counting_agree_on_real_files() -> None:
    path = SHARED / "evidence" / "multispanqa-dev.json.gz"
    examples: Examples = PluginHost.discover(environ={}).build("dataset", "multispanqa", {"path": str(path)}).load()
    said = said_by_rule(examples)
    predictions = evaluate_examples(examples, said).predictions
    found, whole = METRIC.score(examples, predictions), METRIC.corpus(examples, predictions)
    golds = [set(normalise_answers(examples.answers_of(row))) for row in range(len(examples))]
    preds = [
        set(normalise_answers([span.text for span in said[name]])) if said[name] else set() for name in examples.id
    ]
    for name, partial in (("em", False), ("overlap", True)):
        expected = official(golds, preds, partial=partial)
        figures = [whole[f"multispan_{name}_{what}"] for what in ("precision", "recall", "f1")]
        assert figures == pytest.approx(expected, rel=1e-12)
    scored = [row for row, name in enumerate(examples.id) if said[name]]
    assert len(scored) > 0.8 * len(examples)
    due_words, said_words, right_words = 0, 0, 0
    for row in range(len(examples)):
        context, due = examples.context_of(row), examples.spans_of(row)
        given = [(span.char_start, span.char_end) for span in said[examples.id[row]]]
        if given:
            assert (found["iou_f1"][row], found["word_f1"][row]) == pytest.approx(eraser(context, due, given)), row
        letters = [{k for a, b in side for k in range(a, b)} for side in (due, given)]
        words = [{m.start() for m in re.finditer(r"\w+", context) if side & set(range(*m.span()))} for side in letters]
        due_words, said_words = due_words + len(words[0]), said_words + len(words[1])
        right_words += len(words[0] & words[1])
    assert whole["coverage"] == pytest.approx(100 * right_words / due_words)
    assert whole["over_prediction"] == pytest.approx(100 * (said_words - right_words) / said_words)
    assert 60 < whole["coverage"] < 95
    assert 5 < whole["over_prediction"] < 40
