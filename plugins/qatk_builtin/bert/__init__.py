"""The BERT way: HF backbones, stride windows, a linear span head, min-null decoding. Registration only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from qatk.api import Component, Fraction, Natural, Options, Positive, hookimpl


class StrideOptions(Options):
    """Options of the ``stride`` featurizer."""

    max_length: Positive = 384
    """The most tokens of a window, question and special tokens included."""
    doc_stride: Natural = 128
    """How many tokens of context two neighbouring windows share."""
    max_question_length: Positive = 64
    """Longer questions are cut to this many tokens, and counted."""
    impossible_windows: Literal["keep", "drop"] | Fraction = "keep"
    """Training windows that do not hold the answer: keep all, as is usual; drop all, those of unanswerable questions
    too; or keep this fraction, drawn by seed 0, where an unanswerable question keeps at least one window (so 0.0
    leaves every question its telling windows)."""


class LinearOptions(Options):
    """Options of the ``linear`` head."""

    mask_question: bool = True
    """Only context tokens and the null position are scored; ``false`` gives the plain BERT behaviour."""
    dropout: Fraction = 0.0
    """Dropout before the scores."""


class MinNullOptions(Options):
    """Options of the ``min-null`` decoder."""

    n_best_size: Positive = 20
    """How many spans an example keeps."""
    max_answer_length: Positive = 30
    """The longest answer, in tokens."""
    null_threshold: float | Literal["never", "calibrated"] = 0.0
    """Answer nothing where null score minus best span score is above this; ``never`` always answers; ``calibrated``
    fits it on one half of the dev articles for the other, and on all of them for data to come."""


@hookimpl
def qatk_featurizers() -> Iterable[Component]:
    """Overlapping windows."""
    return [
        Component("stride", f"{__name__}.stride:StrideFeaturizer", StrideOptions, "windows that overlap by doc_stride")
    ]


@hookimpl
def qatk_heads() -> Iterable[Component]:
    """Start and end scores."""
    return [
        Component("linear", f"{__name__}.linear:LinearHead", LinearOptions, "one linear layer: start and end scores")
    ]


@hookimpl
def qatk_decoders() -> Iterable[Component]:
    """Best spans."""
    summary = "best valid span; null score is the minimum over windows"
    return [Component("min-null", f"{__name__}.min_null:MinNullDecoder", MinNullOptions, summary)]
