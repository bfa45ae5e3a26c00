"""The chart of quality against cost: what a better answer takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from qatk.display import figure, interval
from qatk.results import Comparison, Interval, System
from qatk_builtin.reporters.html.charts import Chart, Spec, View, dots, plot, ranges, staircase
from qatk_builtin.reporters.shared.comparison import labels_of, letter_of
from qatk_builtin.reporters.shared.system_figures import seconds_of

COSTS = {
    "time": "seconds for 1,000 questions",
    "money": "cost of 1,000 questions",
    "parameters": "million parameters",
    "size": "megabytes",
}
"""The name of each view, and what it counts."""


def costs_chart(comparison: Comparison) -> Iterator[Chart]:
    """F1 against each cost in which systems differ; nothing where none is known of two."""
    systems, everyone = comparison.systems, np.ones(len(comparison.systems[0].evaluation.examples), np.bool_)
    known = [costs_of(system) for system in systems]
    f1 = [100 * float(np.mean(system.per_question("f1"))) for system in systems]
    bounds = [system.interval("f1", everyone, comparison.clusters) for system in systems]
    views = []
    for name in COSTS:
        at = [i for i, costs in enumerate(known) if name in costs]
        if len({known[i][name] for i in at}) > 1:
            views.append(_view(name, systems, {i: known[i][name] for i in at}, f1, bounds))
    if views:
        said = (
            "F1 with its 95 % interval against what answers cost. On the line are the systems that no other one beats "
            "in both; the differences above say what is resolved."
        )
        yield Chart("costs", "F1 and cost", said, views)


def costs_of(system: System) -> dict[str, float]:
    """What a system costs, by :data:`COSTS`, as far as it is known."""
    facts = system.facts
    found = {
        "time": seconds_of(system) or 0.0,
        "money": facts.get("cost_per_1000", 0.0),
        "parameters": facts.get("parameters", 0.0) / 1e6,
        "size": facts.get("model_bytes", 0.0) / 1e6,
    }
    return {name: cost for name, cost in found.items() if cost > 0}


def frontier(costs: Sequence[float], gains: Sequence[float]) -> list[int]:
    """Which of several no other one beats in both, from the cheapest: each gains more than all that cost no more."""
    found: list[int] = []
    for i in sorted(range(len(costs)), key=lambda i: (costs[i], -gains[i])):
        if not found or gains[i] > gains[found[-1]]:
            found.append(i)
    return found


def _view(
    name: str, systems: Sequence[System], costs: dict[int, float], f1: Sequence[float], bounds: Sequence[Interval]
) -> View:
    names = labels_of(systems)
    at = list(costs)
    best = [at[k] for k in frontier(list(costs.values()), [f1[i] for i in at])]
    title = COSTS[name]
    drawn = [staircase([(costs[i], f1[i]) for i in best])] if len(best) > 1 else []
    drawn += [ranges([(names[i], costs[i], *bounds[i]) for i in at], names, title)]
    drawn += dots([(names[i], letter_of(i), costs[i], f1[i]) for i in at], names, title, "F1, per cent")
    rows = [
        [names[i], figure(costs[i], 2), figure(f1[i], 1), interval(bounds[i]), "yes" if i in best else "no"] for i in at
    ]
    spec: Spec = plot(drawn)
    return View(name, spec, ["", title, "F1", "95 %", "on the line"], rows)
