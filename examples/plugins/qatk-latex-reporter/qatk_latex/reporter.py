"""The ``latex`` reporter: a table of EM and F1, of one run or of all systems of a comparison."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from qatk.api import RunResult
from qatk.results import Comparison, System
from qatk.types import Clusters
from qatk_latex import LatexOptions

COLUMNS = {"exact": "EM", "f1": "F1", "HasAns_f1": "HasAns F1", "NoAns_f1": "NoAns F1"}


class LatexReporter:
    """Writes ``report.tex``, or prints the table if there is no folder."""

    def __init__(self, options: LatexOptions) -> None:
        self.digits = options.digits

    def report(self, result: RunResult, out_dir: Path | None, console: Console) -> None:
        """Report a run as a table of one row."""
        text = self.table([System.of_run(result)], result.evaluation.clusters)
        _put(text, None if out_dir is None else out_dir / "report.tex", console)

    def compare(self, comparison: Comparison, file: Path | None, console: Console, *, show: int) -> None:
        """Report a comparison: one row per system, with means over its seeds; its verdicts are comments above."""
        said = "".join(f"% {' '.join(verdict.split())}\n" for verdict in comparison.verdicts)
        _put(said + self.table(comparison.systems, comparison.clusters), file, console)

    def table(self, systems: Sequence[System], clusters: Clusters) -> str:
        """The systems, a row each, below a caption that says what the figures are of."""
        evaluations = [evaluation for system in systems for evaluation in system.evaluations]
        shown = [key for key in COLUMNS if all(key in evaluation.metrics for evaluation in evaluations)]
        lines = [r"\begin{table}", r"\centering", rf"\caption{{{_caption(systems, clusters)}}}"]
        lines += [rf"\begin{{tabular}}{{l{'r' * len(shown)}}}", r"\hline"]
        lines += [" & ".join(["System", *(COLUMNS[key] for key in shown)]) + r" \\", r"\hline"]
        for system in systems:
            cells = [self._cell(system, key, clusters) for key in shown]
            lines.append(" & ".join([escape(system.name), *cells]) + r" \\")
        return "\n".join([*lines, r"\hline", r"\end{tabular}", r"\end{table}"]) + "\n"

    def _cell(self, system: System, key: str, clusters: Clusters) -> str:
        """A figure, the mean over seeds, with its interval, if there is one."""
        figure = sum(evaluation.metrics[key] for evaluation in system.evaluations) / len(system.evaluations)
        group, _, metric = key.rpartition("_")
        has_answer = system.evaluation.examples.has_answer
        rows = {"": np.ones_like(has_answer), "HasAns": has_answer, "NoAns": ~has_answer}[group]
        low, high = system.interval(metric, rows, clusters)
        bounds = "" if np.isnan(low) else f" ({low:.{self.digits}f}--{high:.{self.digits}f})"
        return f"{figure:.{self.digits}f}{bounds}"


def _caption(systems: Sequence[System], clusters: Clusters) -> str:
    """What the figures are of, and what their intervals are by."""
    first = systems[0].evaluation
    seeds = sorted({len(system.evaluations) for system in systems})
    by = f"{escape(clusters.kind)} ({clusters.count:,})"
    parts = [rf"EM and F1 in per cent of {len(first.examples):,} questions, with 95\,\% intervals by {by}"]
    parts += [f"means over {' or '.join(map(str, seeds))} seeds"] if seeds != [1] else []
    return "; ".join([*parts, f"normaliser {escape(first.normaliser)}"]) + "."


def _put(text: str, file: Path | None, console: Console) -> None:
    if file is None:
        console.print(text, markup=False, highlight=False, end="", soft_wrap=True)
    else:
        file.write_text(text, "utf-8")


def escape(text: str) -> str:
    """The text with LaTeX's special characters escaped."""
    words = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    plain = "".join(char if char.isprintable() else " " for char in text)
    return re.sub(r"[\\~^&%$#_{}]", lambda found: words.get(found[0], f"\\{found[0]}"), plain)
