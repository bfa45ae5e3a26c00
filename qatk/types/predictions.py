"""Predictions: one answer per question, of one or several spans, with scores and n-best spans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from qatk.errors import counted
from qatk.types.arrays import Bool, Float32, Float64, Int32, Int64, check_offsets, freeze, row_numbers
from qatk.types.ragged import owners, ragged_rows


@dataclass(frozen=True, eq=False, repr=False)
class NBest:
    """The best spans of each example, best first, without "no answer"; ragged over examples.

    Attributes:
        offsets: int64[n + 1], where each example's spans begin.
        text: k strings, exact slices of the contexts.
        char_start, char_end: int32[k], end exclusive.
        score: float32[k].
        probability: float32[k], the softmax over the example's spans and its null score.
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

    def __repr__(self) -> str:
        return f"<NBest: {counted(len(self.text), 'span')} of {counted(len(self.offsets) - 1, 'question')}>"

    def take(self, rows: Int64) -> NBest:
        """The spans of these examples only, in this order."""
        positions, offsets = ragged_rows(self.offsets, rows)
        numbers = {name: getattr(self, name)[positions] for name in ("char_start", "char_end", "score", "probability")}
        return NBest(offsets=offsets, text=[self.text[k] for k in positions], **numbers)


class Span(NamedTuple):
    """A span of an answer: its text, its characters (end exclusive; -1 if unknown) and its score."""

    text: str
    char_start: int
    char_end: int
    score: float


@dataclass(frozen=True, eq=False, repr=False)
class Spans:
    """The spans of answers that have several, in the order of the context; ragged over examples.

    Attributes:
        offsets: int64[n + 1], where each example's spans begin. An example without spans here has a single-span answer.
        text: k strings, exact slices of the contexts, never empty.
        char_start, char_end: int32[k], end exclusive; both -1 if the source of the predictions does not give them.
        score: float32[k]; NaN if the source does not give it.
    """

    offsets: Int64
    text: Sequence[str]
    char_start: Int32
    char_end: Int32
    score: Float32

    def __post_init__(self) -> None:
        k = len(self.text)
        check_offsets(self, "offsets", len(self.offsets) - 1, k)
        for name in ("char_start", "char_end"):
            freeze(self, name, np.int32, k)
        freeze(self, "score", np.float32, k)

    def __repr__(self) -> str:
        return f"<Spans: {counted(len(self.text), 'span')} of {counted(len(self.offsets) - 1, 'question')}>"

    def take(self, rows: Int64) -> Spans:
        """The spans of these examples only, in this order."""
        positions, offsets = ragged_rows(self.offsets, rows)
        numbers = {name: getattr(self, name)[positions] for name in ("char_start", "char_end", "score")}
        return Spans(offsets=offsets, text=[self.text[k] for k in positions], **numbers)

    def of(self, row: int) -> list[Span]:
        """The spans of example ``row``."""
        among = range(self.offsets[row], self.offsets[row + 1])
        numbers = (self.char_start, self.char_end, self.score)
        return [Span(self.text[k], *(column[k].item() for column in numbers)) for k in among]


@dataclass(frozen=True, eq=False, repr=False)
class Predictions:
    """One answer per example, in the order of :class:`Examples`; text ``""`` means "no answer".

    Scores are separate from texts, so that :attr:`null_odds` and ``nbest`` are enough to apply another threshold. If an
    answer has several spans, ``several`` has all of them and the other columns have the best one.

    Attributes:
        text: n strings, each an exact slice of its context or ``""``.
        char_start, char_end: int32[n], end exclusive; both -1 for "no answer".
        score: float32[n], of the best span; ``-inf`` if no span was valid.
        null_score: float32[n], of "no answer"; NaN if the source of the predictions does not give it.
        nbest: the best spans, or ``None`` if unknown.
        several: the spans of answers that have several. This includes answers that the null threshold turns into "no
            answer", so that another threshold can give them. It becomes ``None`` if no answer has several.
    """

    text: Sequence[str]
    char_start: Int32
    char_end: Int32
    score: Float32
    null_score: Float32
    nbest: NBest | None = None
    several: Spans | None = None

    def __post_init__(self) -> None:
        n = len(self.text)
        for name in ("char_start", "char_end"):
            freeze(self, name, np.int32, n)
        for name in ("score", "null_score"):
            freeze(self, name, np.float32, n)
        if self.nbest is not None and len(self.nbest.offsets) != n + 1:
            raise ValueError("Predictions.nbest is for another number of examples")
        if self.several is not None:
            self._check_several(self.several)

    def _check_several(self, several: Spans) -> None:
        if len(several.offsets) != len(self) + 1:
            raise ValueError("Predictions.several is for another number of examples")
        each = np.diff(several.offsets)
        row = owners(several.offsets)
        best = several.char_start == self.char_start[row]
        best &= several.char_end == self.char_end[row]
        holds = np.bincount(row[best], minlength=len(self)) > 0
        if len(lost := np.flatnonzero(self.answered & (each > 0) & ~holds)):
            raise ValueError(f"Predictions.several must hold the best span, and does not in row {lost[0]}")
        if not (each > 1).any():
            object.__setattr__(self, "several", None)

    def __len__(self) -> int:
        return len(self.text)

    def __repr__(self) -> str:
        return f"<Predictions: {counted(len(self), 'question')}, {int(self.answered.sum()):,} answered>"

    def take(self, rows: Int64 | Bool) -> Predictions:
        """The answers to these examples only, by number in this order or by a bool each."""
        rows = row_numbers(rows, len(self))
        numbers = {n: getattr(self, n)[rows] for n in ("char_start", "char_end", "score", "null_score")}
        nbest = None if self.nbest is None else self.nbest.take(rows)
        several = None if self.several is None else self.several.take(rows)
        return Predictions(text=[self.text[row] for row in rows], nbest=nbest, several=several, **numbers)

    def spans(self, row: int) -> list[Span]:
        """The spans of the answer to example ``row``, in the order of the context; empty for "no answer"."""
        if not self.text[row]:
            return []
        if self.several is not None and (found := self.several.of(row)):
            return found
        place = self.char_start[row].item(), self.char_end[row].item()
        return [Span(self.text[row], *place, self.score[row].item())]

    @property
    def answered(self) -> Bool:
        """bool[n]: whether there is an answer, right or wrong."""
        return answered(self.text)

    @property
    def null_odds(self) -> Float64:
        """float64[n]: null score minus best span score; the higher, the more likely there is no answer."""
        return self.null_score.astype(np.float64) - self.score


def answered(texts: Sequence[str]) -> Bool:
    """bool[n]: which of these texts are answers; ``""`` is not."""
    return np.fromiter(map(bool, texts), np.bool_, len(texts))
