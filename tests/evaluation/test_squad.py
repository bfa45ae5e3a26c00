from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qatk.errors import DataError
from qatk.evaluation import squad as scoring
from qatk.languages import normalise_answer, normalise_answers
from scoring_cases import REFERENCE, examples_of, squad_json, without_gold

PIECES = [
    "the",
    "a",
    "an",
    "The",
    "AN",
    "cat",
    "cats",
    "Éa",
    "ΟΔΟΣ",
    "Σ",
    "İ",
    "1,000",
    "'s",
    "-",
    "_",
    "\u2013",
    "¢",
    "$",
]
SPACES = [" ", "", "  ", "\t", "\u00a0", "\u2003", "\x1c", "\n"]
texts = st.one_of(
    st.lists(st.sampled_from([*PIECES, *SPACES, "\0"]), max_size=8).map("".join),
    st.text(max_size=12),
)
golds = st.lists(texts, max_size=3)
questions = st.lists(st.tuples(golds, texts), min_size=1, max_size=12)


def scores(gold: list[str], text: str) -> tuple[float, float]:
    exact, f1 = scoring.exact_and_f1(examples_of([gold]), [text])
    return float(exact[0]), float(f1[0])


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The Cat, the  DOG!", "cat dog"),
        ("an apple a day", "apple day"),
        ("theatre", "theatre"),
        ("1,000.50", "100050"),
        ("the-a", "thea"),
        ("the\u2013a", "\u2013"),
        ("the", ""),
        ("", ""),
        ("\u00a0x\u2003y\n", "x y"),
        ("don't", "dont"),
    ],
)
def test_normalise_answer_by_hand(text: str, normal: str) -> None:
    assert normalise_answer(text) == normal
    assert normalise_answers(["the\u03a3", text, "a"]) == ["theς", normal, ""]


@given(st.lists(texts, max_size=6))
def test_normalising_together_is_normalising_each(several: list[str]) -> None:
    assert normalise_answers(several) == [REFERENCE["normalise"](text) for text in several]


@pytest.mark.parametrize(
    ("gold", "text", "exact", "f1"),
    [
        (["the red fox"], "Red fox.", 1.0, 1.0),
        (["red fox"], "fox", 0.0, 2 * 1.0 * 0.5 / 1.5),
        (["fox fox hen"], "fox hen hen hen", 0.0, 2 * (2 / 4) * (2 / 3) / (2 / 4 + 2 / 3)),
        (["blue", "red fox"], "red fox", 1.0, 1.0),
        (["red fox"], "", 0.0, 0.0),
        ([], "", 1.0, 1.0),
        ([], "the", 1.0, 1.0),
        ([], "red", 0.0, 0.0),
        (["the", "!"], "", 1.0, 1.0),
        (["the", "fox"], "", 0.0, 0.0),
        (["the", "fox"], "a", 0.0, 0.0),
    ],
)
def test_exact_and_f1_by_hand(gold: list[str], text: str, exact: float, f1: float) -> None:
    assert scores(gold, text) == (exact, f1)


@given(questions)
def test_scores_are_those_of_the_official_way(asked: list[tuple[list[str], str]]) -> None:
    exact, f1 = scoring.exact_and_f1(examples_of([gold for gold, _ in asked]), [text for _, text in asked])
    given_texts = {f"q{i}": text for i, (_, text) in enumerate(asked)}
    expected_exact, expected_f1, _ = REFERENCE["raw_scores"](squad_json([gold for gold, _ in asked]), given_texts)
    assert exact.tolist() == list(expected_exact.values())
    assert f1.tolist() == list(expected_f1.values())


