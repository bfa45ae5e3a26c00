"""Wins and losses: the most informative examples of a run, and how each is shown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from qatk.display import Mark, excerpt, printable, shortened
from qatk.evaluation import error_kinds_of
from qatk.results import Evaluation
from qatk.types import Examples, Float64, Int64

AROUND = 220
"""Characters of context shown around an answer."""
LONGEST = 400
"""Characters of a question or an answer shown."""
LEGEND = "« » prediction  [ ] gold  { } best span, not given"


def pick_losses(evaluation: Evaluation, number: int) -> list[int]:
    """The most confident losses, one of each kind in turn."""
    rows = np.flatnonzero(evaluation.per_question["exact"] != 1)
    return _in_turn(evaluation, rows, -_margins(evaluation), number)


def pick_wins(evaluation: Evaluation, number: int) -> list[int]:
    """The narrowest wins, one of each kind in turn."""
    rows = np.flatnonzero(evaluation.per_question["exact"] == 1)
    return _in_turn(evaluation, rows, _margins(evaluation), number)


def _margins(evaluation: Evaluation) -> Float64:
    """How far the null odds are from where answers end and abstentions begin; 0 where there are no odds."""
    odds, answered = evaluation.predictions.null_odds, evaluation.predictions.answered
    last, first = odds[answered].max(initial=-np.inf), odds[~answered].min(initial=np.inf)
    ends = [end for end in (last, first) if np.isfinite(end)]
    threshold = 0.0 if last <= 0 <= first or not ends else float(np.mean(ends))
    return np.abs(np.nan_to_num(odds, nan=threshold) - threshold)


def _in_turn(evaluation: Evaluation, rows: Int64, order: Float64, number: int) -> list[int]:
    """The first rows of each kind by ``order``, one kind after the other."""
    codes = error_kinds_of(evaluation)
    kinds: dict[int, list[int]] = {}
    for row in rows[np.argsort(order[rows], kind="stable")].tolist():
        kinds.setdefault(int(codes[row]), []).append(row)
    queues = [kinds[code] for code in sorted(kinds)]
    longest = max(map(len, queues), default=0)
    return [queue[i] for i in range(longest) for queue in queues if i < len(queue)][:number]


def show_case(evaluation: Evaluation, row: int, kind: str) -> Group:
    """One question: the gold answer, the prediction and its kind, and both marked in the context."""
    colour = "green" if evaluation.per_question["exact"][row] == 1 else "red"
    head = Text.assemble((kind, f"bold {colour}"), ("  " + _figures(evaluation, row), "dim"))
    said = {"predicted": said_text(evaluation, row, colour)}
    return case_text(head, evaluation.examples, row, said, marks_of(evaluation, row, colour))


def case_text(head: Text, examples: Examples, row: int, said: Mapping[str, Text], marks: Sequence[Mark]) -> Group:
    """Below a head what was asked, what is right, what was said, by whom, and where in the context."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    asked = Text.assemble((short(examples.question[row]), "bold"), (f"  {printable(examples.id[row])}", "dim"))
    context = context_text(examples.context_of(row), marks)
    for name, text in {"question": asked, "gold": gold_text(examples, row), **said, "context": context}.items():
        grid.add_row(name, text)
    return Group(head, Padding(grid, (0, 0, 0, 2), expand=False))


def context_text(context: str, marks: Sequence[Mark]) -> Text:
    """A piece of the context for each group of marks that one piece holds; lines in the order of the context.

    Args:
        context: as in the data.
        marks: in the order of their starts.
    """
    groups: list[list[Mark]] = []
    for mark in marks:
        if groups and max(mark.end, *(other.end for other in groups[-1])) - groups[-1][0].start <= AROUND:
            groups[-1].append(mark)
        else:
            groups.append([mark])
    width = AROUND if len(groups) == 1 else AROUND // 2
    pieces = [excerpt(context, [_around(group), *group], width=width) for group in groups]
    return Text("\n").join(pieces) if pieces else excerpt(context, [], width=AROUND)


def _around(marks: Sequence[Mark]) -> Mark:
    """What the cut is centred on; draws nothing."""
    return Mark(marks[0].start, max(mark.end for mark in marks), "", "", "")


