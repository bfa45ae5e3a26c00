"""The ``console`` reporter: headline first, then what was run, then where it is strong and weak, then examples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from qatk.api import RunResult
from qatk.textview import printable
from qatk_builtin.reports import ConsoleOptions
from qatk_builtin.reports.cases import pick_losses, pick_wins, show_case
from qatk_builtin.reports.tables import epochs, facts_of_run, headline, loss_curve, slices


class ConsoleReporter:
    """Prints the report; reads well from 80 columns on, with and without colour."""

    def __init__(self, options: ConsoleOptions) -> None:
        self.options = options

    def report(self, result: RunResult, out_dir: Path | None, console: Console) -> None:
        """Print everything to ``console``; nothing is written to ``out_dir``."""
        console.print(Rule(Text(printable(result.name), "bold"), characters="━", align="left", style="cyan"))
        for title, parts in self._sections(result):
            if title:
                console.print()
                console.print(Text(title, "bold cyan"))
            for part in parts:
                console.print(Padding(part, (0, 0, 0, 2), expand=False))
        if out_dir is not None:
            console.print()
            console.print(Text(f"all of it is in {out_dir}", "dim"), soft_wrap=True)

    def _sections(self, result: RunResult) -> Iterator[tuple[str, list[RenderableType]]]:
        yield "", headline(result)
        yield "Run", [facts_of_run(result)]
        if result.events:
            yield "Training", [part for part in (loss_curve(result.events), epochs(result.events)) if part is not None]
        for slicer, table in slices(result.evaluation.slices).items():
            yield f"By {slicer.replace('-', ' ')}", [table]
        yield from self._cases(result)

    def _cases(self, result: RunResult) -> Iterator[tuple[str, list[RenderableType]]]:
        evaluation = result.evaluation
        if "exact" not in evaluation.per_question:
            return
        right = int(evaluation.per_question["exact"].sum())
        wrong = len(evaluation.examples) - right
        for word, total, rows in (
            ("Wins", right, pick_wins(evaluation, self.options.wins)),
            ("Losses", wrong, pick_losses(evaluation, self.options.losses)),
        ):
            if rows:
                title = f"{word}: {len(rows)} of {total:,}   (« » the prediction, [ ] the gold answer)"
                yield title, [show_case(evaluation, row) for row in rows]
            elif total == 0:
                yield f"{word}: none", []
