from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from qatk.api import Examples, Features, NBest, Options, Predictions, SpanScores, answers_of_spans, spans_of_window


class GoodOptions(Options):
    """Options of the decoders here."""

    null_threshold: float = 0.0
    """Answer nothing where null score minus best span score is above this."""


class Good:
    """Right, and plain; each of the others breaks one thing of it."""

    longest = 30

    def __init__(self, options: GoodOptions) -> None:
        self.options = options

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        null = np.zeros(len(examples), np.float32)
        for row in range(len(examples)):
            null[row] = self.null(scores.null[features.example_index == row])
        best = [self.best(features, scores, row) for row in range(len(examples))]
        columns = np.array(best, np.float64).reshape(-1, 3)
        start, end = (columns[:, k].astype(np.int32) for k in (0, 1))
        score = columns[:, 2].astype(np.float32)
        return answers_of_spans(examples, start, end, score, null, null_threshold=self.options.null_threshold)

    def null(self, scores: Any) -> Any:
        return scores.min() if len(scores) else 0.0

    def best(self, features: Features, scores: SpanScores, row: int) -> tuple[int, int, float]:
        found = []
        for window in np.flatnonzero(features.example_index == row).tolist():
            spans = self.spans(features, scores, window)
            found += zip(spans.char_start.tolist(), spans.char_end.tolist(), spans.score.tolist(), strict=True)
        return min(found, key=self.key, default=(-1, -1, -np.inf))

    def spans(self, features: Features, scores: SpanScores, window: int) -> Any:
        return spans_of_window(features, scores, window, self.longest)

    def key(self, span: tuple[int, int, float]) -> Any:
        return -span[2], span[0], span[1]


class Short(Good):
    """One prediction too few."""

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        found = super().decode(examples, features, scores)
        return found.take(np.arange(max(0, len(found) - 1)))


class Tuples(Good):
    """Not predictions."""

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Any:
        return super().decode(examples, features, scores).text


class Lower(Good):
    """Texts in lower case."""

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        found = super().decode(examples, features, scores)
        return replace(found, text=[text.lower() for text in found.text])


class Inclusive(Good):
    """Takes the end as inclusive: a character too many."""

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        found = super().decode(examples, features, scores)
        end = np.where(found.char_end >= 0, found.char_end + 1, -1).astype(np.int32)
        spans = enumerate(zip(found.char_start, end, strict=True))
        texts = [examples.context_of(k)[max(s, 0) : max(e, 0)] for k, (s, e) in spans]
        return replace(found, text=texts, char_end=end)


class Always(Good):
    """Answers the whole context where there is no valid span."""

    def best(self, features: Features, scores: SpanScores, row: int) -> tuple[int, int, float]:
        start, end, score = super().best(features, scores, row)
        return (0, 3, 0.0) if start < 0 else (start, end, score)


class Worst(Good):
    """Takes the span of the lowest score."""

    def key(self, span: tuple[int, int, float]) -> Any:
        return span[2], span[0], span[1]


class OneForm(Good):
    """Knows start and end scores only, and falls over."""

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        assert scores.start is not None
        _ = scores.start[0:1] + 1
        return super().decode(examples, features, scores)


class LastWins(Good):
    """Of equal scores the last seen wins."""

    def best(self, features: Features, scores: SpanScores, row: int) -> tuple[int, int, float]:
        found = []
        for window in np.flatnonzero(features.example_index == row).tolist():
            spans = self.spans(features, scores, window)
            found += zip(spans.char_start.tolist(), spans.char_end.tolist(), spans.score.tolist(), strict=True)
        return max(reversed(found), key=lambda span: span[2], default=(-1, -1, -np.inf))


class FirstNull(Good):
    """The null score of whatever window comes first."""

    def null(self, scores: Any) -> Any:
        return scores[0] if len(scores) else 0.0


class Batch(Good):
    """Null scores less their mean over all examples."""

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        if len(scores.null):
            scores = replace(scores, null=scores.null - scores.null.mean())
        return super().decode(examples, features, scores)


class Remembers(Good):
    """Adds something every time it is asked."""

    asked = 0

    def null(self, scores: Any) -> Any:
        self.asked += 1
        return super().null(scores) + self.asked


class Random(Good):
    """Draws from a generator without a seed."""

    def null(self, scores: Any) -> Any:
        return super().null(scores) + np.random.default_rng().normal()


