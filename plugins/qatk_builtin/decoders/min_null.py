"""The ``min-null`` decoder: the best valid span over an example's windows, against the least of their null scores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from qatk.api import Examples, Features, NBest, PluginError, Predictions, SpanScores, UsageError, advance
from qatk.types import Float32, Int32, Int64, Slices, Spool, ragged, release
from qatk_builtin.decoders import MinNullOptions
from qatk_builtin.decoders.best_spans import Block, Spans, best_spans
from qatk_builtin.decoders.candidates import check_candidates, valid_candidates
from qatk_builtin.decoders.nbest import apart, best_apart, merge, probabilities, rank
from qatk_builtin.decoders.window_scores import by_probability

BLOCK = 1 << 18
"""Tokens, or candidates, decoded at a time, whole examples each: this bounds the memory."""
_NBEST = {"char_start": np.int32, "char_end": np.int32, "score": np.float32, "probability": np.float32}
LIMIT = 1e38
"""Scores up to here can be added in float32; NaN, inf and what is above mean that the model is broken."""


class MinNullDecoder:
    """The best span over all windows of an example, unless "no answer" beats it.

    A span is valid where both tokens lie in the context, the start not after the end, it has no more than
    ``max_answer_length`` tokens and at least one character, and its score is not ``-inf``. Its score is start plus
    end score (float32), or that of the candidate. The search is exact: all valid spans compete.

    The null score of an example is the minimum over its windows, because a window that does not hold the answer is
    right to say so. The answer is ``""`` where null score minus best score is above ``null_threshold``, and where no
    span is valid (then the score is ``-inf``). An example without windows has null score 0.

    The n-best list has spans of different characters: one that several windows see counts once, with its best score.
    Best first; equal scores go by the smaller ``char_start``, then the smaller ``char_end``, so that the order of
    windows does not matter. Probabilities are a softmax over the n-best and the null score.

    With ``temperature``, all of this is of log-probabilities within each window.

    Without ``overlapping``, the list has the best span, then the best of those that share no character with it, and so
    on; the best span, the null score and the answer stay the same.
    """

    def __init__(self, options: MinNullOptions) -> None:
        self.options = options

    @property
    def calibrated(self) -> bool:
        """Whether the null threshold is to be fitted on held-out articles; until it is, it is 0."""
        return self.options.null_threshold == "calibrated"

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        """One prediction an example; see :class:`qatk.api.Decoder`. The columns may be memory-mapped.

        Raises:
            PluginError: a score is NaN or too large to add, or a candidate lies outside its window; the message has
                the example's id.
            UsageError: the scores are of tokens.
            ValueError: the scores or features are for something else.
        """
        check_scores(examples, features, scores)
        return self.answered(examples, features, self.compared(features, scores))

    def answered(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        """:meth:`decode` of scores that are compared between windows as they are."""
        null_score = least_null(len(examples), features, scores.null)
        count = np.zeros(len(examples) + 1, np.int64)
        start, end = np.full((2, len(examples)), -1, np.int32)
        score = np.full(len(examples), -np.inf, np.float32)
        columns = {name: Spool[Any](kind) for name, kind in _NBEST.items()}
        for spans in self._n_best(examples, features, scores):
            rows, first, each = np.unique(spans.example, return_index=True, return_counts=True)
            score[rows], start[rows], end[rows] = spans.score[first], spans.char_start[first], spans.char_end[first]
            # Lengths one place on: their running sum makes them offsets.
            count[rows + 1] = each
            probability = probabilities(ragged.offsets_of(each), spans.score, null_score[rows])
            for name, column in columns.items():
                column.append(probability if name == "probability" else getattr(spans, name))
        found = {name: column.column() for name, column in columns.items()}
        offsets = np.cumsum(count, out=count)
        nbest = NBest(offsets, Slices(examples, offsets, found["char_start"], found["char_end"]), **found)
        dropped = null_score.astype(np.float64) - score > self.options.limit
        start[dropped] = end[dropped] = -1
        text = Slices(examples, None, start, end)  # an empty slice where both are -1
        return Predictions(text, start, end, score, null_score, nbest)

    def compared(self, features: Features, scores: SpanScores) -> SpanScores:
        """The scores by which spans of different windows are compared."""
        if self.options.temperature is None:
            return scores
        return by_probability(features, scores, self.options.temperature)

    def _n_best(self, examples: Examples, features: Features, scores: SpanScores) -> Iterator[Spans]:
        """The n-best spans of a few examples at a time: by example, then best first."""
        size, longest = self.options.n_best_size, self.options.max_answer_length
        if scores.start is not None and scores.end is not None:
            for begin, stop in blocks(features.example_index, features.token_offsets):
                _check_tokens(examples, features, scores, begin, stop)
                yield self._of_block(Block.cut(features, scores.start, scores.end, begin, stop))
                release(scores.start, scores.end, features.char_start, features.char_end)
                advance("decoding", stop, len(features))
        elif (candidates := scores.candidates) is not None:
            offsets = candidates.offsets(len(features))
            for begin, stop in blocks(features.example_index, offsets):
                rows, _ = ragged.ragged_range(offsets, begin, stop)
                spans = valid_candidates(features, candidates, rows, longest)
                yield rank(spans, size) if self.options.overlapping else apart(rank(spans, max(1, len(spans))), size)
                advance("decoding", stop, len(features))

    def _of_block(self, block: Block) -> Spans:
        longest = self.options.max_answer_length

        def best(size: int) -> Spans:
            return merge(best_spans(block, size, longest), block.mixed, size)

        size = self.options.n_best_size
        return best(size) if self.options.overlapping else best_apart(best, size)


def check_scores(examples: Examples, features: Features, scores: SpanScores) -> None:
    """Raise unless the three belong together and all scores can be added and compared."""
    refuse_tokens(scores)
    check_windows(examples, features, scores)
    if (spans := scores.candidates) is not None:
        check_candidates(examples, features, spans)
        check_numbers(examples, spans.score, features.example_index[spans.feature], "a span")


def check_windows(examples: Examples, features: Features, scores: SpanScores) -> None:
    """Raise unless the three belong together and the scores of "no answer" can be compared."""
    scores.check(features)
    owners = features.example_index
    if len(owners) and not 0 <= owners[0] <= owners[-1] < len(examples):
        raise ValueError(f"windows of examples {owners[0]} to {owners[-1]} where there are {len(examples)}")
    check_numbers(examples, scores.null, owners, "no answer")


def refuse_tokens(scores: SpanScores) -> None:
    """Raise :class:`UsageError` for scores of tokens, where a recipe's check has not done so."""
    if scores.tokens is not None:
        raise UsageError("these are scores of tokens, not of spans", fix="decode them by several or sentences")


