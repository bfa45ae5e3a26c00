"""Decoders that fail on one kind of input each: all that :mod:`qatk.testing.promises.decoders` says that it tries."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from broken.decoders import Good, Span
from qatk.api import Examples, Features, Predictions, SpanScores


class Merged(Good):
    """Falls over an example of one window."""

    def windows(self, features: Features, scores: SpanScores, row: int) -> list[int]:
        found = super().windows(features, scores, row)
        assert len(found) != 1
        return found


class Always(Good):
    """Answers the whole context where there is no valid span."""

    def best(self, features: Features, scores: SpanScores, row: int) -> Span:
        start, end, score = super().best(features, scores, row)
        return (0, 3, 0.0) if start < 0 else (start, end, score)


class NoInfinity(Good):
    """Takes the whole context where every score is -inf."""

    def spans(self, features: Features, scores: SpanScores, window: int) -> Any:
        if scores.start is None or scores.end is None or (scores.start[features.char_start >= 0] > -np.inf).any():
            return super().spans(features, scores, window)
        flat = np.zeros_like(scores.start)
        return super().spans(features, replace(scores, start=flat, end=flat), window)


class Masked(Good):
    """Takes masked tokens too."""

    def spans(self, features: Features, scores: SpanScores, window: int) -> Any:
        if scores.start is None or scores.end is None:
            return super().spans(features, scores, window)
        finite = replace(scores, start=np.maximum(scores.start, -5), end=np.maximum(scores.end, -5))
        return super().spans(features, finite, window)


class FirstWindows(Good):
    """Looks at the first hundred windows of an example."""

    def windows(self, features: Features, scores: SpanScores, row: int) -> list[int]:
        return super().windows(features, scores, row)[:100]


class OneWindow(Good):
    """Looks at the window of the highest null score only."""

    def windows(self, features: Features, scores: SpanScores, row: int) -> list[int]:
        return sorted(super().windows(features, scores, row), key=lambda window: -scores.null[window])[:1]


class SkipsFirst(Good):
    """Takes the first token of every window for CLS."""

    def spans(self, features: Features, scores: SpanScores, window: int) -> Any:
        begin = features.char_start[features.token_offsets[window]]
        found = super().spans(features, scores, window)
        kept = found.char_start != begin
        columns = {name: getattr(found, name)[kept] for name in ("char_start", "char_end", "tokens", "score")}
        return replace(found, **columns)


class LastWins(Good):
    """Of equal scores the last seen wins."""

    def best(self, features: Features, scores: SpanScores, row: int) -> Span:
        found = reversed(self.found(features, scores, row))
        return max(found, key=lambda span: span[2], default=(-1, -1, -np.inf))


class FirstNull(Good):
    """The null score of whatever window comes first."""

    def null(self, scores: Any) -> Any:
        return scores[0] if len(scores) else 0.0


class NoContext(Good):
    """Falls over an empty context."""

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        for row in range(len(examples)):
            _ = examples.context_of(row)[0]
        return super().decode(examples, features, scores)


class Exits(Good):
    """Ends the process where there is nothing to do."""

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        if not len(examples):
            raise SystemExit(0)
        return super().decode(examples, features, scores)


class NoWindows(Good):
    """Falls over an example without windows."""

    def null(self, scores: Any) -> Any:
        return scores.min()


class NeedsGold(Good):
    """Wants to know the gold answers."""

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        assert examples.answer_offsets is not None
        return super().decode(examples, features, scores)


class OneForm(Good):
    """Knows start and end scores only, and falls over."""

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        assert scores.start is not None
        _ = scores.start[0:1] + 1
        return super().decode(examples, features, scores)


BROKEN = {
    Merged: ("one-prediction-an-example", "one window"),
    Always: ("no-valid-span-is-no-answer", "no valid span: every score is -inf"),
    NoInfinity: ("no-valid-span-is-no-answer", "no valid span: every score is -inf"),
    Masked: ("answers-are-spans-of-scored-tokens", "each end lies before each start"),
    FirstWindows: ("a-clear-answer-is-given", "300 windows of one example"),
    OneWindow: ("a-clear-answer-is-given", "two windows, the answer in the second"),
    SkipsFirst: ("a-clear-answer-is-given", "the context first and the null position last"),
    LastWins: ("window-order-does-not-matter", "two spans of equal score, each in a window of its own"),
    FirstNull: ("window-order-does-not-matter", "windows reversed"),
    NoContext: ("one-prediction-an-example", "an empty context"),
    Exits: ("one-prediction-an-example", "no examples at all"),
    NoWindows: ("one-prediction-an-example", "an example without windows"),
    NeedsGold: ("one-prediction-an-example", "one window"),
    OneForm: ("both-forms-of-scores", "as scored spans"),
}
"""Each with the promise whose check must catch it, and the input that it must be caught on."""
