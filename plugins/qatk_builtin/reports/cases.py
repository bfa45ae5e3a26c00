"""Wins and losses: which examples say most about a run, and how each is shown."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from qatk.results import Evaluation
from qatk.textview import Mark, excerpt, printable

AROUND = 220
"""Characters of context shown around an answer."""


def kind_of(evaluation: Evaluation, row: int) -> str:
    """What sort of win or loss a question is."""
    answerable = bool(evaluation.examples.has_answer[row])
    answered = evaluation.predictions.text[row] != ""
    if evaluation.per_question["exact"][row] == 1:
        return "right answer" if answered else "right to abstain"
    if not answerable:
        return "false answer"
    if not answered:
        return "false abstention"
    f1 = evaluation.per_question.get("f1")
    return "boundary" if f1 is not None and f1[row] > 0 else "wrong span"


def pick_losses(evaluation: Evaluation, number: int) -> list[int]:
    """The most confident losses of each kind in turn: what the model is surest of tells most."""
    rows = np.flatnonzero(evaluation.per_question["exact"] != 1)
    return _in_turn(evaluation, rows, -np.abs(_odds(evaluation)), number)


def pick_wins(evaluation: Evaluation, number: int) -> list[int]:
    """The narrowest wins of each kind in turn: with a little less they would have been losses."""
    rows = np.flatnonzero(evaluation.per_question["exact"] == 1)
    return _in_turn(evaluation, rows, np.abs(_odds(evaluation)), number)


def _odds(evaluation: Evaluation) -> np.ndarray:
    return np.nan_to_num(evaluation.predictions.null_odds, nan=0.0)


def _in_turn(evaluation: Evaluation, rows: np.ndarray, order: np.ndarray, number: int) -> list[int]:
    """The first rows of each kind by ``order``, one kind after the other."""
    kinds: dict[str, list[int]] = {}
    for row in rows[np.argsort(order[rows], kind="stable")].tolist():
        kinds.setdefault(kind_of(evaluation, row), []).append(row)
    queues = [kinds[kind] for kind in sorted(kinds)]
    longest = max(map(len, queues), default=0)
    return [queue[i] for i in range(longest) for queue in queues if i < len(queue)][:number]


def show_case(evaluation: Evaluation, row: int) -> Padding:
    """One question: what was asked, what is right, what was said, where in the context."""
    right = evaluation.per_question["exact"][row] == 1
    colour = "green" if right else "red"
    examples, predictions = evaluation.examples, evaluation.predictions
    head = Text.assemble((kind_of(evaluation, row), f"bold {colour}"), ("  " + _figures(evaluation, row), "dim"))
    grid = Table.grid(padding=(0, 1))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    grid.add_row("question", Text(printable(examples.question[row]), "bold"))
    if not right:
        grid.add_row("gold", _answers(examples.answers_of(row)))
    grid.add_row("said", Text(printable(predictions.text[row]), colour) if predictions.text[row] else _nothing())
    grid.add_row("context", excerpt(examples.context_of(row), _marks(evaluation, row, colour), width=AROUND))
    return Padding(Group(head, Padding(grid, (0, 0, 0, 2), expand=False)), (0, 0, 1, 0), expand=False)


def _marks(evaluation: Evaluation, row: int, colour: str) -> list[Mark]:
    """The prediction first, for the excerpt is cut around the first mark; gold where it differs."""
    predictions = evaluation.predictions
    start, end = int(predictions.char_start[row]), int(predictions.char_end[row])
    said = [Mark(start, end, f"bold {colour}", "«", "»")] if start >= 0 else []
    gold = list(dict.fromkeys(evaluation.examples.spans_of(row)))[:1]
    return said + [Mark(*span, "bold green", "[", "]") for span in gold if span != (start, end)]


def _answers(answers: Sequence[str]) -> Text:
    distinct = list(dict.fromkeys(answers))
    return Text(printable(" | ".join(distinct)), "green") if distinct else _nothing()


def _nothing() -> Text:
    return Text("(no answer)", "italic")


def _figures(evaluation: Evaluation, row: int) -> str:
    """F1, score and null odds, as far as they are known."""
    predictions = evaluation.predictions
    parts = [f"F1 {evaluation.per_question['f1'][row]:.2f}"] if "f1" in evaluation.per_question else []
    odds, score = float(predictions.null_odds[row]), float(predictions.score[row])
    if math.isfinite(odds):
        parts += [f"score {score:.1f}", f"null odds {odds:+.1f}"]
    return "  ".join(parts)
