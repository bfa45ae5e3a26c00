"""A model's scores of all windows: of starts and ends, of candidate spans, or of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from qatk.errors import counted
from qatk.types.arrays import Float32, Int32, Int64, freeze
from qatk.types.features import Features
from qatk.types.mapped import Scalar, Spool
from qatk.types.ragged import ragged_range, ragged_rows


@dataclass(frozen=True, eq=False)
class SpanCandidates:
    """Scored spans, for heads whose span score is not the sum of a start score and an end score.

    Attributes:
        feature: int32[k], the window of each span; non-decreasing.
        start, end: int32[k], the first and last token (inclusive), as positions in the window.
        score: float32[k].
    """

    feature: Int32
    start: Int32
    end: Int32
    score: Float32

    def __post_init__(self) -> None:
        k = len(self.feature)
        for name in ("feature", "start", "end"):
            freeze(self, name, np.int32, k)
        freeze(self, "score", np.float32, k)
        if (np.diff(self.feature) < 0).any():
            raise ValueError("SpanCandidates.feature must not decrease")

    @classmethod
    def of_batch(cls, rows: Int64, shift: Int64, first: Int64, last: Int64, score: Float32) -> SpanCandidates:
        """Spans as models score them, K of each of B padded windows.

        Args:
            rows: int64[B], the windows, in any order.
            shift: int64[B], the columns of padding on the left of each.
            first: int64[B, K], the column of the first token of each span.
            last: int64[B, K], that of its last token.
            score: float32[B, K], ``-inf`` where there is no span.
        """
        order = np.argsort(rows)
        row, column = np.nonzero(score[order] != -np.inf)
        row = order[row]
        start, end = ((edge[row, column] - shift[row]).astype(np.int32) for edge in (first, last))
        return cls(rows[row].astype(np.int32), start, end, score[row, column])

    @classmethod
    def by_window(cls, parts: Sequence[SpanCandidates]) -> SpanCandidates:
        """The spans of all parts, by window; those of one window stay in order."""
        nothing = np.zeros(0, np.int32)
        parts = [cls(nothing, nothing, nothing, np.zeros(0, np.float32)), *parts]
        feature, start, end, score = (
            np.concatenate([getattr(part, column.name) for part in parts]) for column in fields(cls)
        )
        order = np.argsort(feature, kind="stable")
        return cls(feature[order], start[order], end[order], score[order])

    def offsets(self, windows: int) -> Int64:
        """int64[windows + 1]: where the spans of each window begin."""
        return np.searchsorted(self.feature, np.arange(windows + 1))

    def of_windows(self, begin: int, stop: int) -> slice:
        """Where the spans of the windows from ``begin`` up to ``stop`` lie."""
        return slice(*np.searchsorted(self.feature, [begin, stop]).tolist())


@dataclass(frozen=True, eq=False)
class TokenScores:
    """Scored tokens, for heads that tag each token.

    Attributes:
        inside: float32[T], of each token as a part of the answer, on the scale of the null score: what it has more than
            the null score of its window is the log-odds that it is one; ``-inf`` outside the context.
        begin: float32[T], the log-odds that a token of the answer begins a span, and does not go on with the span of
            the token before it; ``None`` if the head does not tell.
    """

    inside: Float32
    begin: Float32 | None = None

    def __post_init__(self) -> None:
        freeze(self, "inside", np.float32)
        if self.begin is not None:
            freeze(self, "begin", np.float32, len(self.inside))

    def take(self, tokens: Int64 | slice) -> TokenScores:
        """The scores of these tokens only."""
        return TokenScores(self.inside[tokens], None if self.begin is None else self.begin[tokens])


@dataclass(frozen=True, eq=False)
class SpanScores:
    """A model's scores of each window: of starts and ends, of whole spans, or of tokens; and of "no answer".

    Exactly one of the three forms is present: ``start`` and ``end``, ``candidates``, or ``tokens``. Heads and decoders
    that have to do with ``tokens`` say so in :attr:`qatk.api.Component.scores`.

    Attributes:
        null: float32[F], the score of "no answer", on the same scale as start + end.
        start, end: float32[T], a score for each token of the features; ``-inf`` if no answer may start or end there.
        candidates: scored spans.
        tokens: scored tokens.
    """

    null: Float32
    start: Float32 | None = None
    end: Float32 | None = None
    candidates: SpanCandidates | None = None
    tokens: TokenScores | None = None

    def __post_init__(self) -> None:
        freeze(self, "null", np.float32)
        forms = sum(form is not None for form in (self.start, self.candidates, self.tokens))
        if forms != 1 or (self.start is None) != (self.end is None):
            raise ValueError("SpanScores needs start and end, or candidates, or tokens: one of the three forms")
        if self.start is not None and self.end is not None:
            freeze(self, "start", np.float32)
            freeze(self, "end", np.float32, len(self.start))

    def among(self, features: Features, begin: int, stop: int) -> SpanScores:
        """The scores of the windows from ``begin`` up to ``stop``, of all the ``features`` that have scores."""
        if (spans := self.candidates) is not None:
            kept = spans.of_windows(begin, stop)
            feature = spans.feature[kept] - np.int32(begin)
            taken = SpanCandidates(feature, spans.start[kept], spans.end[kept], spans.score[kept])
            return SpanScores(self.null[begin:stop], candidates=taken)
        tokens, _ = ragged_range(features.token_offsets, begin, stop)
        if self.tokens is not None:
            return SpanScores(self.null[begin:stop], tokens=self.tokens.take(tokens))
        assert self.start is not None
        assert self.end is not None
        return SpanScores(self.null[begin:stop], self.start[tokens], self.end[tokens])

    def take(self, features: Features, windows: Int64) -> SpanScores:
        """The scores of these windows only.

        Args:
            features: all windows that have scores.
            windows: indices of the selected windows, rising.
        """
        if (spans := self.candidates) is not None:
            kept = np.isin(spans.feature, windows)
            feature = np.searchsorted(windows, spans.feature[kept]).astype(np.int32)
            taken = SpanCandidates(feature, spans.start[kept], spans.end[kept], spans.score[kept])
            return SpanScores(self.null[windows], candidates=taken)
        tokens, _ = ragged_rows(features.token_offsets, windows)
        if self.tokens is not None:
            return SpanScores(self.null[windows], tokens=self.tokens.take(tokens))
        assert self.start is not None
        assert self.end is not None
        return SpanScores(self.null[windows], self.start[tokens], self.end[tokens])

    def check(self, features: Features) -> None:
        """Check that these scores belong to these features.

        Raises:
            ValueError: if they do not.
        """
        if len(self.null) != len(features):
            raise ValueError(f"scores for {counted(len(self.null), 'window')} where there are {len(features)}")
        scored = self.start if self.tokens is None else self.tokens.inside
        if scored is not None and len(scored) != len(features.input_ids):
            tokens = counted(len(scored), "token")
            raise ValueError(f"scores for {tokens} where there are {len(features.input_ids)}")


def join_scores(parts: Sequence[tuple[Features, SpanScores]]) -> SpanScores:
    """The scores of the windows of all parts, one after the other, mapped where they are large; all of one form."""
    every = [scores for _, scores in parts]
    null = _joined([scores.null for scores in every])
    if tokens := [scores.tokens for scores in every if scores.tokens is not None]:
        begin = [part.begin for part in tokens if part.begin is not None]
        return SpanScores(
            null, tokens=TokenScores(_joined([part.inside for part in tokens]), _joined(begin) if begin else None)
        )
    if spans := [scores.candidates for scores in every if scores.candidates is not None]:
        before = np.cumsum([0, *(len(features) for features, _ in parts)])[:-1]
        feature = [part.feature + np.int32(shift) for part, shift in zip(spans, before, strict=True)]
        rest = {name: _joined([getattr(part, name) for part in spans]) for name in ("start", "end", "score")}
        return SpanScores(null, candidates=SpanCandidates(_joined(feature), **rest))
    start, end = (_joined([getattr(scores, name) for scores in every]) for name in ("start", "end"))
    return SpanScores(null, start, end)


def _joined(columns: Sequence[NDArray[Scalar]]) -> NDArray[Scalar]:
    whole = Spool(columns[0].dtype.type)
    for column in columns:
        whole.append(column)
    return whole.column()
