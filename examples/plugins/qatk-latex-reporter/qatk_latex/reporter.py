"""The ``latex`` reporter: a ``tabular`` of EM and F1, of one run or of all systems of a comparison."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from qatk.api import RunResult
from qatk.results import Comparison
from qatk_latex import LatexOptions

COLUMNS = {"exact": "EM", "f1": "F1", "HasAns_f1": "HasAns F1", "NoAns_f1": "NoAns F1"}


class LatexReporter:
    """Writes ``report.tex``, or prints the table if there is no folder."""

    def __init__(self, options: LatexOptions) -> None:
        self.digits = options.digits

    def report(self, result: RunResult, out_dir: Path | None, console: Console) -> None:
        """Report a run as a table of one row."""
        self._put([(result.name, result.metrics)], None if out_dir is None else out_dir / "report.tex", console)

    def compare(self, comparison: Comparison, file: Path | None, console: Console, *, show: int) -> None:
        """Report a comparison: one row per system, with means over its seeds and without examples."""
        rows = []
        for system in comparison.systems:
            runs = [evaluation.metrics for evaluation in system.evaluations]
            known = [key for key in COLUMNS if all(key in metrics for metrics in runs)]
            rows.append((system.name, {key: sum(m[key] for m in runs) / len(runs) for key in known}))
        self._put(rows, file, console)

    def _put(self, rows: Sequence[tuple[str, Mapping[str, float]]], file: Path | None, console: Console) -> None:
        shown = [key for key in COLUMNS if any(key in metrics for _, metrics in rows)]
        lines = [rf"\begin{{tabular}}{{l{'r' * len(shown)}}}", r"\hline"]
        lines += [" & ".join(["System", *(COLUMNS[key] for key in shown)]) + r" \\", r"\hline"]
        for name, metrics in rows:
            cells = [f"{metrics[key]:.{self.digits}f}" if key in metrics else "--" for key in shown]
            lines.append(" & ".join([escape(name), *cells]) + r" \\")
        text = "\n".join([*lines, r"\hline", r"\end{tabular}"]) + "\n"
        if file is None:
            console.print(text, markup=False, highlight=False, end="", soft_wrap=True)
        else:
            file.write_text(text, "utf-8")


def escape(text: str) -> str:
    """The text with LaTeX's special characters escaped."""
    words = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    plain = "".join(char if char.isprintable() else " " for char in text)
    return re.sub(r"[\\~^&%$#_{}]", lambda found: words.get(found[0], f"\\{found[0]}"), plain)
