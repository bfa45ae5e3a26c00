"""A model's scores of all windows: of starts and ends, or of candidate spans."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qatk.types.arrays import Float32, Int32, Int64, freeze
from qatk.types.features import Features
from qatk.types.ragged import ragged_rows


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


@dataclass(frozen=True, eq=False)
class SpanScores:
    """A model's scores of each window: of starts and ends, or of whole spans, and of "no answer".

    Exactly one of the two forms is present: ``start`` and ``end``, or ``candidates``.

    Attributes:
        null: float32[F], the score of "no answer", on the same scale as start + end.
        start, end: float32[T], a score for each token of the features; ``-inf`` if no answer may start or end there.
        candidates: scored spans.
    """

    null: Float32
    start: Float32 | None = None
    end: Float32 | None = None
    candidates: SpanCandidates | None = None

    def __post_init__(self) -> None:
        freeze(self, "null", np.float32)
        factorised = self.start is not None and self.end is not None
        if factorised == (self.candidates is not None) or (self.start is None) != (self.end is None):
            raise ValueError("SpanScores needs start and end, or candidates: one of the two forms")
        if self.start is not None and self.end is not None:
            freeze(self, "start", np.float32)
            freeze(self, "end", np.float32, len(self.start))

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
        assert self.start is not None
        assert self.end is not None
        tokens, _ = ragged_rows(features.token_offsets, windows)
        return SpanScores(self.null[windows], self.start[tokens], self.end[tokens])

    def check(self, features: Features) -> None:
        """Check that these scores belong to these features.

        Raises:
            ValueError: if they do not.
        """
        if len(self.null) != len(features):
            raise ValueError(f"scores for {len(self.null)} windows where there are {len(features)}")
        if self.start is not None and len(self.start) != len(features.input_ids):
            raise ValueError(f"scores for {len(self.start)} tokens where there are {len(features.input_ids)}")
