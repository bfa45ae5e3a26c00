"""Wins and losses: which examples say most about a run, and how each is shown."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from qatk.results import Evaluation
from qatk.textview import ELLIPSIS, Mark, excerpt, printable
from qatk.types import Float64, Int64

AROUND = 220
"""Characters of context shown around an answer."""
LONGEST = 400
"""Characters of a question or an answer shown."""
LEGEND = "« » prediction  [ ] gold  { } best span passed over"


def kind_of(evaluation: Evaluation, row: int) -> str:
    """What sort of win or loss a question is."""
    answered = evaluation.predictions.text[row] != ""
    if evaluation.per_question["exact"][row] == 1:
        return "right answer" if answered else "right to abstain"
    if not evaluation.examples.has_answer[row]:
        return "false answer"
    if not answered:
        return "false abstention"
    return "boundary" if _touches_gold(evaluation, row) else "wrong span"


def _touches_gold(evaluation: Evaluation, row: int) -> bool:
    """Whether the prediction overlaps a gold answer in the context, or one holds the words of the other."""
    predictions, examples = evaluation.predictions, evaluation.examples
    start, end = int(predictions.char_start[row]), int(predictions.char_end[row])
    if any(start < gold_end and gold_start < end for gold_start, gold_end in examples.spans_of(row)):
        return True
    said, golds = _words(predictions.text[row]), [_words(answer) for answer in examples.answers_of(row)]
    return any(said in gold or gold in said for gold in golds)


def _words(text: str) -> str:
    return f" {' '.join(text.lower().split())} "


def pick_losses(evaluation: Evaluation, number: int) -> list[int]:
    """The most confident losses of each kind in turn: what the model is surest of tells most."""
    rows = np.flatnonzero(evaluation.per_question["exact"] != 1)
    return _in_turn(evaluation, rows, -np.abs(_odds(evaluation)), number)


def pick_wins(evaluation: Evaluation, number: int) -> list[int]:
    """The narrowest wins of each kind in turn: with a little less they would have been losses."""
    rows = np.flatnonzero(evaluation.per_question["exact"] == 1)
    return _in_turn(evaluation, rows, np.abs(_odds(evaluation)), number)


def count_kinds(evaluation: Evaluation, *, right: bool) -> Text:
    """How many wins or losses there are of each kind, the commonest first."""
    rows = np.flatnonzero((evaluation.per_question["exact"] == 1) == right)
    counts = Counter(kind_of(evaluation, row) for row in rows.tolist())
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return Text(" · ".join(f"{kind} {number:,}" for kind, number in ordered), "dim")


def _odds(evaluation: Evaluation) -> Float64:
    return np.nan_to_num(evaluation.predictions.null_odds, nan=0.0)


def _in_turn(evaluation: Evaluation, rows: Int64, order: Float64, number: int) -> list[int]:
    """The first rows of each kind by ``order``, one kind after the other."""
    kinds: dict[str, list[int]] = {}
    for row in rows[np.argsort(order[rows], kind="stable")].tolist():
        kinds.setdefault(kind_of(evaluation, row), []).append(row)
    queues = [kinds[kind] for kind in sorted(kinds)]
    longest = max(map(len, queues), default=0)
    return [queue[i] for i in range(longest) for queue in queues if i < len(queue)][:number]


def show_case(evaluation: Evaluation, row: int) -> Group:
    """One question: what was asked, what is right, what was said, where in the context."""
    colour = "green" if evaluation.per_question["exact"][row] == 1 else "red"
    examples = evaluation.examples
    head = Text.assemble((kind_of(evaluation, row), f"bold {colour}"), ("  " + _figures(evaluation, row), "dim"))
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    question = Text.assemble((_short(examples.question[row]), "bold"), (f"  {printable(examples.id[row])}", "dim"))
    grid.add_row("question", question)
    grid.add_row("gold", _answers(examples.answers_of(row)))
    grid.add_row("said", _said(evaluation, row, colour))
    grid.add_row("context", _context(evaluation, row, colour))
    return Group(head, Padding(grid, (0, 0, 0, 2), expand=False))


def _context(evaluation: Evaluation, row: int, colour: str) -> Text:
    """One piece of the context where it holds all marks, else a piece for each of them."""
    context, marks = evaluation.examples.context_of(row), _marks(evaluation, row, colour)
    if not marks:
        return excerpt(context, [], width=AROUND)
    first, last = min(mark.start for mark in marks), max(mark.end for mark in marks)
    if len(marks) == 1 or last - first <= AROUND:
        return excerpt(context, [Mark(first, last, "", "", ""), *marks], width=AROUND)
    return Text("\n").join(excerpt(context, [mark], width=AROUND // 2) for mark in marks)


def _marks(evaluation: Evaluation, row: int, colour: str) -> list[Mark]:
    """The prediction and the gold answer nearest to it, or the span passed over, in their order; a span once."""
    predictions = evaluation.predictions
    said = (int(predictions.char_start[row]), int(predictions.char_end[row]))
    passed = _passed_over(evaluation, row)
    centre = said if passed is None else passed
    golds = evaluation.examples.spans_of(row)
    marks: dict[tuple[int, int], Mark] = {}
    if passed is not None:
        marks[passed] = Mark(*passed, "bold yellow", "{", "}")
    if golds:
        nearest = min(golds, key=lambda gold: abs(gold[0] - centre[0]) + abs(gold[1] - centre[1]))
        marks[nearest] = Mark(*nearest, "bold green", "[", "]")
    if said[0] >= 0:
        marks[said] = Mark(*said, f"bold {colour}", "«", "»")
    return [marks[span] for span in sorted(marks)]


def _passed_over(evaluation: Evaluation, row: int) -> tuple[int, int] | None:
    """The best span of an example without an answer, where it is known."""
    best = evaluation.predictions.nbest
    if evaluation.predictions.text[row] or best is None or best.offsets[row] == best.offsets[row + 1]:
        return None
    first = int(best.offsets[row])
    return int(best.char_start[first]), int(best.char_end[first])


def _said(evaluation: Evaluation, row: int, colour: str) -> Text:
    if text := evaluation.predictions.text[row]:
        return Text(_short(text), colour)
    if (passed := _passed_over(evaluation, row)) is None:
        return _nothing()
    before = _short(evaluation.examples.context_of(row)[slice(*passed)])
    return Text.assemble(_nothing(), (", its best span was ", "dim"), (before, "yellow"))


def _answers(answers: Sequence[str]) -> Text:
    distinct = list(dict.fromkeys(answers))
    return Text(_short(" | ".join(distinct)), "green") if distinct else _nothing()


def _nothing() -> Text:
    return Text("(no answer)", "italic")


def _short(text: str) -> str:
    return printable(text if len(text) <= LONGEST else text[:LONGEST] + ELLIPSIS)


def _figures(evaluation: Evaluation, row: int) -> str:
    """EM, F1, score and null odds, as far as they are known."""
    measured = evaluation.per_question
    parts = [f"EM {measured['exact'][row]:.0f}"]
    parts += [f"F1 {measured['f1'][row]:.2f}"] if "f1" in measured else []
    odds, score = float(evaluation.predictions.null_odds[row]), float(evaluation.predictions.score[row])
    if math.isfinite(odds):
        parts += [f"score {score:.1f}", f"null odds {round(odds, 2) + 0.0:+.2f}"]
    return "  ".join(parts)
