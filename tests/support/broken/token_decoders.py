"""Decoders that read scores of tokens, and break one promise each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qatk.api import Examples, Features, Predictions, SpanScores
from qatk_builtin.decoders import SeveralOptions
from qatk_builtin.decoders.several import SeveralDecoder


class ByTokens(SeveralDecoder):
    """Right; each of the others breaks one thing of it."""

    reads = ("spans", "tokens")


class OneOnly(ByTokens):
    """Gives the best span alone."""

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        return replace(super().decode(examples, features, scores), several=None)


class FirstWindow(ByTokens):
    """Reads the first window of each example."""

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        windows = np.unique(features.example_index, return_index=True)[1].astype(np.int64)
        return super().decode(examples, features.take(windows), scores.take(features, windows))


class Bold(ByTokens):
    """Answers whatever the null score."""

    def __init__(self, options: SeveralOptions) -> None:
        super().__init__(options.model_copy(update={"null_threshold": "never"}))


OPTIONS = SeveralOptions
BROKEN = {
    OneOnly: "clear-tokens-are-the-answer",
    FirstWindow: "token-answers-are-slices",
    Bold: "null-scores-decide-on-tokens",
}
