"""The charts of curves: null odds, and the course of the training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from qatk.api import RunResult, TrainEvent
from qatk.display import ANSWER_NOTHING, counted, figure, interval, threshold_text
from qatk.evaluation import Answerability, Sweep, answerability_of, risk_curve, threshold_sweep
from qatk.results import Evaluation, System
from qatk.types import Float64, Int64
from qatk_builtin.reporters.html.charts import Chart, Spec, View, band, curve, diagonal, plot, ranges, rule_at
from qatk_builtin.reporters.shared.comparison import letter_of

POINTS = 200
"""Points of a curve that are drawn."""
RISKS = 40
"""Points of the curve of wrong answers."""
TOLD = 11
"""Points of a curve that its table holds, and its highest."""


def odds_charts(systems: Sequence[System], threshold: float | None) -> Iterator[Chart]:
    """What null odds are worth: threshold sweep, precision and recall, reliability, risk; nothing without odds.

    Args:
        systems: with several, each is one line; with one, its metrics are.
        threshold: the null threshold of a single run, where it is known.
    """
    names = [_label(i, system) for i, system in enumerate(systems)] if len(systems) > 1 else []
    judged = [(i, answerability_of(system.evaluation)) for i, system in enumerate(systems)]
    of = [(names[i] if names else "", systems[i].evaluation, a) for i, a in judged if a and not np.isnan(a.roc_auc)]
    if of:
        found = [(name, each) for name, _, each in of]
        yield _sweep([(name, threshold_sweep(evaluation), evaluation) for name, evaluation, _ in of], names, threshold)
        yield _precision_recall(found, names)
        yield _reliability(found, names)
        yield _risk(of, names)


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
        views.append(_with_intervals(series, epochs, scores))
    losses = [("training loss", [event.step for event in steps], [event.loss for event in steps])]
    told = [event for event in epochs if np.isfinite(event.metrics.get("dev_loss", np.nan))]
    losses += [("dev loss", [e.step for e in told], [e.metrics["dev_loss"] for e in told])] if told else []
    if len(steps) > 1:
        views.append(_lines("Loss by step", losses, "step", "loss"))
    if views:
        yield Chart(
            "learning",
            "Learning curve",
            "The course of the training, with 95 % intervals as bars; the report names the epoch that was kept.",
            views,
        )


def _with_intervals(
    series: Sequence[tuple[str, Sequence[float], Sequence[float]]],
    epochs: Sequence[TrainEvent],
    scores: Sequence[tuple[str, str]],
) -> View:
    """EM and F1 by epoch, with the 95 % intervals that are known as bars and as a column of the table."""
    known = [
        (name, each.epoch, each.metrics[f"{key}_low"], each.metrics[f"{key}_high"])
        for name, key in scores
        for each in epochs
        if f"{key}_low" in each.metrics
    ]
    extra = [ranges(known, [name for name, _ in scores], "epoch")] if known else []
    unit = "per cent of the dev set"
    view = _lines("EM and F1 after each epoch", series, "epoch", unit, points=True, extra=extra)
    if not known:
        return view
    texts = {(name, figure(float(epoch), 2)): interval((low, high)) for name, epoch, low, high in known}
    rows = [[*row, texts.get((row[0], row[1]), "-")] for row in view.rows]
    return replace(view, headers=[*view.headers, "95 %"], rows=rows)


def _label(index: int, system: System) -> str:
    """What a line is called: its letter, name and, of several seeds, the one that is drawn."""
    seed = f", seed {system.seeds[0]}" if len(system.evaluations) > 1 else ""
    return f"{letter_of(index)} {system.name}{seed}"


def _sweep(found: Sequence[tuple[str, Sweep, Evaluation]], names: Sequence[str], threshold: float | None) -> Chart:
    series = []
    for name, sweep, _ in found:
        best = [sweep.best_f1, sweep.best_exact]
        for metric, values in (("F1", sweep.f1), ("EM", sweep.exact)) if not name else ((name, sweep.f1),):
            series.append((metric, *_thin(sweep.threshold, values, best)))
    best_of = "; ".join(_best(name, sweep) for name, sweep, _ in found)
    said = (
        f"If the null odds exceed the threshold, there is no answer. {best_of}; this is tuned on these very questions."
    )
    said += " ".join(["", *_reservations(found)])
    extra = [rule_at(threshold, "threshold in use")] if threshold is not None else []
    y_title = "F1, per cent" if names else "per cent"
    view = _lines("", series, "null threshold", y_title, names=names, extra=extra)
    return Chart("sweep", "Threshold sweep", said, [view])


def _reservations(found: Sequence[tuple[str, Sweep, Evaluation]]) -> Iterator[str]:
    """What the sweep cannot show, and why its best is not the official one."""
    if partly := [_letter(name) for name, sweep, _ in found if not sweep.full]:
        of = f" of {', '.join(partly)}" if partly[0] else ""
        yield f"The best spans{of} are unknown, so abstentions stay as they are: the line ends with the given answers."
    for name, sweep, evaluation in found:
        official = evaluation.metrics.get("best_f1", np.nan)
        if not name and figure(official, 1) not in (figure(float(sweep.f1[sweep.best_f1]), 1), figure(np.nan, 1)):
            yield (
                f"The official script's best F1, {figure(official, 1)}, keeps abstentions as they are and also cuts "
                "between equal odds, which no threshold can do."
            )


def _letter(name: str) -> str:
    """That of a line's name."""
    return name.partition(" ")[0]


