"""The evaluation sets of a run side by side."""

from __future__ import annotations

from qatk.api import RunResult
from qatk.display import METRICS, figure, interval
from qatk.results import Evaluation
from qatk.types import ALL, HAS_ANSWER, NO_ANSWER, groups_of
from qatk_builtin.reporters.shared.facts import further_figures

NOTE = "dev alone decides what is kept and calibrated"


def sets_table(result: RunResult) -> tuple[list[str], list[list[str]]]:
    """Headers, and a row each for ``dev`` and the other sets: every metric, its interval, F1 by answerability."""
    sets = {result.on: result.evaluation, **result.sets}
    main = [name for name in METRICS if name in result.evaluation.per_question]
    further = [name for name, _ in further_figures(result.metrics)]
    headers = ["", *(header for name in main for header in (METRICS[name], "95 %")), *further]
    grouped = [group for group in (HAS_ANSWER, NO_ANSWER) if "f1" in main]
    headers += [*(f"F1 {group.name}" for group in grouped), "questions"]
    return headers, [_row(name, evaluation, main, further) for name, evaluation in sets.items()]


def _row(name: str, evaluation: Evaluation, main: list[str], further: list[str]) -> list[str]:
    metrics, every = evaluation.metrics, groups_of(evaluation.examples.has_answer)[ALL]
    cells = [name]
    for metric in main:
        cells += [figure(metrics[metric], 1), interval(evaluation.interval(metric, every))]
    cells += [figure(metrics.get(metric), 3) for metric in further]
    if "f1" in main:
        cells += [figure(metrics.get(f"{group.prefix}f1"), 1) for group in (HAS_ANSWER, NO_ANSWER)]
    return [*cells, f"{len(evaluation.examples):,}"]
