"""What sort of right or wrong an answer is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from qatk.evaluation.error_kinds import KINDS, MEANINGS, answer_type, error_kinds_of, right_elsewhere
from qatk.evaluation.evaluate import evaluate, evaluate_examples
from qatk.results.evaluation import Evaluation
from qatk.types import Examples, Predictions
from repository import SHARED, needs_shared_data

CONTEXT = (
    "The mill of Arlen was built in 1843 by Ada Lovelace and Charles Babbage. It stands on the river Orr. "
    "Ada wrote of it in 1901. The bakers of Arlen won it in a game of cards."
)
Gold = Sequence[tuple[str, int]]


def evaluation(rows: Sequence[tuple[Gold, str, int]], context: str = CONTEXT) -> Evaluation:
    """Gold answers with their places, what was said and where; -1 is an unknown place."""
    golds = [gold for gold, *_ in rows]
    flat = [answer for gold in golds for answer in gold]
    n = len(rows)
    examples = Examples(
        id=[f"q{i}" for i in range(n)],
        question=["?"] * n,
        title=[""] * n,
        context=[context],
        context_index=np.zeros(n, np.int32),
        answer_offsets=np.cumsum([0, *map(len, golds)]),
        answer_text=[text for text, _ in flat],
        answer_start=np.array([start for _, start in flat], np.int32),
    )
    said = evaluate_examples(examples, {f"q{i}": text for i, (_, text, _) in enumerate(rows)})
    start = np.array([start for *_, start in rows], np.int32)
    lengths = np.array([len(text) for _, text, _ in rows], np.int32)
    predictions = replace(
        said.predictions, char_start=start, char_end=np.where(start < 0, start, start + lengths).astype(np.int32)
    )
    return replace(said, predictions=predictions)


def kinds(outcome: Evaluation) -> list[str]:
    return [KINDS[code] for code in error_kinds_of(outcome)]


def kind(gold: str | Sequence[str] | None, said: str, *, context: str = CONTEXT, at: int | None = None) -> str:
    golds = [] if gold is None else [gold] if isinstance(gold, str) else gold
    place = (context.index(said) if said else -1) if at is None else at
    return kinds(evaluation([([(text, context.index(text)) for text in golds], said, place)], context))[0]


CASES = {
    ("1843", "1843"): "right answer",
    ("mill of Arlen", "The mill of Arlen"): "right answer",
    (None, ""): "right to abstain",
    (None, "1843"): "false answer",
    ("1843", ""): "false abstention",
    ("Ada Lovelace", "Ada Lovelace and Charles Babbage"): "too long",
    ("Ada Lovelace and Charles Babbage", "Babbage"): "too short",
    ("built in 1843", "1843 by Ada"): "shifted",
    ("river Orr", "1843"): "wrong span",
    ("1843", "1901"): "wrong span, right kind",
    ("Ada Lovelace", "Arlen"): "wrong span, right kind",
    ("on the river", "of it in"): "wrong span, right kind",
}


@pytest.mark.parametrize(("case", "expected"), CASES.items(), ids=map(str, CASES))
def test_kinds(case: tuple[str | None, str], expected: str) -> None:
    assert kind(*case) == expected


def test_every_kind_has_a_meaning() -> None:
    assert tuple(MEANINGS) == KINDS


def test_the_gold_answer_that_is_shared_most_decides() -> None:
    assert kind(("Ada Lovelace and Charles Babbage", "Charles"), "by Ada Lovelace and Charles") == "shifted"
    assert kind(("Ada", "Ada Lovelace and Charles Babbage. It"), "Ada Lovelace") == "too short"
    assert kind(("cards", "Ada"), "Ada Lovelace") == "too long"


def test_words_of_the_gold_at_another_place_are_another_place() -> None:
    assert kind("Ada Lovelace", "Ada", at=CONTEXT.rindex("Ada")) == "another place"
    assert kind("bakers of Arlen", "Arlen", at=CONTEXT.index("Arlen")) == "another place"
    assert kind("mill of Arlen", "game of cards") == "wrong span, right kind"  # a shared "of" is no shared text


def test_exact_match_elsewhere_is_right_and_counted() -> None:
    second = CONTEXT.rindex("Arlen")
    outcome = evaluation(
        [
            ([("Arlen", CONTEXT.index("Arlen"))], "Arlen", second),
            ([("Arlen", CONTEXT.index("Arlen"))], "Arlen", CONTEXT.index("Arlen")),
            ([("Arlen", -1)], "Arlen", second),
            ([("Arlen", CONTEXT.index("Arlen"))], "Arlen", -1),
            ([], "", -1),
        ]
    )
    assert kinds(outcome) == ["right answer"] * 4 + ["right to abstain"]
    assert right_elsewhere(outcome) == 1


@pytest.mark.parametrize(("gold_at", "said_at"), [(-1, 0), (0, -1), (-1, -1)])
def test_words_decide_where_a_place_is_unknown(gold_at: int, said_at: int) -> None:
    said = {
        "ADA Lovelace, it is said": "too long",
        "Lovelace": "too short",
        "Ada Weiss": "shifted",
        "Emil Weiss": "wrong span, right kind",
        "noon": "wrong span",
    }
    outcome = evaluation([([("Ada Lovelace", gold_at)], text, said_at) for text in said])
    assert kinds(outcome) == list(said.values())


def test_what_no_window_or_cap_allows_is_out_of_reach_unless_it_is_right() -> None:
    said = {text: CONTEXT.index(text) if text else -1 for text in ("1843", "", "Orr")}
    rows = [([("1843", CONTEXT.index("1843"))], text, place) for text, place in said.items()]
    outcome = evaluation([*rows, ([], "Orr", CONTEXT.index("Orr"))])
    assert outcome.reachable is None
    reach = replace(outcome, reach=np.array([2, 1, 3, 0], np.int8))
    assert kinds(reach) == ["right answer", "out of reach", "out of reach", "false answer"]
    assert kinds(replace(outcome, reach=np.zeros(4, np.int8)))[1:3] == ["false abstention", "wrong span"]


def test_a_missing_prediction_is_an_error_of_its_question() -> None:
    examples = evaluation([([("1843", 31)], "1843", 31), ([], "", -1)]).examples
    assert kinds(evaluate_examples(examples, {}, missing="wrong")) == ["false abstention", "false answer"]


def test_without_exact_match_among_the_metrics_it_is_worked_out() -> None:
    outcome = evaluation([([("1843", CONTEXT.index("1843"))], "1843", 31), ([], "", -1)])
    assert kinds(replace(outcome, per_question={})) == ["right answer", "right to abstain"]


def test_no_questions() -> None:
    examples = Examples([], [], [], [], np.zeros(0, np.int32), np.zeros(1, np.int64))
    nothing = np.zeros(0, np.float32)
    none = Predictions([], np.zeros(0, np.int32), np.zeros(0, np.int32), nothing, nothing)
    assert len(error_kinds_of(Evaluation(examples, none, {}, {"exact": np.zeros(0)}))) == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1843", "date"),
        ("the 1990s", "date"),
        ("May 5", "date"),
        ("may", "date"),
        ("44 BC", "date"),
        ("the 10th century", "date"),
        ("on Tuesday", "date"),
        ("1,843 people", "number"),
        ("twenty-one", "number"),
        ("3.5 %", "number"),
        ("Ada Lovelace", "name"),
        ("University of Chicago", "name"),
        ("the river Orr", "phrase"),
        ("東京", "phrase"),
        ("", "phrase"),
        ("?!", "phrase"),
        ("the", "phrase"),
    ],
)
def test_answer_types(text: str, expected: str) -> None:
    assert answer_type(text) == expected


def test_a_file_does_not_say_where_so_the_place_next_to_the_gold_counts() -> None:
    start = CONTEXT.rindex("bakers of Arlen")
    examples = evaluation([([("bakers of Arlen", start)], "", -1)]).examples
    outcome = evaluate_examples(examples, {"q0": "Arlen"})
    assert outcome.predictions.char_start.tolist() == [CONTEXT.rindex("Arlen")]
    assert kinds(outcome) == ["too short"]


@needs_shared_data
def test_real_predictions_are_told_apart() -> None:
    real = evaluate(SHARED / "squad2-mini" / "dev.json.gz", SHARED / "parity" / "nlnet-v2.predictions.json.gz")
    counts = dict(zip(KINDS, np.bincount(error_kinds_of(real), minlength=len(KINDS)).tolist(), strict=True))
    assert counts["right answer"] + counts["right to abstain"] == int(real.per_question["exact"].sum())
    several = {"missing spans", "superfluous spans", "some spans right"}
    assert min(counts[name] for name in KINDS if name not in {"out of reach", *several}) > 0
    assert not any(counts[name] for name in several)
