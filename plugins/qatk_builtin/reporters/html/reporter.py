"""The ``html`` reporter: ``report.html`` of a run, and the page of a comparison."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from qatk.api import RunResult
from qatk.results import Comparison, System
from qatk_builtin.reporters import HtmlOptions
from qatk_builtin.reporters.html.document import write_page


class HtmlReporter:
    """Writes one file that opens from disk: charts, and a browser of all questions."""

    def __init__(self, options: HtmlOptions) -> None:
        self.options = options

    def report(self, result: RunResult, out_dir: Path | None, console: Console) -> None:
        """Write ``report.html`` into ``out_dir``; nothing is printed."""
        if out_dir is not None:
            write_page(out_dir / "report.html", [System.of_run(result)], run=result, questions=self.options.questions)

    def compare(self, comparison: Comparison, file: Path | None, console: Console, *, show: int) -> None:
        """Write a comparison to ``file``; all its questions are in it, whatever ``show`` is."""
        if file is not None:
            write_page(file, comparison.systems, comparison, questions=self.options.questions)
