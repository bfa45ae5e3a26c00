"""Span scores to answers. Registration only; see the sibling modules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from qatk.api import Component, Options, Positive, hookimpl


class MinNullOptions(Options):
    """Options of the ``min-null`` decoder."""

    n_best_size: Positive = 20
    """How many spans an example keeps."""
    max_answer_length: Positive = 30
    """The longest answer, in tokens."""
    null_threshold: float | Literal["never", "calibrated"] = 0.0
    """Answer nothing where null score minus best span score is above this; ``never`` always answers; ``calibrated``
    fits it on one half of the dev articles for the other, and on all of them for data to come."""


class MergeWindowsOptions(MinNullOptions):
    """Options of the ``merge-windows`` decoder."""

    combine: Literal["max", "mean", "edge"] = "max"
    """What becomes of a token's scores in several windows: the greatest; their mean; or their mean weighted by how many
    tokens lie between the token and the nearer edge of its window's context, for a token at an edge has seen little."""


class EnsembleOptions(MinNullOptions):
    """Options of the ``ensemble`` decoder."""

    runs: list[str]
    """Folders of finished runs that answered the same questions; this run belongs to the ensemble without being
    named."""
    by: Literal["score", "probability"] = "probability"
    """What is averaged: the probabilities of spans and of no answer, which suits models of any kind; or their scores,
    which suits models of one kind, such as several seeds."""


@hookimpl
def qatk_decoders() -> Iterable[Component]:
    """Best spans; of windows that are merged first; of several runs."""
    merge = "as min-null, after a token's scores in several windows are combined"
    ensemble = "as min-null, of several runs' best spans together"
    best = "best valid span; null score is the minimum over windows"
    return [
        Component(
            "min-null",
            f"{__name__}.min_null:MinNullDecoder",
            MinNullOptions,
            best,
            formerly=("bert",),
            former_names=("exact",),
        ),
        Component("merge-windows", f"{__name__}.merge_windows:MergeWindowsDecoder", MergeWindowsOptions, merge),
        Component("ensemble", f"{__name__}.ensemble:EnsembleDecoder", EnsembleOptions, ensemble),
    ]
