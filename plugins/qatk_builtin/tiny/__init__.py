"""Small and offline: a from-scratch encoder and a generated data set. Registration only."""

from __future__ import annotations

from collections.abc import Iterable

from qatk.api import Component, Options, Positive, hookimpl


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
    """A small encoder that starts from nothing."""
    summary = "a small BERT from scratch, its vocabulary trained from the training text"
    return [Component("tiny", f"{__name__}.backbone:TinyBackbone", TinyOptions, summary)]
