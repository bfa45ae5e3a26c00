"""Which gold answers windows, cap and tokens leave within reach."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import qatk
from min_null_tools import Window, features
from qatk.evaluation import token_spans as module
from qatk.evaluation.reachability import CAP, IN_REACH, TOKENIZER, WINDOW, find_reach, window_masks
from qatk.types import Examples, Features
from small import write_recipe

CONTEXT = "In the year 1843-45 Ada wrote of it."
WORDS = [(0, 2), (3, 6), (7, 11), (12, 19), (20, 23), (24, 29), (30, 32), (33, 36)]
"""Tokens of the context: its words, hyphens and full stop included."""


def examples(*golds: list[tuple[str, int | None]]) -> Examples:
    flat = [answer for gold in golds for answer in gold]
    starts = [CONTEXT.index(text) if start is None else start for text, start in flat]
    return Examples(
        id=[f"q{i}" for i in range(len(golds))],
        question=["?"] * len(golds),
        title=[""] * len(golds),
        context=[CONTEXT],
        context_index=np.zeros(len(golds), np.int32),
        answer_offsets=np.cumsum([0, *map(len, golds)]),
        answer_text=[text for text, _ in flat],
        answer_start=np.array(starts, np.int32),
    )


def windows(*of: tuple[int, list[tuple[int, int]]]) -> Features:
    """Windows of an example and its tokens, behind a token of no characters as the question's are."""
    return features([Window(example, [(-1, -1), *chars], [], []) for example, chars in of])


def one(gold: str, *chars: list[tuple[int, int]], cap: int | None = None, start: int | None = None) -> Any:
    return find_reach(examples([(gold, start)]), windows(*((0, each) for each in chars)), cap)


@pytest.mark.parametrize(
    ("gold", "cap", "code"),
    [
        ("year", 1, IN_REACH),
        ("the year", 1, CAP),
        ("the year", None, IN_REACH),
        ("1843-45", None, IN_REACH),
        ("1843", None, TOKENIZER),
        ("it", None, IN_REACH),  # the token says "it.", which is the same to the metric
        ("ea", 9, TOKENIZER),
    ],
)
def test_reasons(gold: str, cap: int | None, code: int) -> None:
    assert one(gold, WORDS, cap=cap).code.tolist() == [code]


def test_an_answer_must_lie_whole_in_one_window() -> None:
    assert one("year 1843-45", WORDS[:3], WORDS[3:]).code.tolist() == [WINDOW]
    assert one("year 1843-45", WORDS[:4], WORDS[2:]).code.tolist() == [IN_REACH]
    assert one("year").code.tolist() == [WINDOW]
    assert one("year", []).code.tolist() == [WINDOW]


def test_any_gold_answer_is_enough_and_the_shortest_counts() -> None:
    many = find_reach(examples([("the year 1843-45", None), ("year", None), ("1843", None)]), windows((0, WORDS)), 2)
    assert (many.code.tolist(), many.tokens.tolist()) == ([IN_REACH], [1])
    long = find_reach(examples([("1843", None), ("the year", None)]), windows((0, WORDS)), 1)
    assert (long.code.tolist(), long.out_of_reach(), long.longest_answer()) == ([CAP], {"cap": 1}, 2)


def test_no_answer_and_unknown_places_are_within_reach() -> None:
    some = examples([], [("nowhere", -1)], [("year", None), ("nowhere", -1)])
    assert find_reach(some, windows((1, WORDS[:1])), 1).code.tolist() == [IN_REACH] * 3


def test_windows_are_counted() -> None:
    found = find_reach(examples([], [], []), windows((0, WORDS), (2, WORDS), (2, WORDS)))
    assert found.windows.tolist() == [1, 0, 2]
    assert {name: mask.tolist() for name, mask in window_masks(found.windows)["windows"].items()} == {
        "1": [True, True, False],
        "2": [False, False, True],
    }
    assert window_masks(np.array([1, 1, 1], np.int32)) == {}
    assert window_masks(np.zeros(0, np.int32)) == {}


def test_tokens_out_of_the_order_of_their_characters() -> None:
    swapped = [(3, 6), (0, 2), *WORDS[2:]]
    assert one("year 1843-45", swapped).code.tolist() == [IN_REACH]


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    golds = [[("year", None)], [("1843", None)], [("the year", None)], [], [("wrote of", None)]] * 4
    cut = windows(*((i, chars) for i in range(20) for chars in (WORDS[:4], WORDS[3:])))
    whole = find_reach(examples(*golds), cut, 1)
    assert set(whole.code.tolist()) == {IN_REACH, TOKENIZER, CAP}
    for block in (1, 7, 40):
        monkeypatch.setattr(module, "BLOCK", block)
        again = find_reach(examples(*golds), cut, 1)
        for name in ("code", "windows", "tokens"):
            np.testing.assert_array_equal(getattr(whole, name), getattr(again, name))


def test_a_run_says_what_was_out_of_reach(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    recipe = write_recipe(tmp_path, train=48, dev=24, epochs=1)
    settings = ["decoder.max_answer_length=1", "trainer.epochs=1"]
    result = qatk.run(recipe, out=tmp_path / "run", settings=settings, console=Console(width=80))
    evaluation = result.evaluation
    assert evaluation.reach is not None
    assert evaluation.windows is not None
    assert evaluation.windows.min() >= 1
    out = int((evaluation.reach == CAP).sum())
    assert out > 0  # years are several tokens of the tiny tokenizer
    shown = " ".join(capsys.readouterr().out.split())
    assert f"{out} of {int(result.metrics['HasAns_total'])} answers" in shown
    assert "decoder.max_answer_length: " in shown
    assert "out of reach" in shown
    old = replace(evaluation, reach=None)
    assert old.reachable is None


@pytest.mark.parametrize("tokens", [1, 4, 9, 10, 27, 1000])
def test_blocks_hold_as_many_windows_as_fit(tokens: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", tokens)
    given = windows(*((0, WORDS[:size]) for size in (3, 8, 2, 2, 2, 1, 8, 8)))
    found = list(module.blocks(given))
    assert [begin for begin, _ in found] + [len(given)] == [0, *(stop for _, stop in found)]
    held = [int(given.token_offsets[stop] - given.token_offsets[begin]) for begin, stop in found]
    assert all(size <= tokens or stop - begin == 1 for size, (begin, stop) in zip(held, found, strict=True))
    assert all(size + int(given.lengths[stop]) > tokens for size, (_, stop) in zip(held, found[:-1], strict=False))
