"""Rows of questions under any names of columns: which column holds what, and answers as texts or as places."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qatk.errors import DataError, DataWarning, counted, listed
from qatk.types.arrays import row_number
from qatk.types.flags import flags_differ
from qatk.types.further import ALL_COLUMNS, NoColumn
from qatk.types.names import NamedColumns, setting_of
from qatk.types.places import Place, places_of, quoted
from qatk.types.roles import OneColumn, one_each, roles_of
from qatk.types.starts import NOWHERE, UNKNOWN, Ambiguous
from qatk.types.tables import Columns, check_names, columns_of_table, text_column, with_texts
from qatk.word_bounds import starts_of

_TEXTS = ("id", "question", "context", "title")
_FLAGS: dict[str, bool | None] = {
    **dict.fromkeys(("true", "yes", "1", "1.0"), True),
    **dict.fromkeys(("false", "no", "0", "0.0"), False),
    **dict.fromkeys(("", "none", "null", "nan"), None),
}
_FLAGS_SAID = "true, yes or 1 (no answer), false, no or 0, or nothing"


class Rows:
    """A table of questions, and which of its columns holds what.

    Of what ``roles`` does not name, columns with usual names are taken, which is said; places of answers are not looked
    for where the answers have theirs. Answers are one text, a list of texts, SQuAD's ``{text: [...], answer_start:
    [...]}`` (in a cell also as JSON), or places: ``answer_start`` beside texts, or ``answer_start`` and ``answer_end``
    (exclusive) alone. Several columns of answers hold alternatives, one each. A whole number is an answer by its
    digits, and bytes in UTF-8 are a text. An empty cell or list is "no answer"; without any of these columns gold is
    absent.

    Args:
        table: a ``pyarrow.Table``.
        where: what messages call it.
        roles: the column that holds the ``id``, ``question``, ``context``, ``title``, ``answers``, ``answer_start``
            or ``answer_end``, or says by true and false that a question ``is_impossible``, which is held against the
            answers: without gold it is a further column. ``None``: none does. A list of several for ``answers``.
        columns: further columns to read.
        place: says where a row stands, its file included, for messages; ``None`` counts rows from 0.
        one_column: what has looked at the rows before these, where they are a block of more.
        no_answer: texts that say that there is no answer, where one is due; in any case.

    Raises:
        DataError: for a table without rows, or without a column that is named or needed, with those that it has;
            places of answers without answers need the column of these, and several columns of answers have none. Also
            where answers are in another column with a usual name in some rows.
    """

    def __init__(
        self,
        table: pa.Table,
        where: str,
        roles: NamedColumns | None = None,
        columns: Sequence[str] = (),
        place: Callable[[int], str] | None = None,
        one_column: OneColumn | None = None,
        no_answer: Sequence[str] = (),
    ) -> None:
        table = with_texts(table)
        self._no_answer = {text.strip().casefold() for text in no_answer}
        self.table, self.where, self.further = table, where, columns
        self._place, self._files_named = place or row_number, place is not None
        if not table.num_rows:
            raise DataError("there are no rows", where=where, fix="one row a question is due")
        check_names(table, where)
        single, self._alternatives = one_each(table, where, roles or {})
        self.roles = roles_of(table.drop_columns(self._alternatives), where, single)
        self._otherwise = ""
        if "answers" in self.roles and "answers" not in single:
            name = self.roles["answers"]
            (one_column or OneColumn()).check(table, where, name, self.roles, self._place)
            if name != "answers":
                self._otherwise = f"; if {name!r} holds something else: {setting_of('answers', 'null')}"
        if self._alternatives and "answer_start" in self.roles:
            what = f"answers in several columns cannot have places, which {self.roles['answer_start']!r} would give"
            raise DataError(what, where=where, fix=f"{setting_of('answer_start', 'null')}, has them looked for")

    def columns(self, ambiguous: Ambiguous, *, if_absent: str | None = None, if_outside: str | None = None) -> Columns:
        """The columns of examples; the place of an answer that is a text alone is looked for in its context.

        ``is_impossible`` that says other than the answers is warned of and not followed.

        Args:
            ambiguous: the place of one that stands there several times.
            if_absent: what to do about answers that do not stand in their context, for the error; ``None`` gives them
                a place where they do not stand.
            if_outside: what to do about places outside of the context, for the error; ``None`` leaves them without
                text, which is for readers that leave such answers out.

        Raises:
            DataError: for such answers, for nulls, and for values of other types, with the row.
        """
        texts = {role: _filled(self.table[self.roles[role]]) for role in _TEXTS if role in self.roles}
        answers, outside = self._answers()
        if outside and if_outside is not None:
            what = f"{counted(len(outside), 'answer', 'lies')} outside the context:{_below(outside)}"
            raise DataError(what, where=self.where, fix=f"answer_end is the character after the last; {if_outside}")
        if answers is not None:
            self._check_flags(answers)
            answers = self._located(answers, texts["context"].to_pylist(), ambiguous, if_absent)
        return self._canonical(texts, answers)

    def as_they_stand(
        self, unread: list[tuple[int, str]], ambiguous: Ambiguous
    ) -> tuple[Columns, list[int | None], bool]:
        """The columns, the start that each answer is given, and whether :meth:`columns` looks for all that are not.

        Blanks stay, null is ``""``. Rows with cells that cannot be read are noted in ``unread``, with what is wrong: a
        start that is no position counts as not given, an answer that is no text is left out. Where some answers are
        said to be of unknown place, the others that have none are given it, as :meth:`columns` does.
        """
        texts = {
            role: text_column(self.table[self.roles[role]], role, self.where, nulls="", numbers=role in ("id", "title"))
            for role in _TEXTS
            if role in self.roles
        }
        answers, _ = self._answers(unread)
        given = {start for places in answers or () for _, start in places}
        if answers is not None and given >= {UNKNOWN, None}:
            answers = self._located(answers, texts["context"].to_pylist(), ambiguous, None)
        starts = [start for places in answers or () for _, start in places]
        known = [None if start == UNKNOWN else start for start in starts]
        return self._canonical(texts, answers), known, UNKNOWN not in given

    def impossible(self, unread: list[tuple[int, str]] | None = None) -> list[bool | None]:
        """What each row says of whether its question has no answer.

        Other values raise :class:`DataError`, or are noted in ``unread``; the rows in it say nothing.
        """
        if "is_impossible" not in self.roles:
            return [None] * self.table.num_rows
        name = self.roles["is_impossible"]
        values = [(value, str(value).strip().lower()) for value in self.table[name].to_pylist()]
        fix = f"{_FLAGS_SAID}; if the column holds something else: {setting_of('is_impossible', 'null')}"
        other = [quoted(value) for value, said in values if said not in _FLAGS]
        if len(other) > 1 and all(_FLAGS.get(said) is None for _, said in values):
            what = f"nothing in {name!r} says whether there is an answer: it holds {listed(other)}"
            raise DataError(what, where=self.where, fix=fix)
        for row, (value, said) in enumerate(values):
            if said not in _FLAGS:
                what = f"{quoted(value)} does not say whether there is an answer"
                if unread is None:
                    raise DataError(what, where=self._at(row), fix=fix)
                unread.append((row, what))
        unknown = {row for row, _ in unread or ()}
        return [None if row in unknown else _FLAGS[said] for row, (_, said) in enumerate(values)]

    def _check_flags(self, answers: Sequence[Sequence[Place]]) -> None:
        flags = enumerate(zip(self.impossible(), answers, strict=True))
        if differing := [row for row, (flag, places) in flags if flag is not None and flag is bool(places)]:
            ids = self._names()
            warnings.warn(flags_differ([ids[row] for row in differing], self.where), stacklevel=4)

    def _names(self) -> list[str]:
        """What messages call each row: its id, else where it stands."""
        if "id" in self.roles:
            return list(map(str, self.table[self.roles["id"]].to_pylist()))
        return list(map(self._place, range(self.table.num_rows)))

    def _at(self, row: int) -> str:
        """Where a row stands, its file included, and its id where it has one."""
        at = self._place(row) if self._files_named else f"{self.where}: {self._place(row)}"
        name = self.table[self.roles["id"]][row].as_py() if "id" in self.roles else None
        return at if name is None else f"{at} ({name})"

    def _canonical(
        self, texts: Mapping[str, pa.ChunkedArray | pa.Array], answers: Sequence[Sequence[Place]] | None
    ) -> Columns:
        columns: dict[str, pa.ChunkedArray | pa.Array] = dict(texts)
        if answers is not None:
            columns["answers"] = _arrow_answers(answers)
        taken = [*self.roles.values(), *self._alternatives]
        free = [name for name in self.table.column_names if name not in {*columns, *taken}]
        wanted = free if ALL_COLUMNS in self.further else self.further
        columns |= {name: self.table[name] for name in wanted if name in self.table.column_names}
        if ALL_COLUMNS not in self.further and (absent := [name for name in self.further if name not in columns]):
            raise NoColumn(absent[0], self.table.column_names, taken, self.where)
        return columns_of_table(pa.table(columns), self.where, self.further, self._place)

    def _answers(self, unread: list[tuple[int, str]] | None = None) -> tuple[list[list[Place]] | None, list[str]]:
        """The answers of each row with the places that it gives, ``None`` without gold; and places out of contexts.

        What cannot be read raises :class:`DataError`, or is noted in ``unread``.
        """
        table, roles = self.table, self.roles
        if not {"answers", "answer_start"} & roles.keys():
            return None, []
        columns = {
            role: table[roles[role]].to_pylist() if role in roles else [None] * table.num_rows
            for role in ("answers", "answer_start", "answer_end", "context")
        }
        if self._alternatives:
            several = [columns["answers"], *(table[name].to_pylist() for name in self._alternatives)]
            columns["answers"] = list(map(list, zip(*several, strict=True)))
        answers, outside = [], []
        for row, values in enumerate(zip(*columns.values(), strict=True)):
            noted: list[str] = []
            try:
                answers.append(self._due(places_of(*values, outside=noted)))
            except DataError as error:
                if unread is None:
                    raise DataError(error.what, where=self._at(row), fix=f"{error.fix}{self._otherwise}") from None
                unread.append((row, error.what))
                answers.append(self._due(_without_starts(values[0])))
            outside += [f"{self._place(row)}: {note}" for note in noted]
        return answers, outside

    def _due(self, places: list[Place]) -> list[Place]:
        """Those that do not say that there is no answer."""
        return [place for place in places if place[0].strip().casefold() not in self._no_answer]

    def _located(
        self, answers: list[list[Place]], contexts: Sequence[object], ambiguous: Ambiguous, if_absent: str | None
    ) -> list[list[Place]]:
        """The answers with the places of those that are texts alone."""
        absent, several = [], []
        ids = self._names()
        for row, places in enumerate(answers):
            for k, (text, start) in enumerate(places):
                if start == UNKNOWN:  # which says so, and is not to be looked for
                    places[k] = text, None
                if start is not None or not isinstance(context := contexts[row], str):
                    continue
                starts = starts_of(text, context)
                if not starts:
                    absent.append((ids[row], text))
                elif len(starts) > 1:
                    several.append(ids[row])
                    if ambiguous == "unknown":
                        continue
                # What stands nowhere is given a place where it does not stand: its reader decides over it.
                places[k] = text, (starts or [NOWHERE])[0 if ambiguous == "first" else -1]
        if absent and if_absent is not None:
            lines = [f"{name}: {text[:60]!r}" for name, text in absent]
            what = f"{counted(len(absent), 'answer', 'is')} not in the context:{_below(lines)}"
            (text, times), *_ = Counter(text for _, text in absent).most_common(1)
            none = f"; if {text[:60]!r} says that there is no answer: no_answer: [{text[:60]!r}]" if times > 1 else ""
            raise DataError(what, where=self.where, fix=if_absent + none + self._otherwise)
        if several:
            what = f"{counted(len(several), 'answer', 'stands')} several times in the context ({listed(several)})"
            rule = {"first": "the first place is taken", "last": "the last place is taken"}
            said = rule.get(ambiguous, "their places stay unknown: they can be scored but not trained on")
            warnings.warn(DataWarning(f"{self.where}: {what}: {said} (ambiguous: {ambiguous})"), stacklevel=4)
        return answers


def _without_starts(answers: object) -> list[Place]:
    """The answers of a row that is wrong, as far as they are texts."""
    with suppress(DataError):
        return places_of(answers, None, None, None, outside=[])
    return []


def _below(lines: Sequence[str]) -> str:
    """The first lines, below what is said of them."""
    return "".join(f"\n    {line}" for line in [*lines[:10], *(["..."] if len(lines) > 10 else [])])


def _filled(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column, with null for blanks: they are no question and no context."""
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column
    blank = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(column), ""), False).to_numpy()
    if not blank.any():
        return column
    # if_else would say it shorter, but pyarrow 18 to 23 gives it wrong offsets for slices, as blocks of a file are.
    column = column.cast(pa.large_string())  # take makes it one array, and one of strings ends at 2 GiB
    return column.take(pa.array(np.arange(len(blank)), mask=blank))


def _arrow_answers(answers: Sequence[Sequence[Place]]) -> pa.Array:
    kind = pa.list_(pa.struct([("text", pa.string()), ("answer_start", pa.int64())]))
    rows = [[{"text": text, "answer_start": start} for text, start in places] for places in answers]
    return pa.array(rows, kind)
