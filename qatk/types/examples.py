"""Questions with their contexts and gold answers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import groupby
from typing import NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from qatk.errors import DataError, UsageError, counted
from qatk.types.arrays import Bool, Int32, Int64, check_offsets, check_rows, freeze, row_number, row_numbers
from qatk.types.ids import is_made
from qatk.types.mapped import release
from qatk.types.names import NamedColumns
from qatk.types.ragged import owners, ragged_rows
from qatk.types.starts import Ambiguous

_CHUNK = 4096
"""Texts that are encoded together."""
_SURROGATE = re.compile("[\ud800-\udfff]")


class Answer(NamedTuple):
    """A gold answer: its text, and the position of its first character in the context, -1 if unknown."""

    text: str
    start: int


@dataclass(frozen=True, eq=False, repr=False)
class Examples:
    r"""Questions with their contexts and, if known, their gold answers.

    A context is stored once, however many questions refer to it. The gold answers of a question are alternatives: any
    of them is right. If ``answer_span`` is given, it groups them into spans: each span has alternatives, and the answer
    needs all spans.

    Half of a surrogate pair in a text (a lone ``\ud800`` is valid JSON) raises a :class:`DataError`, because no
    tokenizer and no file accepts it; columns that do not fit together raise ``TypeError`` or ``ValueError``.

    Attributes:
        id, question, title: n strings each; ids are unique, titles may be empty.
        context: c distinct contexts.
        context_index: int32[n], the context of each question.
        answer_offsets: int64[n + 1], where each question's answers begin; ``None`` without gold answers (prediction
            only). A question with gold but without answers is unanswerable.
        answer_text: the texts of the answers.
        answer_start: int32, the position of each answer's first character in its context, -1 if unknown.
        columns: additional columns of the data by name, n strings each, ``""`` if a question has no value.
        answer_span: int32, the span of its question that each answer is an alternative for: 0, 1 ..., in this order. It
            becomes ``None`` if no question has several spans.
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
    answer_span: Int32 | None = None

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
        if self.answer_span is not None:
            self._check_spans(self.answer_span)
        for name, values in self.columns.items():
            if len(values) != n:
                raise ValueError(f"Examples.columns[{name!r}] has {counted(len(values), 'row')}, expected {n}")
        self._check_surrogates()

    def _check_surrogates(self) -> None:
        columns = {name: getattr(self, name) for name in ("id", "question", "title", "context", "answer_text")}
        for name, texts in {**columns, **self.columns}.items():
            try:
                for _ in _encoded(texts):
                    pass
            except TypeError as error:
                row = next(k for k, text in enumerate(texts) if not isinstance(text, str))
                what = f"{name} of row {row}{self._question_of(name, row)} is {texts[row]!r}, no text"
                raise TypeError(what) from error
            except UnicodeEncodeError as error:
                row = next(k for k, text in enumerate(texts) if _SURROGATE.search(text))
                what = f"half of a surrogate pair in {name} {texts[row][:60]!r}{self._question_of(name, row)}"
                raise DataError(what, fix=r"correct the \u escapes in the data: surrogates come in pairs") from error
        self.release()

    def _question_of(self, column: str, row: int) -> str:
        """Words that name the first question to which a row of a column belongs; none where there is no question."""
        if column == "context":
            asked = np.flatnonzero(self.context_index == row).tolist()
        elif column == "answer_text":
            asked = self.answer_owners[row : row + 1].tolist()
        else:
            asked = [row]
        return f" (question {self.id[asked[0]]!r})" if column != "id" and asked else ""

    def _check_spans(self, span: Int32) -> None:
        freeze(self, "answer_span", np.int32, len(self.answer_text))
        if self.answer_offsets is None:
            raise ValueError("Examples.answer_span groups answers, and there are none: answer_offsets is None")
        step = np.diff(span, prepend=np.int32(0))
        first = self.answer_offsets[:-1][self.has_answer]
        step[first] = span[first]
        if (step < 0).any() or (step > 1).any() or step[first].any():
            raise ValueError("Examples.answer_span must count the spans of each question: 0, 1 ..., in this order")
        if not span.any():
            object.__setattr__(self, "answer_span", None)

    @classmethod
    def from_rows(
        cls,
        rows: object,
        *,
        roles: NamedColumns | None = None,
        columns: Sequence[str] = (),
        ambiguous: Ambiguous = "first",
        no_answer: Sequence[str] = (),
        where: str = "the rows",
    ) -> Examples:
        """Examples of rows at hand, one a question, as the dataset ``table`` reads them from files.

        Args:
            rows: a frame of pandas or polars, a ``datasets.Dataset``, an Arrow table (or whatever else speaks Arrow's
                PyCapsule interface), a list of dicts, or a dict of columns.
            roles: which column holds the ``id``, ``question``, ``context``, ``title``, ``answers``, ``answer_start``
                ``answer_end`` or ``is_impossible``; those with usual names are found without it, which is said.
                ``None``: no column does. A list of columns for ``answers``: each holds an alternative.
            columns: further columns to read, such as those to slice by.
            ambiguous: the place of an answer that is given as a text and stands several times in its context.
            no_answer: texts that stand for no answer where one is due, in any case.
            where: what messages call the rows.

        Raises:
            UsageError: for what has no rows, a text where a list is due, and another word for ``ambiguous``.
            DataError: for columns that are not there, nulls, and answers that do not stand in their context. Answers
                with a start are not looked at: :func:`qatk.data.checked` does so, as a run does.
        """
        from qatk.types.frames import arrow_table
        from qatk.types.rows import Rows

        for name, value in (("columns", columns), ("no_answer", no_answer)):
            if isinstance(value, str):
                raise UsageError(f"{name} is {value!r}, where a list is due", fix=f"{name}=[{value!r}]")
        if ambiguous not in get_args(Ambiguous):
            raise UsageError(f"ambiguous is {ambiguous!r}", fix="use 'first', 'last' or 'unknown'")
        read = Rows(arrow_table(rows, where), where, roles, columns, no_answer=no_answer)
        fix = "mend these rows, or leave them out; qatk.data.read_rows takes all, to mend (fix) or leave out (strict)"
        return cls(**read.columns(ambiguous, if_absent=fix, if_outside=fix))

    def __len__(self) -> int:
        return len(self.id)

    def __repr__(self) -> str:
        gold = "no gold answers" if self.answer_offsets is None else f"{self.has_answer.sum():,} with an answer"
        columns = f", columns {', '.join(self.columns)}" if self.columns else ""
        return f"<Examples: {counted(len(self), 'question')}, {gold}, {counted(len(self.context), 'context')}{columns}>"

    def name_of(self, row: int) -> str:
        """How a message calls question ``row``: its id, or its number where the id was made for a row without one."""
        name = self.id[row]
        return row_number(row) if is_made(name, self.context_of(row), self.question[row]) else name

    @property
    def has_gold(self) -> bool:
        """Whether the gold answers are known."""
        return self.answer_offsets is not None

    @property
    def has_answer(self) -> Bool:
        """bool[n]: whether the context answers the question, according to the gold answers."""
        if self.answer_offsets is None:
            raise ValueError("these examples carry no gold answers")
        return np.diff(self.answer_offsets) > 0

    @property
    def spans_due(self) -> Int64:
        """int64[n]: the number of spans in the answer of each question, 0 if the context does not answer it."""
        due = self.has_answer.astype(np.int64)
        if self.answer_span is not None and self.answer_offsets is not None:
            last = self.answer_offsets[1:][self.has_answer] - 1
            due[self.has_answer] += self.answer_span[last]
        return due

    @property
    def answer_owners(self) -> Int64:
        """int64[answers]: the example that each gold answer belongs to."""
        return np.zeros(0, np.int64) if self.answer_offsets is None else owners(self.answer_offsets)

    def context_of(self, row: int) -> str:
        """The context of example ``row``."""
        return self.context[int(self.context_index[row])]

    def answers_of(self, row: int) -> list[str]:
        """The gold answers of example ``row``; empty if it has none or gold is absent."""
        if self.answer_offsets is None:
            return []
        return list(self.answer_text[self.answer_offsets[row] : self.answer_offsets[row + 1]])

    def spans_of_answer(self, row: int) -> list[list[Answer]]:
        """The spans in the answer of example ``row``, each with its alternatives; empty without answer or gold."""
        if self.answer_offsets is None:
            return []
        among = range(self.answer_offsets[row], self.answer_offsets[row + 1])
        spans = groupby(among, lambda k: 0 if self.answer_span is None else self.answer_span[k])
        return [[Answer(self.answer_text[k], int(self.answer_start[k])) for k in group] for _, group in spans]

    def spans_of(self, row: int) -> list[tuple[int, int]]:
        """The gold answers of example ``row`` with a known start, as (start, end) characters."""
        if self.answer_offsets is None:
            return []
        among = range(self.answer_offsets[row], self.answer_offsets[row + 1])
        starts = ((int(self.answer_start[k]), len(self.answer_text[k])) for k in among)
        return [(start, start + length) for start, length in starts if start >= 0]

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_] | Sequence[int]) -> Examples:
        """These examples only, by number in this order or by a bool each; contexts that are no longer used are dropped.

        Raises:
            IndexError, TypeError: as :func:`qatk.types.arrays.row_numbers`.
        """
        rows = row_numbers(rows, len(self))
        # The inverse is each row's place among the contexts that are still used: the new index.
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
        return replace(
            kept,
            answer_offsets=offsets,
            answer_text=[self.answer_text[k] for k in positions],
            answer_start=self.answer_start[positions],
            answer_span=None if self.answer_span is None else self.answer_span[positions],
        )

    def release(self) -> None:
        """Free the memory of mapped columns; they are read again when they are used."""
        release(*(getattr(self, column.name) for column in fields(self)))

    def digest(self) -> str:
        """A SHA-256 hex digest of the content of these examples."""
        sha = hashlib.sha256()
        columns = {column.name: getattr(self, column.name) for column in fields(self) if column.name != "columns"}
        if self.answer_span is None:
            del columns["answer_span"]  # so that the digest of single answers is what it was before there were others
        columns |= {f"columns.{name}": values for name, values in self.columns.items()}
        for name, value in columns.items():
            sha.update(f"{name}:{'none' if value is None else len(value)}:".encode())
            if isinstance(value, np.ndarray):
                sha.update(value.tobytes())
            elif value is not None:
                sha.update(np.fromiter(map(len, value), np.int64, len(value)).tobytes())
                for data in _encoded(value):
                    sha.update(data)
        return sha.hexdigest()


def _encoded(texts: Sequence[str]) -> Iterator[bytes]:
    """The texts joined, in UTF-8; never all of a large column at once."""
    return ("".join(texts[begin : begin + _CHUNK]).encode() for begin in range(0, len(texts), _CHUNK))
