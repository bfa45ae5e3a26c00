"""Questions with their contexts and gold answers, and what they are clustered by."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qatk.types.arrays import Bool, Int32, Int64, check_offsets, check_rows, freeze, ragged_rows
from qatk.types.mapped import release


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


def clusters_of(examples: Examples) -> tuple[Int64, str]:
    """int64[n], the article of each question, numbered from 0, and ``article``; or contexts, and ``context``.

    Articles are told by title; where a question has none, or all have the same, contexts stand in for them.
    """
    titles: dict[str, int] = {}
    articles = np.array([titles.setdefault(title, len(titles)) for title in examples.title], np.int64)
    return (articles, "article") if len(titles) > 1 and "" not in titles else (contexts_of(examples), "context")


def contexts_of(examples: Examples) -> Int64:
    """int64[n], the context of each question, numbered from 0."""
    return np.unique(examples.context_index, return_inverse=True)[1].astype(np.int64)