@given(questions, st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_row_order_does_not_matter(asked: list[tuple[list[str], str]], chance: object) -> None:
    order = list(range(len(asked)))
    chance.shuffle(order)  # type: ignore[attr-defined]
    examples = examples_of([gold for gold, _ in asked])
    straight = scoring.exact_and_f1(examples, [text for _, text in asked])
    shuffled = scoring.exact_and_f1(examples.take(order), [asked[i][1] for i in order])
    for before, after in zip(straight, shuffled, strict=True):
        assert before[order].tolist() == after.tolist()


def test_scores_need_gold_and_a_text_for_each_question() -> None:
    with pytest.raises(DataError, match="no gold"):
        scoring.exact_and_f1(without_gold(1), ["x"])
    with pytest.raises(ValueError, match="1 prediction for 2 questions"):
        scoring.exact_and_f1(examples_of([["x"], []]), ["x"])


def test_official_metrics_by_hand() -> None:
    exact, f1 = np.array([1.0, 0.0, 0.0, 1.0]), np.array([1.0, 0.5, 0.0, 1.0])
    metrics = scoring.official_metrics(exact, f1, np.array([True, True, False, False]))
    assert list(metrics.items()) == [
        ("exact", 50.0),
        ("f1", 62.5),
        ("total", 4),
        ("HasAns_exact", 50.0),
        ("HasAns_f1", 75.0),
        ("HasAns_total", 2),
        ("NoAns_exact", 50.0),
        ("NoAns_f1", 50.0),
        ("NoAns_total", 2),
    ]
    assert list(scoring.official_metrics(exact, f1, np.ones(4, np.bool_)))[3:] == [
        "HasAns_exact",
        "HasAns_f1",
        "HasAns_total",
    ]


def test_sums_run_from_left_to_right() -> None:
    values = np.array([1.0, *[2.0**-53] * 1000])  # each addition is rounded away; numpy and Python 3.12 keep them
    assert scoring.percent(values) == 100.0 * 1.0 / 1001
    assert values.sum() > 1.0
    assert math.isnan(scoring.percent(np.zeros(0)))


# Four questions: right, half right, unanswerable but answered, unanswerable and left unanswered.
EXACT = np.array([1.0, 0.0, 0.0, 1.0])
F1 = np.array([1.0, 0.5, 0.0, 1.0])
HAS_ANSWER = np.array([True, True, False, False])
ANSWERED = np.array([True, True, True, False])


def odds_metrics(odds: list[float], rows: list[int] | None = None) -> dict[str, float]:
    order = None if rows is None else np.array(rows, np.int64)
    return scoring.odds_metrics(EXACT, F1, HAS_ANSWER, ANSWERED, np.array(odds), order)


def test_odds_metrics_by_hand() -> None:
    # Two unanswerable ones to begin with; rising odds bring +1, +0.5 (F1), -1, 0.
    assert list(odds_metrics([-3.0, -1.0, 2.0, 5.0]).items()) == [
        ("best_exact", 75.0),
        ("best_exact_thresh", -3.0),
        ("best_f1", 87.5),
        ("best_f1_thresh", -1.0),
        ("pr_exact_ap", 100.0 * 1.0 * 0.5),
        ("pr_f1_ap", 100.0 * (0.5 + 0.75 * 0.25)),
        ("pr_oracle_ap", 100.0),
    ]


def test_nothing_answered_is_best_at_threshold_zero() -> None:
    metrics = odds_metrics([5.0, 6.0, -2.0, -3.0])
    assert (metrics["best_exact"], metrics["best_exact_thresh"]) == (50.0, 0.0)


def test_order_of_equal_odds_matters_for_best_and_not_for_ap() -> None:
    right_first, wrong_first = odds_metrics([1.0] * 4, [0, 1, 2, 3]), odds_metrics([1.0] * 4, [2, 0, 1, 3])
    assert (right_first["best_exact"], wrong_first["best_exact"]) == (75.0, 50.0)
    assert right_first["pr_exact_ap"] == wrong_first["pr_exact_ap"] == 100.0 * 0.25 * 0.5


def test_no_average_precision_without_answerable_questions() -> None:
    nothing = np.zeros(2, np.bool_)
    metrics = scoring.odds_metrics(np.ones(2), np.ones(2), nothing, nothing, np.array([1.0, 2.0]))
    assert list(metrics) == ["best_exact", "best_exact_thresh", "best_f1", "best_f1_thresh"]


def test_nan_odds_are_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        odds_metrics([1.0, math.nan, 2.0, 3.0])


words = st.sampled_from(["", "red", "fox", "red fox", "hen fox red"])
judged = st.lists(
    st.tuples(st.lists(words.filter(bool), max_size=2), words, st.integers(-3, 3)), min_size=1, max_size=10
)


@given(judged, st.randoms(use_true_random=False))
def test_odds_metrics_are_those_of_the_official_way(asked: list[tuple[list[str], str, int]], chance: object) -> None:
    rows = list(range(len(asked)))
    chance.shuffle(rows)  # type: ignore[attr-defined]
    golds, given_texts, odds = map(list, zip(*asked, strict=True))
    examples = examples_of(golds)
    exact, f1 = scoring.exact_and_f1(examples, given_texts)
    answered = np.array([text != "" for text in given_texts])
    in_order = np.array([odds[i] for i in rows], np.float64)
    metrics = scoring.official_metrics(exact, f1, examples.has_answer)
    metrics |= scoring.odds_metrics(exact, f1, examples.has_answer, answered, in_order, np.array(rows))
    by_id = {f"q{i}": text for i, text in enumerate(given_texts)}
    expected = REFERENCE["score"](squad_json(golds), by_id, {f"q{i}": float(odds[i]) for i in rows})
    assert list(metrics.items()) == list(expected.items())


@given(judged)
def test_best_is_the_best_that_any_threshold_reaches(asked: list[tuple[list[str], str, int]]) -> None:
    """Answers above a threshold taken back, everything scored afresh; with distinct odds, the best is just that."""
    golds, given_texts, _ = map(list, zip(*asked, strict=True))
    examples, odds = examples_of(golds), [float(i) for i in range(len(asked))]
    exact, f1 = scoring.exact_and_f1(examples, given_texts)
    answered = np.array([text != "" for text in given_texts])
    metrics = scoring.odds_metrics(exact, f1, examples.has_answer, answered, np.array(odds))
    reached = []
    for threshold in (-1.0, *odds):
        kept = [text if odds[i] <= threshold else "" for i, text in enumerate(given_texts)]
        reached.append(scoring.percent(scoring.exact_and_f1(examples, kept)[1]))
    assert metrics["best_f1"] == pytest.approx(max(reached))
    assert metrics["best_f1"] >= reached[-1] - 1e-9
    stretched = scoring.odds_metrics(exact, f1, examples.has_answer, answered, 2 * np.array(odds) + 7)
    assert {k: v for k, v in stretched.items() if "thresh" not in k} == {
        k: v for k, v in metrics.items() if "thresh" not in k
    }


def test_every_question_of_a_large_set_is_held_against_its_own_gold() -> None:
    n = scoring.BLOCK + 3
    gold = [[f"w{row}"] if row % 7 else [f"w{row} more", f"w{row}"][: row % 2 + 1] for row in range(n)]
    texts = [f"w{row}" for row in range(n)]
    exact, f1 = scoring.exact_and_f1(examples_of(gold), texts)
    right = [float(f"w{row}" in answers) for row, answers in enumerate(gold)]
    assert exact.tolist() == right
    assert f1.tolist() == pytest.approx([1.0 if found else 2 / 3 for found in right])
