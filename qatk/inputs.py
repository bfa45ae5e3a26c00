"""What goes into a model: questions with contexts, and windows of tokens. Letters in shapes as in :mod:`qatk.types`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qatk.columns import Bool, Int8, Int32, Int64, check_offsets, check_rows, freeze, ragged_rows
from qatk.spool import Spool, release


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
        columns: further columns of the data by name, n strings each, ``""`` where a question has no value.
    """

    id: Sequence[str]
    question: Sequence[str]
    title: Sequence[str]
    context: Sequence[str]
    context_index: Int32
    answer_offsets: Int64 | None = None
    answer_text: Sequence[str] = ()
    answer_start: Int32 = field(default_factory=lambda: np.zeros(0, np.int32))
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.id)
        check_rows(self, "question", n)
        check_rows(self, "title", n)
        freeze(self, "context_index", np.int32, n)
        if n and not (self.context_index.min() >= 0 and self.context_index.max() < len(self.context)):
            raise ValueError("Examples.context_index points outside the contexts")
        freeze(self, "answer_start", np.int32, len(self.answer_text))
        if self.answer_offsets is not None:
            check_offsets(self, "answer_offsets", n, len(self.answer_text))
        for name, values in self.columns.items():
            if len(values) != n:
                raise ValueError(f"Examples.columns[{name!r}] has {len(values)} rows where {n} are due")

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
            columns={name: [values[i] for i in rows] for name, values in self.columns.items()},
        )
        if self.answer_offsets is None:
            return kept
        positions, offsets = ragged_rows(self.answer_offsets, rows)
        texts = [self.answer_text[k] for k in positions]
        return replace(kept, answer_offsets=offsets, answer_text=texts, answer_start=self.answer_start[positions])

    def release(self) -> None:
        """Give back the memory of mapped columns, which comes again when they are touched."""
        release(*(getattr(self, column.name) for column in fields(self)))

    def digest(self) -> str:
        """A SHA-256 hex digest of all that these examples say."""
        sha = hashlib.sha256()
        columns = {column.name: getattr(self, column.name) for column in fields(self) if column.name != "columns"}
        columns |= {f"columns.{name}": values for name, values in self.columns.items()}
        for name, value in columns.items():
            sha.update(f"{name}:{'none' if value is None else len(value)}:".encode())
            if isinstance(value, np.ndarray):
                sha.update(value.tobytes())
            elif value is not None:
                sha.update(np.fromiter(map(len, value), np.int64, len(value)).tobytes())
                for begin in range(0, len(value), 4096):  # joined, but never all of a large column at once
                    sha.update("".join(value[begin : begin + 4096]).encode("utf-8", "surrogatepass"))
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
        freeze(self, "example_index", np.int32)
        if (np.diff(self.example_index) < 0).any():
            raise ValueError("Features.example_index must not decrease")
        check_offsets(self, "token_offsets", rows, tokens)
        freeze(self, "input_ids", np.int32)
        freeze(self, "type_ids", np.int8, tokens)
        freeze(self, "char_start", np.int32, tokens)
        freeze(self, "char_end", np.int32, tokens)
        freeze(self, "null_index", np.int32, rows)
        if (self.start_target is None) != (self.end_target is None):
            raise ValueError("Features needs both start_target and end_target, or neither")
        if self.start_target is not None:
            freeze(self, "start_target", np.int32, rows)
            freeze(self, "end_target", np.int32, rows)

    def __len__(self) -> int:
        return len(self.example_index)

    def check(self, examples: Examples, *, targets: bool) -> None:
        """Raise ``ValueError`` unless these windows are of these examples, with targets where those are due."""
        if not len(self):
            raise ValueError(f"no window for {len(examples)} examples")
        if self.example_index[0] < 0 or self.example_index[-1] >= len(examples):
            last = int(self.example_index[-1])
            raise ValueError(f"windows of examples up to the {last + 1}th where there are {len(examples)}")
        if targets and not self.has_targets:
            raise ValueError("windows to train on without targets")

    @property
    def lengths(self) -> Int64:
        """int64[F]: the number of tokens of each window."""
        return np.diff(self.token_offsets)

    @property
    def has_targets(self) -> bool:
        """Whether the windows carry training targets."""
        return self.start_target is not None

    def release(self) -> None:
        """Give back the memory of mapped columns, which comes again when they are touched."""
        release(*(getattr(self, column.name) for column in fields(self)))

    def take(self, rows: NDArray[Any]) -> Features:
        """These windows only; ``rows`` must keep the order of examples."""
        positions, offsets = ragged_rows(self.token_offsets, rows)
        flat = {name: getattr(self, name)[positions] for name in ("input_ids", "type_ids", "char_start", "char_end")}
        each = {name: getattr(self, name)[rows] for name in ("example_index", "null_index")}
        if self.start_target is not None and self.end_target is not None:
            each |= {"start_target": self.start_target[rows], "end_target": self.end_target[rows]}
        return Features(token_offsets=offsets, counts=self.counts, **flat, **each)


class FeatureColumns:
    """Features that are made part by part, mapped where they are large (:mod:`qatk.spool`).

    Args:
        targets: whether the parts carry targets.
    """

    _EACH = ("example_index", "null_index")
    _FLAT = ("input_ids", "type_ids", "char_start", "char_end")
    _TARGETS = ("start_target", "end_target")

    def __init__(self, *, targets: bool) -> None:
        names = (*self._EACH, *self._FLAT, *(self._TARGETS if targets else ()))
        self._columns = {name: Spool[Any](np.int8 if name == "type_ids" else np.int32) for name in names}
        self._offsets = Spool(np.int64)
        self._offsets.append(np.zeros(1, np.int64))
        self._tokens = 0

    def append(self, part: Features, first_example: int) -> None:
        """Add windows whose ``example_index`` counts from ``first_example``."""
        for name, column in self._columns.items():
            values = getattr(part, name)
            column.append(values + np.int32(first_example) if name == "example_index" and first_example else values)
        self._offsets.append(part.token_offsets[1:] + self._tokens)
        self._tokens += len(part.input_ids)

    def features(self) -> Features:
        """All parts as one."""
        columns: dict[str, Any] = {name: column.column() for name, column in self._columns.items()}
        return Features(token_offsets=self._offsets.column(), **columns)
