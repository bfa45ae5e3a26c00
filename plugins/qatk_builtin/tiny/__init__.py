"""Small and offline: a from-scratch encoder and a generated data set. Registration only."""

from __future__ import annotations

from collections.abc import Iterable

from qatk.api import Component, Fraction, Options, Positive, hookimpl


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


class FactsOptions(Options):
    """Options of the ``facts`` dataset."""

    questions: Positive = 1000
    """How many questions to write."""
    seed: int = 0
    """Another seed, other passages: no invented thing is shared between seeds."""
    hard: Fraction = 0.5
    """The share of passages about two things with like attributes; the others are about one."""
    unanswerable: Fraction = 0.3
    """The share of questions that their passage does not answer."""
    long: Fraction = 0.05
    """The share of passages that are several hundred words long."""


@hookimpl
def qatk_backbones() -> Iterable[Component]:
    """A small encoder that starts from nothing."""
    summary = "a small BERT from scratch, its vocabulary trained from the training text"
    return [Component("tiny", f"{__name__}.backbone:TinyBackbone", TinyOptions, summary)]


@hookimpl
def qatk_datasets() -> Iterable[Component]:
    """Passages about invented things."""
    return [
        Component("facts", f"{__name__}.facts:FactsDataset", FactsOptions, "generated passages about invented things")
    ]