def _check_tokens(examples: Examples, features: Features, scores: SpanScores, begin: int, stop: int) -> None:
    """Raise where a token of these windows has a score that cannot be added and compared."""
    tokens, offsets = ragged.ragged_range(features.token_offsets, begin, stop)
    owners = features.example_index[begin:stop]
    for column, what in ((scores.start, "a start"), (scores.end, "an end")):
        assert column is not None
        check_numbers(examples, column[tokens], owners, what, offsets)


def check_numbers(examples: Examples, scores: Float32, owners: Int32, what: str, offsets: Int64 | None = None) -> None:
    """Raise for NaN and what is too large; ``owners`` has the example of each score, or of each range of offsets."""
    if len(scores) == 0 or scores.max() <= LIMIT:  # the maximum is NaN where any score is
        return
    at = int((scores <= LIMIT).argmin())
    row = at if offsets is None else int(ragged.owners_at(offsets, at))
    raise PluginError(
        f"the model scored {what} {scores[at]:g}",
        where=f"example {examples.id[owners[row]]}",
        fix="scores must be numbers below 1e38, or -inf; NaN comes from a head, or from training that diverged",
    )


def least_null(n: int, features: Features, null: Float32) -> Float32:
    """float32[n]: the minimum over each example's windows, 0 where it has none."""
    least = np.zeros(n, np.float32)
    first = np.flatnonzero(ragged.begins(features.example_index))
    # Windows are in the order of examples, so that each example is one run.
    least[features.example_index[first]] = np.minimum.reduceat(null, first)
    return least


def blocks(example_index: Int32, offsets: Int64) -> Iterator[tuple[int, int]]:
    """Ranges of windows, whole examples each, with about ``BLOCK`` of what ``offsets`` int64[F + 1] count."""
    # Only where the example changes may a block end.
    ends = np.append(np.flatnonzero(np.diff(example_index)) + 1, len(example_index))
    stop = 0
    while stop < len(example_index):
        begin = stop
        enough = max(begin + 1, int(np.searchsorted(offsets, offsets[begin] + BLOCK)))
        stop = int(ends[np.searchsorted(ends, min(enough, len(example_index)))])
        yield begin, stop
