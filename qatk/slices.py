"""Figures of groups of questions, with intervals."""

from __future__ import annotations

from collections.abc import Mapping

from qatk.results.evaluation import SliceRow
from qatk.scoring import percent
from qatk.statistics.intervals import mean_interval
from qatk.types import Bool, Float64


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
