"""The BERT way: HF backbones, stride windows, a linear span head, min-null decoding. Registration only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from qatk.api import Component, Fraction, Natural, Options, Positive, hookimpl


class HfOptions(Options):
    """Options of the ``hf`` backbone."""

    model: str
    """A hub id, a local folder, or ``package:NAME/sub/path`` for weights inside an installed Python package."""
    revision: str | None = None
    """A branch, tag or commit of the model; pin it for numbers that hold."""
    trust_remote_code: bool = False
    """Run Python code that comes with the model. Off unless you have read that code."""
    dropout: Fraction | None = None
    """Dropout in the encoder; ``null`` keeps the checkpoint's own."""
    attention_dropout: Fraction | None = None
    """Dropout of attention weights where it should differ; ``0.0`` lets torch use its fused attention in training,
    which takes no dropout on most devices. ``null`` does as ``dropout`` does."""
    max_length: Positive | None = None
    """The most tokens a window may have, for models that do not say; ``null`` takes the model's."""
    layers: Positive | None = None
    """Keep only the first so many layers of the encoder, a cheap way to a smaller one; ``null`` keeps all."""


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
def qatk_backbones() -> Iterable[Component]:
    """Pretrained encoders."""
    return [
        Component("hf", f"{__name__}.backbone:HfBackbone", HfOptions, "any encoder of transformers, safetensors only")
    ]


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
