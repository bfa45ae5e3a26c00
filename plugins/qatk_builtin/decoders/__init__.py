"""Span scores to answers. Registration only; see the sibling modules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from qatk.api import Component, Options, Positive, hookimpl


class MinNullOptions(Options):
    """Options of the ``min-null`` decoder."""

    n_best_size: Positive = 20
    """Length of the n-best list of each question."""
    max_answer_length: Positive = 30
    """Maximum length of an answer, in tokens."""
    null_threshold: float | Literal["never", "calibrated"] = 0.0
    """Abstain if null score minus best span score is above this. ``never`` always answers; ``calibrated`` fits the
    threshold on half of the dev articles for the other half, and on all of them for new data."""


class MergeWindowsOptions(MinNullOptions):
    """Options of the ``merge-windows`` decoder."""

    combine: Literal["max", "mean", "edge"] = "max"
    """How to combine a token's scores in several windows: the maximum; the mean; or the mean weighted by the token's
    distance from the nearer edge of its window's context (edge), because a token at an edge has little context."""


class EnsembleOptions(MinNullOptions):
    """Options of the ``ensemble`` decoder."""

    runs: list[str]
    """Folders of finished runs that answered the same questions. Do not name this run; it is always a member."""
    by: Literal["score", "probability"] = "probability"
    """What to average: the probabilities of spans and of no answer, for models of any kind; or their scores, for models
    of one kind, such as several seeds."""


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
