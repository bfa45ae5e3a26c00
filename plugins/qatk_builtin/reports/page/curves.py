"""The charts of curves: what null odds are worth, and how a run learnt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from qatk.answerability import Answerability, answerability
from qatk.results import RunResult, System
from qatk.types import Float64
from qatk_builtin.reports.contrasts import letter_of
from qatk_builtin.reports.page.specs import Chart, View, curve, diagonal, plot, rule_at
from qatk_builtin.reports.tables import figure

POINTS = 200
"""Points of a curve that are drawn."""
TOLD = 11
"""Points of a curve that its table holds."""


def odds_charts(systems: Sequence[System], threshold: float | None) -> Iterator[Chart]:
    """What null odds are worth: threshold sweep, precision and recall, reliability, risk; nothing without odds.

    Args:
        systems: with several, each is one line; with one, its metrics are.
        threshold: the null threshold of a single run, where it is known.
    """
    judged = [(_label(i, system, len(systems)), answerability(system.evaluation)) for i, system in enumerate(systems)]
    found = [(name, each) for name, each in judged if each is not None and not np.isnan(each.roc_auc)]
    if found:
        yield _sweep(found, threshold)
        yield _precision_recall(found)
        yield _reliability(found)
        yield _risk(found)


def learning_chart(run: RunResult) -> Iterator[Chart]:
    """Training loss by step, and EM and F1 of the dev set by epoch, as far as there are any."""
    steps = [event for event in run.events if event.kind == "step" and np.isfinite(event.loss)]
    epochs = [event for event in run.events if event.kind == "epoch"]
    views = []
    scores = [("F1", "f1"), ("EM", "exact")]
    if any("f1" in event.metrics for event in epochs):
        series = [
            (name, [e.epoch for e in epochs if key in e.metrics], [e.metrics[key] for e in epochs if key in e.metrics])
            for name, key in scores
        ]
        views.append(_lines("EM and F1 after each epoch", series, "epoch", "per cent of the dev set", points=True))
    losses = [("training loss", [event.step for event in steps], [event.loss for event in steps])]
    told = [event for event in epochs if np.isfinite(event.metrics.get("dev_loss", np.nan))]
    losses += [("dev loss", [e.step for e in told], [e.metrics["dev_loss"] for e in told])] if told else []
    if len(steps) > 1:
        views.append(_lines("Loss by step", losses, "step", "loss"))
    if views:
        yield Chart("learning", "Learning curve", "How the run went; the epoch that was kept is in the report.", views)


def _label(index: int, system: System, systems: int) -> str:
    """What a line is called: its letter, name and, of several seeds, the one that is drawn; nothing of a single run."""
    seed = f", seed {system.seeds[0]}" if len(system.evaluations) > 1 else ""
    return f"{letter_of(index)} {system.name}{seed}" if systems > 1 else ""


def _sweep(found: Sequence[tuple[str, Answerability]], threshold: float | None) -> Chart:
    series = []
    for name, each in found:
        sweep = each.sweep
        best = [sweep.best_f1, sweep.best_exact]
        for metric, values in (("F1", sweep.f1), ("EM", sweep.exact)) if not name else ((name, sweep.f1),):
            series.append((metric, *_thin(sweep.threshold, values, best)))
    best_of = "; ".join(_best(name, each) for name, each in found)
    said = f"Null odds above the threshold give no answer. {best_of}: tuned on these very questions."
    extra = [rule_at(threshold, "the threshold in use")] if threshold is not None else []
    y_title = "F1, per cent" if found[0][0] else "per cent"
    view = _lines("", series, "null threshold", y_title, extra=extra)
    return Chart("sweep", "Threshold sweep", said, [view])


def _best(name: str, each: Answerability) -> str:
    sweep, at = each.sweep, each.sweep.best_f1
    place = f"{figure(float(sweep.f1[at]), 1)}, at {figure(float(sweep.threshold[at]), 2)}"
    return f"{f'F1 of {name[0]}' if name else 'F1'} is highest, {place}"


def _precision_recall(found: Sequence[tuple[str, Answerability]]) -> Chart:
    series = []
    for name, each in found:
        names = {"f1": "F1", "exact": "EM", "oracle": "oracle"} if not name else {"f1": name}
        for key, shown in names.items():
            if (points := each.precision_recall.get(key)) is not None:
                series.append((shown, *_thin(100 * points.x, 100 * points.y)))
    said = "As the official script draws it: of the questions answered so far, the surest first, how much is right."
    view = _lines("", series, "recall, per cent", "precision, per cent")
    return Chart("precision-recall", "Precision and recall", said, [view])


def _reliability(found: Sequence[tuple[str, Answerability]]) -> Chart:
    series = [
        (
            name or "questions",
            [100 * b.probability for b in each.reliability],
            [100 * b.share for b in each.reliability],
        )
        for name, each in found
    ]
    errors = "; ".join(f"{name} {figure(a.calibration_error, 3)}".strip() for name, a in found)
    said = f"On the diagonal the odds are true probabilities. Expected calibration error: {errors}."
    titles = "probability of no answer, per cent", "questions without an answer, per cent"
    view = _lines("", series, *titles, points=True, extra=[diagonal()])
    return Chart("reliability", "Reliability", said, [view])


def _risk(found: Sequence[tuple[str, Answerability]]) -> Chart:
    series = [(name or "wrong", *_thin(100 * each.risk_coverage.x, 100 * each.risk_coverage.y)) for name, each in found]
    said = "Keep only the surest so many per cent of the questions: how many of them are wrong."
    view = _lines("", series, "questions kept, per cent", "wrong by EM, per cent")
    return Chart("risk-coverage", "Risk and coverage", said, [view])


def _thin(x: Float64, y: Float64, keep: Sequence[int] = ()) -> tuple[list[float], list[float]]:
    """At most :data:`POINTS` points of a curve, both ends and those to keep among them."""
    at = np.unique(np.r_[np.linspace(0, len(x) - 1, min(len(x), POINTS)).round().astype(int), np.array(keep, int)])
    return x[at].tolist(), y[at].tolist()


def _lines(
    name: str,
    series: Sequence[tuple[str, Sequence[float], Sequence[float]]],
    x: str,
    y: str,
    *,
    points: bool = False,
    extra: Sequence[dict[str, Any]] = (),
) -> View:
    rows = [
        [shown, figure(float(xs[i]), 2), figure(float(ys[i]), 2)]
        for shown, xs, ys in series
        for i in np.unique(np.linspace(0, len(xs) - 1, min(len(xs), TOLD)).round().astype(int)).tolist()
        if len(xs)
    ]
    return View(name, plot([*extra, curve(series, x, y, points=points)]), ["", x, y], rows)
