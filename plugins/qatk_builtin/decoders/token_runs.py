"""Spans out of tagged tokens: windows are merged, and runs of tokens that are likely enough are spans."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qatk.api import Examples, Features, PluginError, SpanScores
from qatk.types import Bool, Float32, Float64, Int32, Int64, ragged, release
from qatk_builtin.decoders.best_spans import Spans, join
from qatk_builtin.decoders.min_null import blocks, check_numbers
from qatk_builtin.decoders.overlap import Overlap, combined

MARGIN = 2.0
"""Where no token reaches the threshold, the likeliest span is made of the tokens that are so little below the best."""


@dataclass(frozen=True, eq=False)
class TaggedTokens:
    """The context tokens of all examples that may be in an answer, each once, in the order of example and characters.

    Attributes:
        number: int64[t], of each among all context tokens with characters: neighbours have numbers that follow.
        example: int64[t].
        char_start, char_end: int32[t].
        odds: float32[t], the log-odds of being a part of the answer, the highest of all windows.
        begins: bool[t], whether a token begins a span where it and the one before are both in the answer.
    """

    number: Int64
    example: Int64
    char_start: Int32
    char_end: Int32
    odds: Float32
    begins: Bool

    @classmethod
    def of(cls, examples: Examples, features: Features, scores: SpanScores, least: float) -> TaggedTokens:
        """The tokens of the windows of some examples that no threshold from ``least`` on leaves out.

        Raises:
            PluginError: a score is NaN or too large, with the example's id.
        """
        nothing = np.zeros(0, np.int32)
        none = cls(
            np.zeros(0, np.int64),
            np.zeros(0, np.int64),
            nothing,
            nothing,
            np.zeros(0, np.float32),
            np.zeros(0, np.bool_),
        )
        parts, base = [none], 0
        for begin, stop in blocks(features.example_index, features.token_offsets):
            tokens = _merged(examples, features, scores, begin, stop, base)
            base += len(tokens.number)
            parts.append(tokens.take(np.flatnonzero(tokens.odds >= np.minimum(least, tokens.best() - MARGIN))))
            release(features.char_start, features.char_end)
        return cls(
            number=np.concatenate([part.number for part in parts]),
            example=np.concatenate([part.example for part in parts]),
            char_start=np.concatenate([part.char_start for part in parts]),
            char_end=np.concatenate([part.char_end for part in parts]),
            odds=np.concatenate([part.odds for part in parts]),
            begins=np.concatenate([part.begins for part in parts]),
        )

    def take(self, rows: Int64) -> TaggedTokens:
        """These tokens only, in this order."""
        return TaggedTokens(
            number=self.number[rows],
            example=self.example[rows],
            char_start=self.char_start[rows],
            char_end=self.char_end[rows],
            odds=self.odds[rows],
            begins=self.begins[rows],
        )

    def best(self) -> Float32:
        """float32[t], the highest log-odds of any token of the same example."""
        if not len(self.example):
            return self.odds
        first = np.flatnonzero(ragged.begins(self.example))
        return np.repeat(np.maximum.reduceat(self.odds, first), np.diff(first, append=len(self.example)))

    def spans(self, threshold: float, longest: int) -> Spans:
        """The runs of tokens whose log-odds reach the threshold, in order; at least one of each example with a token.

        The score of a span is the mean of its tokens' log-odds. Of a run of more tokens than ``longest``, the best
        stretch of so many is kept.
        """
        owner = self.example
        best = self.best()
        least = np.where(best >= threshold, threshold, best - MARGIN)
        chosen = np.flatnonzero((self.odds >= least) & (self.odds > -np.inf))
        if not len(chosen):
            return join([])
        apart = (np.diff(self.number[chosen], prepend=-2) != 1) | self.begins[chosen]
        apart[1:] |= owner[chosen[1:]] != owner[chosen[:-1]]
        begin = np.flatnonzero(apart)
        first, last = chosen[begin], chosen[np.append(begin[1:], len(chosen)) - 1]
        first, last = self._shortened(first, last, longest)
        total = np.concatenate([[0.0], np.cumsum(np.where(self.odds > -np.inf, self.odds, 0.0), dtype=np.float64)])
        score = (total[last + 1] - total[first]) / (last + 1 - first)
        return Spans(owner[first], self.char_start[first], self.char_end[last], score.astype(np.float32))

    def _shortened(self, first: Int64, last: Int64, longest: int) -> tuple[Int64, Int64]:
        """Runs of at most so many tokens: of longer ones the stretch with the highest sum."""
        first, last = first.copy(), last.copy()
        for k in np.flatnonzero(last - first >= longest).tolist():
            odds = self.odds[first[k] : last[k] + 1].astype(np.float64)
            sums: Float64 = np.convolve(odds, np.ones(longest), "valid")
            first[k] += int(sums.argmax())
            last[k] = first[k] + longest - 1
        return first, last


def _merged(
    examples: Examples, features: Features, scores: SpanScores, begin: int, stop: int, base: int
) -> TaggedTokens:
    """The tokens of the windows from ``begin`` up to ``stop``, which are whole examples, numbered from ``base`` on."""
    assert scores.tokens is not None
    overlap = Overlap.of(features, begin, stop)
    tokens, offsets = ragged.ragged_range(features.token_offsets, begin, stop)
    inside = scores.tokens.inside[tokens]
    check_numbers(examples, inside, features.example_index[begin:stop], "a token", offsets)
    window = ragged.owners_at(offsets, overlap.place)
    size = len(overlap.first)
    odds = inside[overlap.place] - scores.null[begin:stop][window]
    merged = combined(odds, overlap.weight, overlap.token, size, "max")
    kept = overlap.place[overlap.first]
    start, end = features.char_start[tokens][kept], features.char_end[tokens][kept]
    begins = np.zeros(size, np.bool_)
    if (begin_odds := scores.tokens.begin) is not None:
        found = begin_odds[tokens][overlap.place]
        if np.isnan(found).any():
            row = features.example_index[begin:stop][window[int(np.isnan(found).argmax())]]
            raise PluginError("the model scored the start of a span NaN", where=f"example {examples.id[row]}")
        begins = combined(found, overlap.weight, overlap.token, size, "mean") > 0
        # Tokens of one and the same character cannot be in two spans.
        begins[1:] &= ragged.begins(overlap.example, start, end)[1:]
    seen = end > start
    example = overlap.example.astype(np.int64)
    number = base + np.arange(int(seen.sum()))
    return TaggedTokens(number, example[seen], start[seen], end[seen], merged[seen], begins[seen])
