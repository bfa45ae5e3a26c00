"""By which normaliser each question's answers are compared: one for all, or the one that a column names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from qatk.errors import DataError, UsageError
from qatk.languages.english import normalise_answers
from qatk.types import Examples, Int64, RawExamples

DEFAULT = "en"
"""The normaliser of those who name none: the official SQuAD script's."""
Normalise = Callable[[Sequence[str]], Sequence[str]]
"""Normal forms of texts: tokens, separated by single blanks."""
Data = Examples | RawExamples
Find = Callable[[str], Normalise]
"""Finds the normaliser of a name. Raises :class:`qatk.errors.UsageError` for an unknown one."""


def _no_other(name: str) -> Normalise:
    raise UsageError(f"no normaliser is called {name!r}", fix=f"without plugins there is {DEFAULT}")


@dataclass(frozen=True, eq=False)
class Normalisation:
    """By which normaliser the answers to each question are compared.

    Attributes:
        language: the name of the normaliser for all questions, unless there is a ``column``.
        column: the column of the data that names each question's normaliser.
        find: finds normalisers by name; the default knows ``en`` alone.
    """

    language: str = DEFAULT
    column: str | None = None
    find: Find = _no_other
    _found: dict[str, Normalise] = field(default_factory=dict, init=False, repr=False)

    def by(self, name: str) -> Normalise:
        """The normaliser of this name. Raises :class:`UsageError` for an unknown one."""
        if name == DEFAULT:
            return normalise_answers
        if name not in self._found:
            self._found[name] = self.find(name)
        return self._found[name]

    def groups(self, data: Data) -> Iterator[tuple[Normalise, Int64 | None]]:
        """Each normaliser with the rows (int64) of its questions; ``None`` where it is that of all.

        Raises:
            DataError: if the data has no such column, or a question has no normaliser there.
        """
        names = self.names(data)
        if len(names) == 1:
            yield self.by(names[0]), None
            return
        values = np.array(self._values(data), object)
        for name in names:
            yield self.by(name), np.flatnonzero(values == name)

    def names(self, data: Data) -> list[str]:
        """The normalisers of these questions, sorted; raises as :meth:`groups` does."""
        if self.column is None:
            return [self.language]
        values = self._values(data)
        names = sorted(set(values)) or [self.language]
        for name in names:
            try:
                if not name:
                    raise UsageError("", fix="fill the column, or leave the question out")
                self.by(name)
            except UsageError as error:
                lacking = [data.id[row] for row, value in enumerate(values) if value == name]
                what = f"question {lacking[0]!r} has no language in column {self.column!r}"
                if name:
                    what = f"question {lacking[0]!r} has language {name!r}, for which there is no normaliser"
                more = f"; so have {len(lacking) - 1:,} more" if len(lacking) > 1 else ""
                raise DataError(f"{what}{more}", where=f"column {self.column}", fix=error.fix) from None
        return names

    def name_of(self, data: Data) -> str:
        """What results call it: the normaliser's name, or the names in the column."""
        return ", ".join(self.names(data))

    def names_of_rows(self, data: Data) -> Sequence[str]:
        """N names, the normaliser of each question."""
        return [self.language] * len(data) if self.column is None else self._values(data)

    def texts(self, data: Data, texts: Sequence[str]) -> list[str]:
        """The normal forms of n texts, row by row."""
        if self.column is None:
            return list(self.by(self.language)(texts))
        self.names(data)
        return self._each(self._values(data), texts)

    def answers(self, data: Data) -> list[str]:
        """The normal forms of all gold answers."""
        if self.column is None:
            return list(self.by(self.language)(data.answer_text)) if len(data.answer_text) else []
        self.names(data)
        values = self._values(data)
        return self._each([values[row] for row in data.answer_owners.tolist()], data.answer_text)

    def _each(self, names: Sequence[str], texts: Sequence[str]) -> list[str]:
        forms = list(texts)
        for name in dict.fromkeys(names):
            rows = [row for row, of in enumerate(names) if of == name]
            for row, form in zip(rows, self.by(name)([texts[row] for row in rows]), strict=True):
                forms[row] = form
        return forms

    def text(self, data: Data, row: int, text: str) -> str:
        """The normal form of one text that belongs to question ``row``."""
        return self.forms(data, row, [text])[0]

    def forms(self, data: Data, row: int, texts: Sequence[str]) -> Sequence[str]:
        """The normal forms of texts that belong to question ``row``."""
        return self.by(self.language if self.column is None else self._values(data)[row])(texts)

    def _values(self, data: Data) -> Sequence[str]:
        assert self.column is not None
        if self.column not in data.columns:
            known = ", ".join(data.columns) or "none"
            what = f"there is no column {self.column!r} that names languages (columns read: {known})"
            raise DataError(what, fix=f"read it with the data: `columns: [{self.column}]` beside the path or name")
        return data.columns[self.column]


ENGLISH = Normalisation()
"""The official SQuAD script's, for all questions."""
