"""The ``console`` reporter: headline, run, training, slices, answerability, kinds of answers, examples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from qatk.api import RunResult
from qatk.display import plain_table, printable
from qatk.evaluation import KINDS, error_kinds_of
from qatk.results import Comparison
from qatk_builtin.reporters import ConsoleOptions
from qatk_builtin.reporters.console.answerability import answerability_lines
from qatk_builtin.reporters.console.parts import INDENT, print_parts
from qatk_builtin.reporters.console.slices import kinds_note, kinds_table, pick_slices, slices_note, slices_table
from qatk_builtin.reporters.console.training import epochs, loss_chart
from qatk_builtin.reporters.shared.cases import LEGEND, pick_losses, pick_wins, show_case
from qatk_builtin.reporters.shared.facts import facts_of_run, headline
from qatk_builtin.reporters.shared.sets import NOTE, sets_table

WIDEST_CHART = 76
"""Columns that the chart of the loss takes where there is room."""


class ConsoleReporter:
    """Prints the report; reads well from 80 columns on, with and without colour."""

    def __init__(self, options: ConsoleOptions) -> None:
        self.options = options

    def report(self, result: RunResult, out_dir: Path | None, console: Console) -> None:
        """Print everything to ``console``; nothing is written to ``out_dir``."""
        if console.quiet:  # what Rich would lay out all the same
            return
        console.print(Rule(Text(printable(result.title), "bold"), characters="━", align="left", style="cyan"))
        print_parts(console, headline(result))
        if result.sets:
            _section(console, Text.assemble(("Evaluation sets", "bold cyan"), (f"   {NOTE}", "dim")), [_sets(result)])
        _section(console, "Run", [facts_of_run(result)])
        _section(console, "Training", _training(result, console.width - INDENT))
        if result.evaluation.slices and self.options.slices:
            shown, note = pick_slices(result.evaluation, self.options.slices)
            heading = Text.assemble(("Slices", "bold cyan"), (f"   {note}" if note else "", "dim"))
            table = [slices_table(shown, console.width - INDENT)] if shown else []
            _section(console, heading, [*table, *slices_note(shown)])
        _section(console, "Answerability", [*answerability_lines(result.evaluation, console.width - INDENT)])
        for title, parts in self._cases(result, console):
            _section(console, title, parts)
        if out_dir is not None:
            console.print()
            console.print(Text(f"all results are in {out_dir}", "dim"), soft_wrap=True)

    def compare(self, comparison: Comparison, file: Path | None, console: Console, *, show: int) -> None:
        """Print a comparison to ``console``, with ``show`` examples of each sort; ``file`` is left alone."""
        from qatk_builtin.reporters.console.comparison import print_comparison

        if not console.quiet:
            print_comparison(comparison, console, show)

    def _cases(self, result: RunResult, console: Console) -> Iterator[tuple[Text | str, list[RenderableType]]]:
        evaluation = result.evaluation
        if "exact" not in evaluation.per_question:
            return
        codes = error_kinds_of(evaluation)
        yield "Right and wrong", [kinds_table(codes, console.width - INDENT), *kinds_note(evaluation)]
        right = int((evaluation.per_question["exact"] == 1).sum())
        wrong = len(evaluation.examples) - right
        for word, total, rows in (
            ("Wins", right, pick_wins(evaluation, self.options.wins)),
            ("Losses", wrong, pick_losses(evaluation, self.options.losses)),
        ):
            if rows:
                title = Text.assemble((f"{word}: {len(rows)} of {total:,}", "bold cyan"), (f"   {LEGEND}", "dim"))
                cases = [show_case(evaluation, row, KINDS[codes[row]]) for row in rows]
                yield title, [Padding(case, (i > 0, 0, 0, 0), expand=False) for i, case in enumerate(cases)]
            elif total == 0:
                yield f"{word}: none", []


def _sets(result: RunResult) -> RenderableType:
    headers, rows = sets_table(result)
    table = plain_table(*headers)
    for row in rows:
        table.add_row(*map(printable, row))
    return table


def _training(result: RunResult, width: int) -> list[RenderableType]:
    chart = loss_chart(result.events, min(width, WIDEST_CHART))
    by_epoch = epochs(result.events, result.manifest.get("best"), width)
    return [Padding(chart, (0, 0, 1 if by_epoch else 0, 0), expand=False), *by_epoch] if chart else [*by_epoch]


def _section(console: Console, title: Text | str, parts: list[RenderableType]) -> None:
    """Print a title and its parts after an empty line; no title stands over nothing, unless it says so itself."""
    if parts or "none" in title:
        console.print()
        console.print(title if isinstance(title, Text) else Text(title, "bold cyan"))
        print_parts(console, parts)