def marks_of(evaluation: Evaluation, row: int, colour: str = "") -> list[Mark]:
    """The prediction and the gold answer nearest to it, or the best span that was not given; each span once.

    Of answers of several spans, all that are given and all that are due.
    """
    predictions = evaluation.predictions
    said = (int(predictions.char_start[row]), int(predictions.char_end[row]))
    passed = _passed_over(evaluation, row)
    centre = said if passed is None else passed
    marks: dict[tuple[int, int], Mark] = {}
    if passed is not None:
        marks[passed] = Mark(*passed, "bold yellow", "{", "}")
    for gold in golds_near(evaluation, row, [centre]):
        marks[gold] = Mark(*gold, "bold green", "[", "]")
    for place in places_said(evaluation, row):
        marks[place] = Mark(*place, f"bold {colour}", "«", "»")
    return [marks[span] for span in sorted(marks)]


def places_said(evaluation: Evaluation, row: int) -> list[tuple[int, int]]:
    """Where the spans of an answer stand, as far as it is known."""
    spans = evaluation.predictions.spans(row)
    return [(span.char_start, span.char_end) for span in spans if span.char_start >= 0]


def golds_near(evaluation: Evaluation, row: int, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """What to mark as gold: of each of several spans the first known place; of one, the place nearest to each span."""
    due = evaluation.examples.spans_of_answer(row)
    if len(due) > 1:
        places = [[(each.start, each.start + len(each.text)) for each in span if each.start >= 0] for span in due]
        return [found[0] for found in places if found]
    nearest = (nearest_gold(evaluation, row, span) for span in spans)
    return [gold for gold in nearest if gold is not None]


def nearest_gold(evaluation: Evaluation, row: int, span: tuple[int, int]) -> tuple[int, int] | None:
    """The gold span nearest to another span; ``None`` where none is known."""
    golds = evaluation.examples.spans_of(row)
    return min(golds, key=lambda gold: abs(gold[0] - span[0]) + abs(gold[1] - span[1]), default=None)


def _passed_over(evaluation: Evaluation, row: int) -> tuple[int, int] | None:
    """The best span of an example without an answer, where it is known."""
    best = evaluation.predictions.nbest
    if evaluation.predictions.text[row] or best is None or best.offsets[row] == best.offsets[row + 1]:
        return None
    first = int(best.offsets[row])
    return int(best.char_start[first]), int(best.char_end[first])


def said_text(evaluation: Evaluation, row: int, colour: str) -> Text:
    """The answer, or "no answer" with the best span."""
    if evaluation.predictions.text[row]:
        return Text(short("; ".join(span.text for span in evaluation.predictions.spans(row))), colour)
    if (passed := _passed_over(evaluation, row)) is None:
        return nothing_text()
    before = short(evaluation.examples.context_of(row)[slice(*passed)])
    return Text.assemble(nothing_text(), ("; best span: ", "dim"), (before, "yellow"))


def gold_text(examples: Examples, row: int) -> Text:
    """The distinct gold answers; of several spans, those of one after those of another."""
    spans = golds_of(examples, row)
    return Text(short("; ".join(" | ".join(span) for span in spans)), "green") if spans else nothing_text()


def golds_of(examples: Examples, row: int) -> list[list[str]]:
    """The distinct texts of each span that is due."""
    return [list(dict.fromkeys(answer.text for answer in span)) for span in examples.spans_of_answer(row)]


def nothing_text() -> Text:
    """Shown for "no answer"."""
    return Text("(no answer)", "italic")


def short(text: str) -> str:
    """A text of the data, safe for a terminal and cut to :data:`LONGEST`."""
    return printable(shortened(text, LONGEST))


def _figures(evaluation: Evaluation, row: int) -> str:
    """EM, F1, score and null odds, as far as they are known."""
    measured = evaluation.per_question
    parts = [f"EM {measured['exact'][row]:.0f}"]
    parts += [f"F1 {measured['f1'][row]:.2f}"] if "f1" in measured else []
    odds, score = float(evaluation.predictions.null_odds[row]), float(evaluation.predictions.score[row])
    if math.isfinite(odds):
        parts += [f"score {score:.1f}", f"null odds {round(odds, 2) + 0.0:+.2f}"]
    return "  ".join(parts)
