"""The ``passages`` dataset: contexts that nobody has asked anything about, to pretrain on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from qatk.api import DataError, Examples, UsageError
from qatk.files import ending, named_files, read_text
from qatk.types import USUAL, text_column, usual_name, with_texts
from qatk_builtin.datasets import PassagesOptions
from qatk_builtin.datasets.table_csv import CsvForm
from qatk_builtin.datasets.table_files import ENDINGS, read_table, refuse_folder

TEXT = ".txt"
_APART = re.compile(r"\n\s*\n")


class PassagesDataset:
    """The ``passages`` dataset: each passage once, with an empty question that it does not answer."""

    def __init__(self, options: PassagesOptions) -> None:
        self.options = options

    def load(self) -> Examples:
        """Read the files.

        Raises:
            UsageError: a file is not there or has an unknown ending.
            DataError: a file cannot be read, holds no passage, or lacks the column.
        """
        sources = [self.options.path] if isinstance(self.options.path, str) else self.options.path
        found: dict[str, str] = {}
        for file in (file for source in sources for file in named_files(source)):
            for text in self._of(file):
                found.setdefault(text, file.name)
        contexts = list(found)
        number = len(contexts)
        return Examples(
            id=[str(n) for n in range(number)],
            question=[""] * number,
            title=list(found.values()),
            context=contexts,
            context_index=np.arange(number, dtype=np.int32),
            answer_offsets=np.zeros(number + 1, np.int64),
            answer_text=[],
            answer_start=np.zeros(0, np.int32),
        )

    def _of(self, file: Path) -> Iterator[str]:
        """The passages of a file, in their order, without blanks around them."""
        refuse_folder(file)
        if (kind := ending(file)) not in (TEXT, *ENDINGS):
            what = f"passages are not read from a file that ends in {kind or 'nothing'}"
            raise UsageError(what, where=str(file), fix=f"endings are {', '.join((TEXT, *ENDINGS))}")
        rows = _APART.split(read_text(file)) if kind == TEXT else self._rows(file)
        passages = [text.strip() for text in rows if text.strip()]
        if not passages:
            raise DataError("there is no passage", where=str(file), fix="leave the file out")
        yield from passages

    def _rows(self, file: Path) -> list[str]:
        form = CsvForm(self.options.delimiter, self.options.quotes)
        table, wanted = with_texts(read_table(file, form).table), self.options.column
        name = usual_name(table.column_names, "context") if wanted is None else wanted
        if name is None or name not in table.column_names:
            what = f"there is no column {' or '.join(map(repr, USUAL['context'] if wanted is None else [wanted]))}"
            there = ", ".join(map(repr, table.column_names)) or "none"
            fix = f"column: NAME says which one holds the passages; columns found: {there}"
            raise DataError(what, where=str(file), fix=fix)
        fix = "column: NAME says which one holds the passages"
        texts: list[str] = text_column(table[name], name, str(file), nulls="", fix=fix).to_pylist()
        return texts
