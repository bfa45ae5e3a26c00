"""How well null odds separate unanswerable questions: figures, and F1 over all thresholds as a line of blocks."""

from __future__ import annotations

import numpy as np
from rich.table import Table
from rich.text import Text

from qatk.display import ANSWER_NOTHING, figure, threshold_text
from qatk.evaluation import Answerability, Sweep, answerability_of, threshold_sweep
from qatk.results import Evaluation
from qatk_builtin.reporters.console.parts import EIGHTHS

WIDEST = 60
SHARES = (25, 50, 75, 100)
"""Per cent of the questions, the most confident first, for which the share of wrong ones is shown."""


def answerability_lines(evaluation: Evaluation, width: int) -> list[Table]:
    """Lines of at most ``width`` columns; none without null odds or with questions of one kind only."""
    found = answerability_of(evaluation)
    if found is None or np.isnan(found.roc_auc):
        return []
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    grid.add_row("null odds", _figures(found))
    grid.add_row("wrong", _risks(found))
    grid.add_row("F1", _sweep(threshold_sweep(evaluation), min(width - 12, WIDEST)))
    return [grid]


def _figures(found: Answerability) -> Text:
    parts = (
        ("ROC AUC", f"{found.roc_auc:.3f}"),
        ("average precision", f"{found.average_precision:.3f}"),
        ("calibration error", f"{found.calibration_error:.3f}"),
        ("Brier", f"{found.brier:.3f}"),
        ("log loss", f"{found.log_loss:.3f}"),
    )
    return Text(" · ").join(Text.assemble((f"{name} ", "dim"), value) for name, value in parts)


def _risks(found: Answerability) -> Text:
    risk = found.risk_coverage.y
    wrong = [100 * risk[max(0, round(len(risk) * share / 100) - 1)] for share in SHARES]
    among = " · ".join(str(share) for share in SHARES)
    return Text.assemble(" · ".join(f"{value:.1f}" for value in wrong), (f" % at coverage {among} %", "dim"))


def _sweep(sweep: Sweep, width: int) -> Text:
    """F1 from the threshold that answers nothing to the one that answers all, over questions in the order of odds."""
    f1 = sweep.f1
    at = np.linspace(0, len(f1) - 1, max(10, width)).round().astype(int)
    low, high = float(f1.min()), float(f1.max())
    steps = np.round((f1[at] - low) / max(high - low, 1e-9) * (len(EIGHTHS) - 2)).astype(int) + 1
    bars = "".join(EIGHTHS[step] for step in steps)
    best = sweep.best_f1
    where = f"threshold {threshold_text(sweep.threshold[best], 2)}" if best else ANSWER_NOTHING
    middle = f"{figure(high, 1)} at best ({where})"
    last = f"{figure(float(f1[-1]), 1)} answering {'all' if sweep.full else 'as given'}"
    ends = f"{figure(float(f1[0]), 1)} answering nothing · {middle} · {last}"
    return Text.assemble((bars, "cyan"), "\n", (ends, "dim"))