class Overwrites(Good):
    """Masks scores in the arrays it is given."""

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        found = super().decode(examples, features, scores)
        if scores.null.base is not None:
            scores.null.base[...] = 0
        return found


class Peeks(Good):
    """Looks at gold."""

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        if examples.has_gold and len(scores.null):
            scores = replace(scores, null=scores.null - 100)
        return super().decode(examples, features, scores)


class WrongSign(Good):
    """The higher the null score, the sooner it answers."""

    def null(self, scores: Any) -> Any:
        return -super().null(scores)


class WrongThreshold(Good):
    """The threshold is taken the wrong way round."""

    def __init__(self, options: GoodOptions) -> None:
        super().__init__(GoodOptions(null_threshold=-options.null_threshold))


class Unsaid(Good):
    """The threshold is hidden in the null scores, and counts twice."""

    def null(self, scores: Any) -> Any:
        return super().null(scores) - self.options.null_threshold


class Strict(Good):
    """Answers what its own odds say it should not."""

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        found = super().decode(examples, features, scores)
        return replace(found, null_score=found.null_score + np.float32(1000))


class UnsortedBest(Good):
    """An n-best in the order of the text."""

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        found = super().decode(examples, features, scores)
        columns: list[Any] = []
        counts = [0]
        for row in range(len(examples)):
            spans = [
                (s, e, v)
                for window in np.flatnonzero(features.example_index == row).tolist()
                for s, e, v in self._rows(features, scores, window)
            ]
            mine = sorted({(s, e): v for s, e, v in spans}.items())[:20]
            columns += [(row, s, e, v) for (s, e), v in mine]
            counts.append(len(columns))
        start, end = (np.array([c[k] for c in columns], np.int32) for k in (1, 2))
        score = np.array([c[3] for c in columns], np.float32)
        texts = [examples.context_of(c[0])[c[1] : c[2]] for c in columns]
        best = NBest(np.array(counts, np.int64), texts, start, end, score, np.ones_like(score))
        return replace(found, nbest=best)

    def _rows(self, features: Features, scores: SpanScores, window: int) -> Any:
        spans = self.spans(features, scores, window)
        return zip(spans.char_start.tolist(), spans.char_end.tolist(), spans.score.tolist(), strict=True)


class Hopeful(Good):
    """Passes NaN on."""

    def best(self, features: Features, scores: SpanScores, row: int) -> tuple[int, int, float]:
        start, end, score = super().best(features, scores, row)
        missing = scores.start is not None and np.isnan(scores.start).any()
        return start, end, float("nan") if missing else score


class Prints(Good):
    """Tells standard output what it does."""

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        print("decoding")
        return super().decode(examples, features, scores)


class Masked(Good):
    """Takes masked tokens too."""

    def spans(self, features: Features, scores: SpanScores, window: int) -> Any:
        if scores.start is None or scores.end is None:
            return super().spans(features, scores, window)
        finite = replace(scores, start=np.maximum(scores.start, -5), end=np.maximum(scores.end, -5))
        return super().spans(features, finite, window)


OPTIONS = GoodOptions
BROKEN = {
    Short: "one-prediction-an-example",
    Tuples: "one-prediction-an-example",
    Lower: "texts-are-slices",
    Inclusive: "answers-are-spans-of-scored-tokens",
    Masked: "answers-are-spans-of-scored-tokens",
    Always: "no-valid-span-is-no-answer",
    Worst: "a-clear-answer-is-given",
    OneForm: "both-forms-of-scores",
    LastWins: "window-order-does-not-matter",
    FirstNull: "window-order-does-not-matter",
    Batch: "examples-do-not-touch-each-other",
    Remembers: "is-deterministic",
    Random: "is-deterministic",
    Overwrites: "inputs-are-left-unchanged",
    Peeks: "gold-is-ignored",
    WrongSign: "null-scores-are-monotone",
    WrongThreshold: "null-threshold-is-monotone",
    Unsaid: "null-threshold-is-monotone",
    Strict: "answers-follow-from-the-odds",
    UnsortedBest: "n-best-is-in-order",
    Hopeful: "nan-does-not-pass",
}
"""Each with the promise whose check must catch it. :class:`Prints` is caught by all of them."""
