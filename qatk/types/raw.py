"""Questions as a source has them, right or wrong: what checks read, and what examples are made from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from qatk.errors import counted
from qatk.types.arrays import Bool, Int32, Int64, check_offsets, check_rows, freeze, row_number
from qatk.types.examples import Examples
from qatk.types.ids import is_made
from qatk.types.ragged import owners, ragged_rows
from qatk.types.starts import UNKNOWN, Ambiguous

if TYPE_CHECKING:
    from qatk.types.rows import Rows

T = TypeVar("T")


@dataclass(frozen=True, eq=False, repr=False)
class RawExamples:
    """Questions as they stand in a file, before any check: ids may stand twice, answers anywhere.

    What a source leaves out is ``""`` or ``None``. :func:`qatk.data.strict` makes :class:`Examples` of it, or says why
    that cannot be; :func:`qatk.data.check` finds all that is wrong.

    Attributes:
        id, question, title: n strings each.
        context: c distinct contexts.
        context_index: int32[n], which context each question is asked of.
        answer_offsets: int64[n + 1] into the answers.
        answer_text: the answers' texts.
        answer_start: the number that is given for each answer, whatever it is; ``None`` where none is.
        has_gold: bool[n], whether it is given what the answers of a question are, be they none.
        impossible: n values of ``is_impossible``, ``None`` where it is not given.
        ambiguous: the place that its reader takes of an answer that is given none and stands several times in its
            context; ``None``: it looks for no places.
        answer_span: as of :class:`Examples`.
        columns: further columns by name, n strings each.
        unread: the rows with cells that cannot be read as what they should be, each with what is wrong there. Nothing
            stands for such a cell in the other columns.
        place: says where a question stands in its source, by its row: ``data[0].paragraphs[2].qas[1]``.
        ids_made: whether the source has no ids, so that these stand nowhere in it.
    """

    id: Sequence[str]
    question: Sequence[str]
    title: Sequence[str]
    context: Sequence[str]
    context_index: Int32
    answer_offsets: Int64
    answer_text: Sequence[str]
    answer_start: Sequence[int | None]
    has_gold: Bool
    impossible: Sequence[bool | None]
    ambiguous: Ambiguous | None = None
    answer_span: Int32 | None = None
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    unread: Sequence[tuple[int, str]] = ()
    place: Callable[[int], str] = row_number
    ids_made: bool = False

    def __repr__(self) -> str:
        texts = f"{counted(len(self.context), 'context')}, {counted(len(self.answer_text), 'answer')}"
        return f"<RawExamples: {counted(len(self.id), 'question')}, {texts}>"

    def __post_init__(self) -> None:
        n = len(self.id)
        for name in ("question", "title", "impossible"):
            check_rows(self, name, n)
        freeze(self, "context_index", np.int32, n)
        freeze(self, "has_gold", np.bool_, n)
        check_offsets(self, "answer_offsets", n, len(self.answer_text))
        check_rows(self, "answer_start", len(self.answer_text))
        if self.answer_span is not None:
            freeze(self, "answer_span", np.int32, len(self.answer_text))

    def __len__(self) -> int:
        return len(self.id)

    @property
    def answer_owners(self) -> Int64:
        """int64[answers]: the question that each answer belongs to."""
        return owners(self.answer_offsets)

    def context_of(self, row: int) -> str:
        """The context of question ``row``."""
        return self.context[int(self.context_index[row])]

    def name_of(self, row: int) -> str:
        """How a message calls question ``row``: its id, or where it stands if its source has none."""
        return self.place(row) if self.ids_made else self.id[row]

    def name_and_place(self, row: int) -> str:
        """The id of question ``row`` and where it stands; the place alone if its source has no ids."""
        return self.place(row) if self.ids_made else f"{self.id[row]} ({self.place(row)})"

    def take(self, rows: Sequence[int]) -> RawExamples:
        """These questions only, in this order; all contexts stay."""

        def picked(values: Sequence[T]) -> list[T]:
            return [values[row] for row in rows]

        among, offsets = ragged_rows(self.answer_offsets, np.array(rows, np.int64))
        place: Callable[[int], str] = self.place
        kept = {row: new for new, row in enumerate(rows)}
        return replace(
            self,
            id=picked(self.id),
            question=picked(self.question),
            title=picked(self.title),
            context_index=self.context_index[rows],
            answer_offsets=offsets,
            answer_text=[self.answer_text[k] for k in among],
            answer_start=[self.answer_start[k] for k in among],
            has_gold=self.has_gold[rows],
            impossible=picked(self.impossible),
            answer_span=None if self.answer_span is None else self.answer_span[among],
            columns={name: picked(values) for name, values in self.columns.items()},
            unread=[(kept[row], what) for row, what in self.unread if row in kept],
            place=lambda row: place(rows[row]),
        )

    @classmethod
    def of(cls, examples: Examples, place: Callable[[int], str] = row_number) -> RawExamples:
        """What examples say, as if a file said so."""
        n = len(examples)
        gold = examples.answer_offsets
        starts = examples.answer_start.tolist()
        return cls(
            id=examples.id,
            question=examples.question,
            title=examples.title,
            context=examples.context,
            context_index=examples.context_index,
            answer_offsets=np.zeros(n + 1, np.int64) if gold is None else gold,
            answer_text=examples.answer_text,
            answer_start=[None if start == UNKNOWN else start for start in starts],
            has_gold=np.full(n, gold is not None),
            impossible=[None] * n,
            answer_span=examples.answer_span,
            columns=examples.columns,
            place=place,
            ids_made=n > 0 and all(is_made(name, *asked) for name, *asked in _with_context(examples)),
        )

    @classmethod
    def of_rows(
        cls, rows: Rows, ambiguous: Ambiguous = "first", place: Callable[[int], str] = row_number
    ) -> RawExamples:
        """What stands in rows: blanks are kept, null is ``""``, and places of answers are left out, not found."""
        unread = list[tuple[int, str]]()
        columns, starts, found = rows.as_they_stand(unread, ambiguous)
        return replace(
            cls.of(Examples(**columns), place),
            answer_start=starts,
            ambiguous=ambiguous if found else None,
            impossible=rows.impossible(unread),
            unread=unread,
            ids_made="id" not in rows.roles,
        )


def _with_context(examples: Examples) -> Iterator[tuple[str, str, str]]:
    """The id of each question, its context, and the question."""
    contexts = map(examples.context.__getitem__, examples.context_index.tolist())
    return zip(examples.id, contexts, examples.question, strict=True)
