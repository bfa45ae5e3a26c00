"""The types that cross between components: frozen columns in Arrow's layout (flat values and offsets).

Nothing here is padded and nothing here is torch. Every type checks its shapes and dtypes when it is made,
and marks its arrays read-only. Letters in shapes: n examples, c distinct contexts, F features (windows),
T tokens of all features together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Int8 = NDArray[np.int8]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]


def _freeze(owner: object, name: str, dtype: type, length: int | None = None) -> None:
    """Replace the array ``owner.name`` by a read-only view, after checking its form."""
    value = getattr(owner, name)
    where = f"{type(owner).__name__}.{name}"
    if not isinstance(value, np.ndarray) or value.dtype != dtype or value.ndim != 1:
        seen = f"{value.dtype}{list(value.shape)}" if isinstance(value, np.ndarray) else type(value).__name__
        raise TypeError(f"{where} must be a flat {np.dtype(dtype)} array, not {seen}")
    if length is not None and len(value) != length:
        raise ValueError(f"{where} has {len(value)} values where {length} are due")
    view = value.view()
    view.flags.writeable = False
    object.__setattr__(owner, name, view)


def _check_offsets(owner: object, name: str, rows: int, values: int) -> None:
    """Check that ``owner.name`` are offsets int64[rows + 1] that rise from 0 to ``values``."""
    _freeze(owner, name, np.int64, rows + 1)
    offsets = getattr(owner, name)
    if offsets[0] != 0 or offsets[-1] != values or (np.diff(offsets) < 0).any():
        raise ValueError(f"{type(owner).__name__}.{name} must rise from 0 to {values}")


def _check_rows(owner: object, name: str, rows: int) -> None:
    if len(getattr(owner, name)) != rows:
        raise ValueError(f"{type(owner).__name__}.{name} has {len(getattr(owner, name))} rows where {rows} are due")


def ragged_rows(offsets: Int64, rows: NDArray[Any]) -> tuple[Int64, Int64]:
    """Positions of the flat values of some rows, and the offsets of these rows among themselves.

    Args:
        offsets: int64[rows in all + 1].
        rows: indices of the rows wanted, in the order wanted.
    """
    lengths = np.diff(offsets)[rows]
    new = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(lengths, out=new[1:])
    positions = np.arange(new[-1]) + np.repeat(offsets[:-1][rows] - new[:-1], lengths)
    return positions, new


@dataclass(frozen=True, eq=False)
class Examples:
    """Questions with their contexts and, where known, their gold answers.

    A context is stored once, however many questions are asked of it.

    Attributes:
        id, question, title: n strings each; ids are unique, titles may be empty.
        context: c distinct contexts.
        context_index: int32[n], which context each question is asked of.
        answer_offsets: int64[n + 1] into the answers, or ``None`` where gold is absent (prediction only).
            A question with gold but no answers is unanswerable.
        answer_text: the answers' texts.
        answer_start: int32, the character at which each answer starts in its context, -1 where unknown.
    """

    id: Sequence[str]
    question: Sequence[str]
    title: Sequence[str]
    context: Sequence[str]
    context_index: Int32
    answer_offsets: Int64 | None = None
    answer_text: Sequence[str] = ()
    answer_start: Int32 = field(default_factory=lambda: np.zeros(0, np.int32))

    def __post_init__(self) -> None:
        n = len(self.id)
        _check_rows(self, "question", n)
        _check_rows(self, "title", n)
        _freeze(self, "context_index", np.int32, n)
        if n and not (self.context_index.min() >= 0 and self.context_index.max() < len(self.context)):
            raise ValueError("Examples.context_index points outside the contexts")
        _freeze(self, "answer_start", np.int32, len(self.answer_text))
        if self.answer_offsets is not None:
            _check_offsets(self, "answer_offsets", n, len(self.answer_text))

    def __len__(self) -> int:
        return len(self.id)

    @property
    def has_gold(self) -> bool:
        """Whether the gold answers are known."""
        return self.answer_offsets is not None

    @property
    def has_answer(self) -> Bool:
        """bool[n]: whether the gold says that the context answers the question."""
        if self.answer_offsets is None:
            raise ValueError("these examples carry no gold answers")
        return np.diff(self.answer_offsets) > 0

    def context_of(self, row: int) -> str:
        """The context of example ``row``."""
        return self.context[int(self.context_index[row])]

    def answers_of(self, row: int) -> list[str]:
        """The gold answers of example ``row``; empty where it has none or gold is absent."""
        if self.answer_offsets is None:
            return []
        return list(self.answer_text[self.answer_offsets[row] : self.answer_offsets[row + 1]])

    def spans_of(self, row: int) -> list[tuple[int, int]]:
        """The gold answers of example ``row`` as (start, end) characters, those with a known start."""
        if self.answer_offsets is None:
            return []
        among = range(self.answer_offsets[row], self.answer_offsets[row + 1])
        starts = ((int(self.answer_start[k]), len(self.answer_text[k])) for k in among)
        return [(start, start + length) for start, length in starts if start >= 0]

    def take(self, rows: NDArray[Any] | Sequence[int]) -> Examples:
        """These examples only, in this order; contexts no longer used are dropped."""
        rows = np.asarray(rows, np.int64)
        used, index = np.unique(self.context_index[rows], return_inverse=True)
        kept = Examples(
            id=[self.id[i] for i in rows],
            question=[self.question[i] for i in rows],
            title=[self.title[i] for i in rows],
            context=[self.context[i] for i in used],
            context_index=index.astype(np.int32),
        )
        if self.answer_offsets is None:
            return kept
        positions, offsets = ragged_rows(self.answer_offsets, rows)
        texts = [self.answer_text[k] for k in positions]
        return replace(kept, answer_offsets=offsets, answer_text=texts, answer_start=self.answer_start[positions])

    def digest(self) -> str:
        """A SHA-256 hex digest of all that these examples say."""
        sha = hashlib.sha256()
        for column in fields(self):
            value = getattr(self, column.name)
            sha.update(f"{column.name}:".encode())
            if isinstance(value, np.ndarray):
                sha.update(value.tobytes())
            elif value is not None:
                for text in value:
                    sha.update(f"{len(text)}:{text}".encode("utf-8", "surrogatepass"))
        return sha.hexdigest()


@dataclass(frozen=True, eq=False)
class Features:
    """Tokenized windows: a feature is one window over one example. Ragged, never padded.

    Attributes:
        example_index: int32[F], non-decreasing: which example a window belongs to.
        token_offsets: int64[F + 1] into the token columns.
        input_ids: int32[T].
        type_ids: int8[T], the token type ids (all 0 for models that have none).
        char_start, char_end: int32[T], the characters of the example's context that a token covers
            (end exclusive); both -1 for tokens outside the context.
        null_index: int32[F], position within its window of the token that stands for "no answer" (CLS).
        start_target, end_target: int32[F], positions within the window of the first and last token of the
            answer, both ``null_index`` where the window holds no answer; ``None`` without targets.
        counts: what a user should know about the making, such as ``questions_cut``.
    """

    example_index: Int32
    token_offsets: Int64
    input_ids: Int32
    type_ids: Int8
    char_start: Int32
    char_end: Int32
    null_index: Int32
    start_target: Int32 | None = None
    end_target: Int32 | None = None
    counts: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rows, tokens = len(self.example_index), len(self.input_ids)
        _freeze(self, "example_index", np.int32)
        if (np.diff(self.example_index) < 0).any():
            raise ValueError("Features.example_index must not decrease")
        _check_offsets(self, "token_offsets", rows, tokens)
        _freeze(self, "input_ids", np.int32)
        _freeze(self, "type_ids", np.int8, tokens)
        _freeze(self, "char_start", np.int32, tokens)
        _freeze(self, "char_end", np.int32, tokens)
        _freeze(self, "null_index", np.int32, rows)
        if (self.start_target is None) != (self.end_target is None):
            raise ValueError("Features needs both start_target and end_target, or neither")
        if self.start_target is not None:
            _freeze(self, "start_target", np.int32, rows)
            _freeze(self, "end_target", np.int32, rows)

    def __len__(self) -> int:
        return len(self.example_index)

    @property
    def lengths(self) -> Int64:
        """int64[F]: the number of tokens of each window."""
        return np.diff(self.token_offsets)

    @property
    def has_targets(self) -> bool:
        """Whether the windows carry training targets."""
        return self.start_target is not None

    def take(self, rows: NDArray[Any]) -> Features:
        """These windows only; ``rows`` must keep the order of examples."""
        positions, offsets = ragged_rows(self.token_offsets, rows)
        flat = {name: getattr(self, name)[positions] for name in ("input_ids", "type_ids", "char_start", "char_end")}
        each = {name: getattr(self, name)[rows] for name in ("example_index", "null_index")}
        if self.start_target is not None and self.end_target is not None:
            each |= {"start_target": self.start_target[rows], "end_target": self.end_target[rows]}
        return Features(token_offsets=offsets, counts=self.counts, **flat, **each)


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
            _freeze(self, name, np.int32, k)
        _freeze(self, "score", np.float32, k)
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
    """

    null: Float32
    start: Float32 | None = None
    end: Float32 | None = None
    candidates: SpanCandidates | None = None

    def __post_init__(self) -> None:
        _freeze(self, "null", np.float32)
        factorised = self.start is not None and self.end is not None
        if factorised == (self.candidates is not None) or (self.start is None) != (self.end is None):
            raise ValueError("SpanScores needs start and end, or candidates: one of the two forms")
        if self.start is not None and self.end is not None:
            _freeze(self, "start", np.float32)
            _freeze(self, "end", np.float32, len(self.start))

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
        _check_offsets(self, "offsets", len(self.offsets) - 1, k)
        for name in ("char_start", "char_end"):
            _freeze(self, name, np.int32, k)
        for name in ("score", "probability"):
            _freeze(self, name, np.float32, k)


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
    """

    text: Sequence[str]
    char_start: Int32
    char_end: Int32
    score: Float32
    null_score: Float32
    nbest: NBest | None = None

    def __post_init__(self) -> None:
        n = len(self.text)
        for name in ("char_start", "char_end"):
            _freeze(self, name, np.int32, n)
        for name in ("score", "null_score"):
            _freeze(self, name, np.float32, n)
        if self.nbest is not None and len(self.nbest.offsets) != n + 1:
            raise ValueError("Predictions.nbest is for another number of examples")

    def __len__(self) -> int:
        return len(self.text)

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
