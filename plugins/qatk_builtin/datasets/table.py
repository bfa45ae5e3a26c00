"""The ``table`` dataset: files of rows of questions under any names of columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa

from qatk.api import Examples, RawExamples
from qatk.types import OneColumn, Rows, usual_name
from qatk_builtin.datasets.columns import Columned
from qatk_builtin.datasets.rows import checked_rows
from qatk_builtin.datasets.table_csv import CsvForm
from qatk_builtin.datasets.table_files import read_tables
from qatk_builtin.datasets.table_options import TableOptions
from qatk_builtin.datasets.table_streams import stream_tables


class TableDataset(Columned[TableOptions]):
    """The ``table`` dataset: files of rows, one a question; see :class:`qatk.types.Rows` for what a row may be.

    The place of an answer that is a text alone is looked for in its context; ``ambiguous`` decides where it stands
    there several times.
    """

    def load(self) -> Examples:
        """Read the files.

        Raises:
            UsageError: where a file is not there or has an unknown ending.
            DataError: where a file or a row cannot be read, with the row, or as :func:`qatk.data.strict`.
        """
        table, place = read_tables(self._paths, self._form, self._roles)
        return self._checked(self._rows(table, place), place)

    def stream(self, size: int) -> Iterator[Examples] | None:
        """Read the files in blocks of rows, where these have ids; see :class:`qatk.api.StreamingDataset`."""
        if (found := stream_tables(self._paths, size, self._form, self._roles)) is None:
            return None
        names, tables = found
        known = self.options.roles["id"] if "id" in self.options.roles else usual_name(names, "id")
        alike = OneColumn()
        return (self._checked(self._rows(table, one_column=alike)) for table in tables) if known else None

    def _checked(self, rows: Rows, place: Callable[[int], str] | None = None) -> Examples:
        return checked_rows(rows, self.options.ambiguous, self.options.bad_answers, place)

    def _read(self) -> RawExamples:
        """What stands in the files: blanks are kept, null is ``""``, and places of answers are left out, not found."""
        table, place = read_tables(self._paths, self._form, self._roles)
        return RawExamples.of_rows(self._rows(table, place), self.options.ambiguous, place)

    @property
    def _paths(self) -> list[str]:
        return [self.options.path] if isinstance(self.options.path, str) else self.options.path

    @property
    def _form(self) -> CsvForm:
        return CsvForm(self.options.delimiter, self.options.quotes)

    @property
    def _roles(self) -> dict[str, str | list[str] | None]:
        return {str(role): name for role, name in self.options.roles.items()}

    def _rows(
        self, table: pa.Table, place: Callable[[int], str] | None = None, one_column: OneColumn | None = None
    ) -> Rows:
        paths = self._paths
        where = paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
        return Rows(table, where, self._roles, self.options.columns, place, one_column, self.options.no_answer)
