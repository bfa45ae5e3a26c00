from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from qatk.api import (
    Examples,
    Features,
    NBest,
    Options,
    Predictions,
    Spans,
    SpanScores,
    answers_of_spans,
    spans_of_window,
)

Span = tuple[int, int, float]
"""First character, the one after the last, score."""


class GoodOptions(Options):
    """Options of the decoders here."""

    null_threshold: float = 0.0
    """Answer nothing where null score minus best span score is above this."""
    max_answer_length: int = 30
    """The longest answer, in tokens."""


class Good:
    """Right, and plain; each of the others breaks one thing of it."""

    def __init__(self, options: GoodOptions) -> None:
        self.options = options
        self.longest = options.max_answer_length

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

    def best(self, features: Features, scores: SpanScores, row: int) -> Span:
        return min(self.found(features, scores, row), key=self.key, default=(-1, -1, -np.inf))

    def found(self, features: Features, scores: SpanScores, row: int) -> list[Span]:
        found: list[Span] = []
        for window in self.windows(features, scores, row):
            spans = self.spans(features, scores, window)
            found += zip(spans.char_start.tolist(), spans.char_end.tolist(), spans.score.tolist(), strict=True)
        return found

    def windows(self, features: Features, scores: SpanScores, row: int) -> list[int]:
        return np.flatnonzero(features.example_index == row).tolist()

    def spans(self, features: Features, scores: SpanScores, window: int) -> Any:
        return spans_of_window(features, scores, window, self.longest)

    def key(self, span: Span) -> Any:
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


class Worst(Good):
    """Takes the span of the lowest score."""

    def key(self, span: Span) -> Any:
        return span[2], span[0], span[1]


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
        super().__init__(options.model_copy(update={"null_threshold": -options.null_threshold}))


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
        best = [self.n_best(self.found(features, scores, row)) for row in range(len(examples))]
        columns = [(row, *span) for row, mine in enumerate(best) for span in mine]
        start, end = (np.array([c[k] for c in columns], np.int32) for k in (1, 2))
        score = np.array([c[3] for c in columns], np.float32)
        texts = [examples.context_of(c[0])[c[1] : c[2]] for c in columns]
        offsets = np.cumsum([0, *map(len, best)], dtype=np.int64)
        return replace(found, nbest=NBest(offsets, texts, start, end, score, np.ones_like(score)))

    def n_best(self, spans: list[Span]) -> list[Span]:
        return sorted(set(spans))[:20]


class TwiceBest(UnsortedBest):
    """An n-best that has a span as often as windows have it."""

    def n_best(self, spans: list[Span]) -> list[Span]:
        return sorted(spans, key=self.key)[:20]


class Unlikely(UnsortedBest):
    """Scores as probabilities."""

    def n_best(self, spans: list[Span]) -> list[Span]:
        return sorted(set(spans), key=self.key)[:20]

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        found = super().decode(examples, features, scores)
        assert found.nbest is not None
        return replace(found, nbest=replace(found.nbest, probability=found.nbest.score))


class SecondBest(UnsortedBest):
    """An n-best without the best."""

    def n_best(self, spans: list[Span]) -> list[Span]:
        return sorted(set(spans), key=self.key)[1:20]


class Twofold(Good):
    """An answer of several spans: the best one, and the best one's first character."""

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        found = super().decode(examples, features, scores)
        rows = np.flatnonzero(found.answered)
        offsets = np.cumsum([0, *(2 * found.answered)], dtype=np.int64)
        start, score = (np.repeat(column[rows], 2) for column in (found.char_start, found.score))
        end = np.stack([start[::2] + 1, found.char_end[rows]], axis=1).reshape(-1).astype(np.int32)
        texts = [examples.context_of(row)[a:b] for row, a, b in zip(np.repeat(rows, 2), start, end, strict=True)]
        return replace(found, several=Spans(offsets, texts, start, end, score))


class Hopeful(Good):
    """Passes NaN on."""

    def best(self, features: Features, scores: SpanScores, row: int) -> Span:
        start, end, score = super().best(features, scores, row)
        missing = scores.start is not None and np.isnan(scores.start).any()
        return start, end, float("nan") if missing else score


class Deaf(Good):
    """Takes the threshold for 0."""

    def __init__(self, options: GoodOptions) -> None:
        super().__init__(options.model_copy(update={"null_threshold": 0.0}))


class OneMore(Good):
    """Lets answers be a token longer."""

    def __init__(self, options: GoodOptions) -> None:
        super().__init__(options)
        self.longest += 1


