"""Predictions held against gold by a run's metrics, and cut into slices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

import numpy as np

from qatk.evaluation.reachability import Reach, window_masks
from qatk.evaluation.squad import odds_metrics, official_metrics, percent
from qatk.plugins.live import LiveMetric, LiveSlicer
from qatk.results.evaluation import Evaluation, SliceRow
from qatk.statistics.intervals import mean_interval
from qatk.types import Bool, Examples, Float64, Int64, Predictions

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
        examples: with gold.
        predictions: one an example, row by row.
        metrics: live metrics; two that give a figure of the same name are an error.
        slicers: live slicers.
        reach: what the windows and the decoder's cap left possible, where that is known; groups by number of windows
            come with it.
    """
    per_question: dict[str, Float64] = {}
    corpus: dict[str, float] = {}
    for metric in metrics:
        with metric.during("scoring"):
            _merge(per_question, metric.score(examples, predictions))
            _merge(corpus, metric.corpus(examples, predictions))
    masks = slice_masks(examples, slicers)
    if reach is not None:
        _merge(masks, window_masks(reach.windows))
    return Evaluation(
        examples,
        predictions,
        {**summarise(examples, predictions, per_question), **corpus},
        per_question,
        slice_rows(masks, per_question),
        masks,
        reach=None if reach is None else reach.code,
        windows=None if reach is None else reach.windows,
    )


def slice_masks(examples: Examples, slicers: Iterable[LiveSlicer]) -> dict[str, Mapping[str, Bool]]:
    """Groups of questions by slicer (its ``title``, or its name): bool[n] each."""
    masks: dict[str, Mapping[str, Bool]] = {}
    for slicer in slicers:
        with slicer.during("slicing"):
            if groups := slicer.masks(examples):
                _merge(masks, {slicer.title: groups})
    return masks


def summarise(examples: Examples, predictions: Predictions, per_question: Mapping[str, Float64]) -> dict[str, float]:
    """Means in per cent of every per-question metric, over all questions and by answerability.

    ``exact`` and ``f1`` bring the official script's keys in its order, and with null odds its best thresholds.
    """
    has_answer = examples.has_answer
    figures: dict[str, float] = {}
    if "exact" in per_question and "f1" in per_question:
        exact, f1 = per_question["exact"], per_question["f1"]
        figures |= official_metrics(exact, f1, has_answer)
        if not np.isnan(odds := predictions.null_odds).any():
            answered = np.array([text != "" for text in predictions.text], np.bool_)
            figures |= odds_metrics(exact, f1, has_answer, answered, odds)
    for name, values in per_question.items():
        groups = (("", slice(None)), ("HasAns_", has_answer), ("NoAns_", ~has_answer))
        means = {f"{prefix}{name}": percent(values[rows]) for prefix, rows in groups if len(values[rows])}
        figures |= {key: mean for key, mean in means.items() if key not in figures}
    return figures


def _merge(into: dict[str, V], more: Mapping[str, V]) -> None:
    if twice := sorted(set(into) & set(more)):
        raise ValueError(f"two components give {', '.join(twice)}")
    into.update(more)


def slice_rows(masks: Mapping[str, Mapping[str, Bool]], per_question: Mapping[str, Float64]) -> list[SliceRow]:
    """One row a group of questions, groups that hold none left out.

    Args:
        masks: by slicer and group, bool[n].
        per_question: float64[n] of each metric, as fractions.
    """
    return [
        _slice_row(slicer, name, {metric: values[mask] for metric, values in per_question.items()}, int(mask.sum()))
        for slicer, groups in masks.items()
        for name, mask in groups.items()
        if mask.any()
    ]


def _slice_row(slicer: str, name: str, values: Mapping[str, Float64], total: int) -> SliceRow:
    means = {metric: percent(column) for metric, column in values.items()}
    return SliceRow(slicer, name, total, means, {metric: mean_interval(column) for metric, column in values.items()})


def take(evaluation: Evaluation, rows: Int64, examples: Examples | None = None) -> Evaluation:
    """These questions of an evaluation only, in this order.

    Means over questions are made anew; figures that a metric gave for the whole corpus are left out.

    Args:
        evaluation: what to take them from.
        rows: of the questions.
        examples: those questions, where they are at hand.
    """
    predictions = evaluation.predictions.take(rows)
    examples = evaluation.examples.take(rows) if examples is None else examples
    per_question = {name: values[rows] for name, values in evaluation.per_question.items()}
    masks = {slicer: {name: mask[rows] for name, mask in groups.items()} for slicer, groups in evaluation.masks.items()}
    return replace(
        evaluation,
        examples=examples,
        predictions=predictions,
        metrics=summarise(examples, predictions, per_question),
        per_question=per_question,
        slices=slice_rows(masks, per_question),
        masks=masks,
        reach=None if evaluation.reach is None else evaluation.reach[rows],
        windows=None if evaluation.windows is None else evaluation.windows[rows],
    )
