"""What comes out of a model and a decoder: scores, predictions, events. Letters in shapes as in :mod:`qatk.types`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from qatk.columns import Float32, Float64, Int32, Int64, check_offsets, freeze, ragged_rows
from qatk.inputs import Features


@dataclass(frozen=True, eq=False)
class SpanCandidates:
    """Scored spans, for heads whose span score is no sum of a start and an end score.

    Attributes:
        feature: int32[k], non-decreasing: the window of each span.
        start, end: int32[k], first and last token (inclusive), positions within the window.
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
    """What a model says of each window: scores for starts and ends, or for whole spans, and for "no answer".

    Exactly one of the two forms is present: ``start`` and ``end``, or ``candidates``.

    Attributes:
        null: float32[F], the score of "no answer", on the same scale as start + end.
        start, end: float32[T] over the tokens of the features; ``-inf`` where no answer may start or end.
        candidates: scored spans.
        verifier: float32[F], that part of ``null`` that a verifier adds; ``None`` of heads without one.
    """

    null: Float32
    start: Float32 | None = None
    end: Float32 | None = None
    candidates: SpanCandidates | None = None
    verifier: Float32 | None = None

    def __post_init__(self) -> None:
        freeze(self, "null", np.float32)
        factorised = self.start is not None and self.end is not None
        if factorised == (self.candidates is not None) or (self.start is None) != (self.end is None):
            raise ValueError("SpanScores needs start and end, or candidates: one of the two forms")
        if self.verifier is not None:
            freeze(self, "verifier", np.float32, len(self.null))
        if self.start is not None and self.end is not None:
            freeze(self, "start", np.float32)
            freeze(self, "end", np.float32, len(self.start))

    def check(self, features: Features) -> None:
        """Raise ``ValueError`` unless these scores are for these features."""
        if len(self.null) != len(features):
            raise ValueError(f"scores for {len(self.null)} windows where there are {len(features)}")
        if self.start is not None and len(self.start) != len(features.input_ids):
            raise ValueError(f"scores for {len(self.start)} tokens where there are {len(features.input_ids)}")


@dataclass(frozen=True, eq=False)
class NBest:
    """The best spans of each example, best first, "no answer" not among them; ragged over examples.

    Attributes:
        offsets: int64[n + 1].
        text: exact slices of the contexts.
        char_start, char_end: int32[k], end exclusive.
        score: float32[k].
        probability: float32[k], softmax over an example's spans and its null score.
    """

    offsets: Int64
    text: Sequence[str]
    char_start: Int32
    char_end: Int32
    score: Float32
    probability: Float32

    def __post_init__(self) -> None:
        k = len(self.text)
        check_offsets(self, "offsets", len(self.offsets) - 1, k)
        for name in ("char_start", "char_end"):
            freeze(self, name, np.int32, k)
        for name in ("score", "probability"):
            freeze(self, name, np.float32, k)

    def take(self, rows: Int64) -> NBest:
        """The spans of these examples only, in this order."""
        positions, offsets = ragged_rows(self.offsets, rows)
        numbers = {name: getattr(self, name)[positions] for name in ("char_start", "char_end", "score", "probability")}
        return NBest(offsets=offsets, text=[self.text[k] for k in positions], **numbers)


@dataclass(frozen=True, eq=False)
class Predictions:
    """One answer an example, row by row with :class:`Examples`; text ``""`` is "no answer".

    Scores are kept apart from the texts: :attr:`null_odds` and ``nbest`` are enough for another threshold.

    Attributes:
        text: n strings, each an exact slice of its context or ``""``.
        char_start, char_end: int32[n], end exclusive; both -1 for "no answer".
        score: float32[n], of the best span, ``-inf`` where no span was valid.
        null_score: float32[n], of "no answer"; NaN where the source of the predictions does not give it.
        nbest: the best spans, or ``None`` where unknown.
        verifier: float32[n], that part of the null score that a verifier adds, in the window of the least null score;
            qatk fills it in, decoders need not.
    """

    text: Sequence[str]
    char_start: Int32
    char_end: Int32
    score: Float32
    null_score: Float32
    nbest: NBest | None = None
    verifier: Float32 | None = None

    def __post_init__(self) -> None:
        n = len(self.text)
        for name in ("char_start", "char_end"):
            freeze(self, name, np.int32, n)
        for name in ("score", "null_score"):
            freeze(self, name, np.float32, n)
        if self.nbest is not None and len(self.nbest.offsets) != n + 1:
            raise ValueError("Predictions.nbest is for another number of examples")
        if self.verifier is not None:
            freeze(self, "verifier", np.float32, n)

    def __len__(self) -> int:
        return len(self.text)

    def take(self, rows: Int64) -> Predictions:
        """The answers to these examples only, in this order."""
        numbers = {n: getattr(self, n)[rows] for n in ("char_start", "char_end", "score", "null_score")}
        nbest = None if self.nbest is None else self.nbest.take(rows)
        verifier = None if self.verifier is None else self.verifier[rows]
        return Predictions(text=[self.text[row] for row in rows], nbest=nbest, verifier=verifier, **numbers)

    @property
    def null_odds(self) -> Float64:
        """float64[n]: null score minus best span score; the higher, the more likely there is no answer."""
        return self.null_score.astype(np.float64) - self.score


@dataclass(frozen=True, eq=False)
class TrainEvent:
    """What a trainer's ``fit`` yields: after some steps (``step``) and after each epoch (``epoch``).

    Attributes:
        kind: ``"step"`` or ``"epoch"``.
        step, total_steps: optimizer steps taken, and planned.
        epoch: epochs finished, with fractions.
        loss: mean training loss since the last event of this kind.
        learning_rate: of the last step.
        examples_per_second: training windows a second since the last event of this kind.
        metrics: figures on the dev windows (``dev_loss``, ``start_accuracy``, ``end_accuracy``,
            ``both_accuracy``, as fractions); the core adds EM/F1 before it logs the event.
        scores: on an ``"epoch"`` event with dev windows, the model's scores for them.
    """

    kind: Literal["step", "epoch"]
    step: int
    total_steps: int
    epoch: float
    loss: float
    learning_rate: float
    examples_per_second: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    scores: SpanScores | None = None
