"""The figures of each system of a comparison: its scores, and what its answers cost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qatk.display import METRICS, byte_size, figure, points, scaled
from qatk.evaluation import answerability_of
from qatk.results import Evaluation, System
from qatk.types import HAS_ANSWER, NO_ANSWER
from qatk_builtin.reporters.shared.facts import further_figures

KEYS = {name: key for key, name in METRICS.items()} | {
    group.name: f"{group.prefix}f1" for group in (HAS_ANSWER, NO_ANSWER)
}
"""The metric of each header."""
SCORES = (*KEYS, "AUC")
_SECONDS = "s/1,000"
_ABSENT = "not in context"
COSTS = ("examples/s", _SECONDS, "cost/1,000", "parameters", "size")


def _figures(system: System) -> dict[str, str]:
    facts = system.facts
    figures = scores_of(system.evaluations)
    if "examples_per_second" in facts:
        figures["examples/s"] = f"{facts['examples_per_second']:,.0f}"
    if "not_in_context" in facts:
        figures[_ABSENT] = f"{100 * facts['not_in_context']:.1f} %"
    if "seconds_per_1000" in facts:
        figures[_SECONDS] = few(facts["seconds_per_1000"])
    if "cost_per_1000" in facts:
        figures["cost/1,000"] = f"{facts['cost_per_1000']:,.2f}"
    if "parameters" in facts:
        figures["parameters"] = scaled(facts["parameters"], ("", " k", " M", " B"))
    if "model_bytes" in facts:
        figures["size"] = byte_size(facts["model_bytes"])
    return figures


def scores_of(evaluations: Sequence[Evaluation]) -> dict[str, str]:
    """The means over seeds of what is known of all of them."""
    scores = {
        name: points(float(np.mean([evaluation.metrics[key] for evaluation in evaluations])))
        for name, key in KEYS.items()
        if all(key in evaluation.metrics for evaluation in evaluations)
    }
    judged = [found for evaluation in evaluations if (found := answerability_of(evaluation)) is not None]
    if len(judged) == len(evaluations):
        scores["AUC"] = figure(float(np.mean([found.roc_auc for found in judged])), 3)
    further = [{name: values[0] for name, values in further_figures(each.metrics)} for each in evaluations]
    for name in further[0]:
        if all(isinstance(figures.get(name), int | float) for figures in further):
            scores[name] = figure(float(np.mean([figures[name] for figures in further])), 3)
    return scores


def figures_of(systems: Sequence[System]) -> list[dict[str, str]]:
    """The figures of each system, by the header that they stand below; of free text beside those of runs."""
    figures = [_figures(system) for system in systems]
    if any(_SECONDS in each for each in figures):
        for system, each in zip(systems, figures, strict=True):
            if (seconds := seconds_of(system)) is not None:
                each.setdefault(_SECONDS, few(seconds))
    return figures


def seconds_of(system: System) -> float | None:
    """The seconds for 1,000 questions, as they were told or by the rate of prediction."""
    told, rate = (system.facts.get(name) for name in ("seconds_per_1000", "examples_per_second"))
    return told if told is not None or rate is None else 1000 / rate


def few(number: float) -> str:
    """A number with a decimal while it is small."""
    return f"{number:.1f}" if number < 10 else f"{number:,.0f}"
