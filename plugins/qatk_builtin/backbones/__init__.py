"""Tokenizers with their encoders. Registration only; see the sibling modules."""

from __future__ import annotations

from collections.abc import Iterable

from qatk.api import Component, Fraction, Options, Positive, hookimpl


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


class TinyOptions(Options):
    """Options of the ``tiny`` backbone."""

    vocab_size: Positive = 4000
    """Entries of the WordPiece vocabulary, trained from the training text."""
    hidden_size: Positive = 128
    """Width of the states."""
    layers: Positive = 2
    """Transformer layers."""
    heads: Positive = 2
    """Attention heads."""
    max_length: Positive = 512
    """The most tokens a window may have."""


@hookimpl
def qatk_backbones() -> Iterable[Component]:
    """Pretrained encoders, and a small one that starts from nothing."""
    return [
        Component(
            "hf",
            f"{__name__}.hf:HfBackbone",
            HfOptions,
            "any encoder of transformers, safetensors only",
            formerly=("bert",),
        ),
        Component(
            "tiny",
            f"{__name__}.tiny:TinyBackbone",
            TinyOptions,
            "a small BERT from scratch, its vocabulary trained from the training text",
            formerly=("tiny",),
        ),
    ]
