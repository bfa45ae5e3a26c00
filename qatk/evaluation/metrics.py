"""Scoring of predictions by a run's metrics, and grouping by its slicers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

import numpy as np

from qatk.evaluation.reachability import Reach, window_masks
from qatk.evaluation.squad import OFFICIAL, odds_metrics, official_metrics
from qatk.languages import ENGLISH
from qatk.plugins.live import LiveMetric, LiveSlicer
from qatk.results.evaluation import Evaluation
from qatk.statistics.intervals import percent
from qatk.types import GROUPS, Bool, Examples, Float64, Int64, Predictions, groups_of

V = TypeVar("V")


def judge(
    examples: Examples,
    predictions: Predictions,
    metrics: Iterable[LiveMetric],
    slicers: Iterable[LiveSlicer] = (),
    reach: Reach | None = None,
) -> Evaluation:
    """Score every question, average, and group.

    Args:
        examples: with gold answers.
        predictions: one per example, row by row.
        metrics: live metrics. Two figures of the same name are an error, and so is an official name (``exact``,
            ``HasAns_f1`` ...) from another metric than qatk's own.
        slicers: live slicers.
        reach: what the windows and the maximum answer length allowed, if known; adds groups by number of windows.
    """
    metrics = list(metrics)
    per_question: dict[str, Float64] = {}
    for metric in metrics:
        with metric.during("scoring"):
            columns = metric.score(examples, predictions)
            if not metric.registered.is_built_in:
                refuse_official(columns, metric.registered.name)
            _merge(per_question, columns)
    figures = summarise(examples, predictions, per_question)
    for metric in metrics:
        with metric.during("scoring"):
            of_all = metric.corpus(examples, predictions)
            refuse_official(of_all, metric.registered.name)
            _merge(figures, of_all)
    masks = slice_masks(examples, slicers, predictions)
    if reach is not None:
        _merge(masks, window_masks(reach.windows))
    named = (metric.normalisation for metric in metrics)
    normalisation = next((each for each in named if each is not None), ENGLISH)
    found = Evaluation(examples, predictions, figures, per_question, masks, normalisation=normalisation)
    return found if reach is None else replace(found, reach=reach.code, windows=reach.windows)


def refuse_official(names: Iterable[str], metric: str) -> None:
    """Raise ``ValueError`` if another metric uses an official name or the prefix of a group."""
    prefixes = tuple(group.prefix for group in GROUPS if group.prefix)
    if taken := [name for name in names if name in OFFICIAL or str(name).startswith(prefixes)]:
        better = f"{metric}_{taken[0]}".replace("-", "_")
        raise ValueError(f"{', '.join(map(repr, taken))}: a name of the official figures; say {better!r}, for example")


def slice_masks(
    examples: Examples, slicers: Iterable[LiveSlicer], predictions: Predictions | None = None
) -> dict[str, Mapping[str, Bool]]:
    """bool[n] for each slicer (its ``title``, or its name) and group; with predictions, groups by answers too."""
    masks: dict[str, Mapping[str, Bool]] = {}
    for slicer in slicers:
        with slicer.during("slicing"):
            if groups := slicer.masks(examples, predictions):
                _merge(masks, {slicer.title: groups})
    return masks


Odds = tuple[Float64, Int64 | None]
"""Null odds, and the question that each belongs to; see :func:`qatk.evaluation.squad.odds_metrics`."""


def summarise(
    examples: Examples, predictions: Predictions, per_question: Mapping[str, Float64], odds: Odds | None = None
) -> dict[str, float]:
    """Means of every per-question metric, in per cent: of all questions, and by answerability.

    ``exact`` and ``f1`` give the official script's keys in its order and, with null odds, its best thresholds.

    Args:
        examples: with gold answers.
        predictions: one per example.
        per_question: float64[n] of each metric, as fractions.
        odds: those of an odds file; ``None`` uses those of the predictions, if they have any.
    """
    has_answer = examples.has_answer
    figures: dict[str, float] = {}
    if "exact" in per_question and "f1" in per_question:
        exact, f1 = per_question["exact"], per_question["f1"]
        figures |= official_metrics(exact, f1, has_answer)
        if odds is not None or not np.isnan(predictions.null_odds).any():
            figures |= odds_metrics(exact, f1, has_answer, predictions.answered, *(odds or (predictions.null_odds,)))
    for name, values in per_question.items():
        groups = groups_of(has_answer).items()
        means = {f"{group.prefix}{name}": percent(values[rows]) for group, rows in groups if rows.any()}
        figures |= {key: mean for key, mean in means.items() if key not in figures}
    return figures


def _merge(into: dict[str, V], more: Mapping[str, V]) -> None:
    if twice := sorted(set(into) & set(more)):
        raise ValueError(f"two components give {', '.join(twice)}")
    into.update(more)


def take(evaluation: Evaluation, rows: Int64, examples: Examples | None = None) -> Evaluation:
    """Only these questions of an evaluation, in this order.

    Where some are left out, means over questions are recomputed, and figures that a metric gave for the whole data set
    are dropped.

    Args:
        evaluation: the evaluation of all questions.
        rows: int64, the indices of the questions.
        examples: the same questions as examples, if they are at hand.
    """
    predictions = evaluation.predictions.take(rows)
    examples = evaluation.examples.take(rows) if examples is None else examples
    per_question = {name: values[rows] for name, values in evaluation.per_question.items()}
    masks = {slicer: {name: mask[rows] for name, mask in groups.items()} for slicer, groups in evaluation.masks.items()}
    every = len(rows) == len(np.unique(rows)) == len(evaluation.examples)
    return replace(
        evaluation,
        examples=examples,
        predictions=predictions,
        metrics=evaluation.metrics if every else summarise(examples, predictions, per_question),
        per_question=per_question,
        masks=masks,
        reach=None if evaluation.reach is None else evaluation.reach[rows],
        windows=None if evaluation.windows is None else evaluation.windows[rows],
    )
