"""Tokenizers with their encoders. Registration only; see the sibling modules."""

from __future__ import annotations

from collections.abc import Iterable

from qatk.api import Component, Fraction, Options, Positive, hookimpl


class HfOptions(Options):
    """Options of the ``hf`` backbone."""

    model: str
    """Hub id, local folder, or ``package:NAME/sub/path`` for weights inside an installed Python package."""
    revision: str | None = None
    """Branch, tag or commit of the model; set it for reproducible figures."""
    tokenizer: str | None = None
    """Source of the tokenizer, as for ``model``; ``null`` uses the tokenizer beside the model."""
    trust_remote_code: bool = False
    """Run Python code that comes with the model. Read that code before you turn this on."""
    dropout: Fraction | None = None
    """Dropout in the encoder; ``null`` keeps the checkpoint's value."""
    attention_dropout: Fraction | None = None
    """Dropout of attention weights; ``null`` uses the value of ``dropout``. With ``0.0``, torch can use its fused
    attention in training, which supports no dropout on most devices."""
    max_length: Positive | None = None
    """Maximum number of tokens in a window, for models that do not define it; ``null`` uses the model's limit."""
    layers: Positive | None = None
    """Keep only the first N layers of the encoder, a cheap way to get a smaller one; ``null`` keeps all."""


class TinyOptions(Options):
    """Options of the ``tiny`` backbone."""

    vocab_size: Positive = 4000
    """Size of the WordPiece vocabulary, which is trained on the training text."""
    hidden_size: Positive = 128
    """Width of the hidden states."""
    layers: Positive = 2
    """Number of transformer layers."""
    heads: Positive = 2
    """Number of attention heads."""
    max_length: Positive = 512
    """Maximum number of tokens in a window."""


class ExportedOptions(Options):
    """Options of the ``exported`` backbone."""

    model: str
    """Folder that ``qatk export`` wrote."""


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
        Component(
            "exported",
            f"{__name__}.exported:ExportedBackbone",
            ExportedOptions,
            "the tokenizer of an exported model, which a runtime computes",
        ),
    ]