def _best(name: str, sweep: Sweep) -> str:
    at = sweep.best_f1
    where = f"at {threshold_text(float(sweep.threshold[at]), 2)}" if at else ANSWER_NOTHING
    place = f"{figure(float(sweep.f1[at]), 1)}, {where}"
    return f"{f'F1 of {_letter(name)}' if name else 'F1'} is highest, {place}"


def _precision_recall(found: Sequence[tuple[str, Answerability]], names: Sequence[str]) -> Chart:
    series = []
    for name, each in found:
        kinds = {"f1": "F1", "exact": "EM", "oracle": "oracle"} if not name else {"f1": name}
        for key, shown in kinds.items():
            if (points := each.precision_recall.get(key)) is not None:
                series.append((shown, *_thin(100 * points.x, 100 * points.y)))
    said = "As in the official script: the precision and recall of answering the most confident questions first."
    view = _lines("", series, "recall, per cent", "precision, per cent", names=names, steps=True)
    return Chart("precision-recall", "Precision and recall", said, [view])


def _reliability(found: Sequence[tuple[str, Answerability]], names: Sequence[str]) -> Chart:
    series = [
        (
            name or "questions",
            [100 * b.probability for b in each.reliability],
            [100 * b.share for b in each.reliability],
        )
        for name, each in found
    ]
    errors = "; ".join(
        f"{name} {a.calibration_error:.3f} (Brier {a.brier:.3f}, log loss {a.log_loss:.3f})".strip()
        for name, a in found
    )
    least, most = (of(b.count for _, a in found for b in a.reliability) for of in (min, max))
    each = counted(most, "question") if least == most else f"{least:,} to {most:,} questions"
    said = (
        f"On the diagonal, the odds are true probabilities. Each point is of {each}, equal odds being in one. "
        f"Expected calibration error: {errors}."
    )
    titles = "probability of no answer, per cent", "questions without an answer, per cent"
    view = _lines("", series, *titles, points=True, names=names, extra=[diagonal()])
    return Chart("reliability", "Reliability", said, [view])


def _risk(of: Sequence[tuple[str, Evaluation, Answerability]], names: Sequence[str]) -> Chart:
    curves = [(name or "wrong", each.risk_coverage) for name, _, each in of]
    series = [(name, *_thin(100 * curve.x, 100 * curve.y)) for name, curve in curves]
    said = (
        "The share of wrong decisions if only the most confident ones are kept; and the share of wrong answers if only "
        "the surest are given, with 90 % limits on data like these, from which qatk calibrate --at-most chooses."
    )
    decisions = _lines("Decisions", series, "questions kept, per cent", "wrong by EM, per cent", names=names)
    return Chart("risk-coverage", "Risk and coverage", said, [decisions, _answers_at_risk(of, names)])


def _answers_at_risk(of: Sequence[tuple[str, Evaluation, Answerability]], names: Sequence[str]) -> View:
    """Wrong answers by the share of questions that get one, with the limits of each point as a band and a column."""
    curves = [(name or "wrong", risk_curve(evaluation, RISKS)) for name, evaluation, _ in of]
    series = [(name, [100 * p.answered for p in points], [100 * p.wrong for p in points]) for name, points in curves]
    limits = [(name, 100 * p.answered, 100 * p.low, 100 * p.high) for name, points in curves for p in points]
    extra = [band(limits, names or [name for name, _ in curves])]
    view = _lines("Answers", series, "questions answered, per cent", "wrong by EM, per cent", names=names, extra=extra)
    texts = {(name, figure(x, 2)): interval((low, high)) for name, x, low, high in limits}
    rows = [[*row, texts[row[0], row[1]]] for row in view.rows]
    return replace(view, headers=[*view.headers, "90 % limits"], rows=rows)


def _thin(x: Float64, y: Float64, keep: Sequence[int] = ()) -> tuple[list[float], list[float]]:
    """At most :data:`POINTS` points of a curve, both ends and those to keep among them."""
    at = np.union1d(_evenly(len(x), POINTS), np.array(keep, np.int64))
    return x[at].tolist(), y[at].tolist()


def _lines(
    name: str,
    series: Sequence[tuple[str, Sequence[float], Sequence[float]]],
    x: str,
    y: str,
    *,
    points: bool = False,
    steps: bool = False,
    names: Sequence[str] = (),
    extra: Sequence[Spec] = (),
) -> View:
    rows = [
        [shown, figure(float(xs[i]), 2), figure(float(ys[i]), 2)]
        for shown, xs, ys in series
        if len(xs)
        for i in np.union1d(_evenly(len(xs), TOLD), [np.argmax(ys)]).tolist()
    ]
    spec = plot([*extra, curve(series, x, y, points=points, steps=steps, names=names)])
    return View(name, spec, ["", x, y], rows)


def _evenly(count: int, most: int) -> Int64:
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))