class OneLess(Good):
    """Takes the longest answer for a bound that is not reached."""

    def __init__(self, options: GoodOptions) -> None:
        super().__init__(options)
        self.longest -= 1


class HalfNull(Good):
    """Null scores on half of the spans' scale."""

    def null(self, scores: Any) -> Any:
        return super().null(scores) / 2


class MeanSpans(Good):
    """The mean of start and end as a span's score."""

    def spans(self, features: Features, scores: SpanScores, window: int) -> Any:
        found = super().spans(features, scores, window)
        return replace(found, score=found.score / 2)


class StartOnly(Good):
    """Adds nothing for the end, but finds it."""

    def best(self, features: Features, scores: SpanScores, row: int) -> Span:
        start, end, score = super().best(features, scores, row)
        if scores.start is None or start < 0:
            return start, end, score
        mine = (np.repeat(features.example_index, features.lengths) == row) & (features.char_start == start)
        return start, end, float(2 * scores.start[mine].max())


class NullMean(Good):
    """The mean of the windows' null scores."""

    def null(self, scores: Any) -> Any:
        return scores.mean() if len(scores) else 0.0


class NullMax(Good):
    """The greatest of the windows' null scores."""

    def null(self, scores: Any) -> Any:
        return scores.max() if len(scores) else 0.0


class Chancy(Good):
    """Seeds its own generator by the global one, which it puts back."""

    def null(self, scores: Any) -> Any:
        before = np.random.get_state()
        drawn = np.random.rand()
        np.random.set_state(before)
        return super().null(scores) + drawn


class Biased(Good):
    """Adds what it fitted to null scores; right."""

    bias = 0.0

    def fit(self, examples: Examples, features: Features, scores: SpanScores) -> Any:
        return {"bias": 1.5 * float(examples.has_answer.mean())}

    def restore(self, state: Any) -> None:
        self.bias = state["bias"]

    def null(self, scores: Any) -> Any:
        return super().null(scores) + np.float32(self.bias)


class Unrestored(Biased):
    """Keeps what it fitted to itself."""

    def fit(self, examples: Examples, features: Features, scores: SpanScores) -> Any:
        self.bias = super().fit(examples, features, scores)["bias"]
        return {}

    def restore(self, state: Any) -> None: ...


class Arrays(Biased):
    """Parameters that JSON cannot hold."""

    def fit(self, examples: Examples, features: Features, scores: SpanScores) -> Any:
        return {"bias": examples.has_answer}


class Prints(Good):
    """Tells standard output what it does."""

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        print("decoding")
        return super().decode(examples, features, scores)


class ClsNull(Good):
    """Reads the score of "no answer" at the first token of every window."""

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        if scores.start is not None and scores.end is not None:
            first = features.token_offsets[:-1]
            scores = replace(scores, null=scores.start[first] + scores.end[first])
        return super().decode(examples, features, scores)


OPTIONS = GoodOptions
BROKEN = {
    Short: "one-prediction-an-example",
    Tuples: "one-prediction-an-example",
    Lower: "texts-are-slices",
    Inclusive: "answers-are-spans-of-scored-tokens",
    Worst: "a-clear-answer-is-given",
    Batch: "examples-do-not-touch-each-other",
    Remembers: "is-deterministic",
    Random: "is-deterministic",
    Overwrites: "inputs-are-left-unchanged",
    Peeks: "gold-is-ignored",
    WrongSign: "null-scores-are-monotone",
    WrongThreshold: "null-threshold-is-monotone",
    Unsaid: "null-threshold-is-monotone",
    Deaf: "answers-follow-from-the-odds",
    OneMore: "max-answer-length-is-kept",
    OneLess: "max-answer-length-is-kept",
    HalfNull: "scores-are-on-one-scale",
    MeanSpans: "scores-are-on-one-scale",
    StartOnly: "scores-are-on-one-scale",
    NullMean: "null-is-the-minimum",
    NullMax: "null-is-the-minimum",
    Chancy: "is-deterministic",
    Unrestored: "parameters-are-restored",
    Arrays: "parameters-are-restored",
    Unlikely: "probabilities-are-fractions",
    Strict: "answers-follow-from-the-odds",
    UnsortedBest: "n-best-is-in-order",
    TwiceBest: "n-best-is-in-order",
    SecondBest: "n-best-is-in-order",
    Twofold: "spans-are-in-order",
    Hopeful: "nan-does-not-pass",
    ClsNull: "null-scores-decide",
}
"""Each with the promise whose check must catch it. :class:`Prints` is caught by all of them."""
