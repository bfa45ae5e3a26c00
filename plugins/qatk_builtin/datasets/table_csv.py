"""CSV and TSV files to Arrow tables of texts, however their cells are parted."""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections.abc import Iterable
from functools import reduce
from itertools import chain
from pathlib import Path
from typing import IO, NamedTuple, TextIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from typing_extensions import TypedDict

from qatk.api import DataError, DataWarning
from qatk.display import counted
from qatk.files import SEP, beginning_of, ending
from qatk.types import Int64
from qatk_builtin.datasets.table_places import FileRows, spreadsheet_rows

ENDINGS = (".csv", ".tsv")
_BLOCK = 1 << 24
_HIDDEN = re.compile(rf"[\s,;]*{SEP.pattern}[\r\n]", re.IGNORECASE)
"""It shows no such line."""


class CsvForm(NamedTuple):
    """How cells are written in files of CSV and TSV."""

    delimiter: str | None = None
    """What parts them; ``None``: what a line ``sep=`` says, else a tab in TSV and what the header says in CSV."""
    quotes: bool = True
    """Whether quotes around a cell are not of it."""


AS_USUAL = CsvForm()


class ArrowOptions(TypedDict):
    """The options of Arrow's readers."""

    read_options: pyarrow.csv.ReadOptions
    parse_options: pyarrow.csv.ParseOptions
    convert_options: pyarrow.csv.ConvertOptions


def csv_rows(text: str, path: Path, form: CsvForm) -> FileRows:
    """The rows of a file; see :func:`arrow_options` and :func:`without_empty`."""
    size = min(max(_BLOCK, 2 * len(text)), (1 << 31) - 1)
    options = arrow_options(io.StringIO(text, newline=""), ending(path), form, size)
    data = CheckedCsv(io.BytesIO(text.encode()), options, path).read()
    table = pyarrow.csv.read_csv(pa.BufferReader(data), **options)
    skipped, hidden = options["read_options"].skip_rows, _HIDDEN.match(text) is not None
    numbers = spreadsheet_rows(text, table.num_rows, skipped=skipped, hidden=hidden, quotes=form.quotes)
    table, kept = without_empty(table, path)
    return FileRows(table, path, numbers if len(kept) == len(numbers) else [numbers[row] for row in kept.tolist()])


def without_empty(table: pa.Table, path: Path) -> tuple[pa.Table, Int64]:
    """The table without what spreadsheets leave: empty rows, empty columns without a name; a warning counts them.

    Returns:
        the table, and which of the rows are kept.
    """
    named = [k for k, name in enumerate(table.column_names) if name.strip() or _is_filled(table.column(k))]
    left = {"unnamed empty column": table.num_columns - len(named)}
    table, kept = table.select(named), np.arange(table.num_rows)
    if named and all(column.null_count for column in table.columns):
        filled = reduce(pc.or_, map(pc.is_valid, table.columns))
        kept = np.flatnonzero(filled.to_numpy())
        left["empty row"] = table.num_rows - len(kept)
        table = table.filter(filled) if left["empty row"] else table  # take would join the chunks: 2 GiB at most
    if said := [counted(number, what) for what, number in left.items() if number]:
        warnings.warn(DataWarning(f"{path}: left out: {', '.join(said)}"), stacklevel=2)
    return table, kept


def _is_filled(column: pa.ChunkedArray) -> bool:
    return bool(column.null_count < len(column))


def arrow_options(text: TextIO, kind: str, form: CsvForm, size: int) -> ArrowOptions:
    """How a file is read, in blocks of ``size`` bytes: every cell is a text, whatever it looks like, and "" is null.

    Args:
        text: the file, from its beginning; see :func:`qatk.files.beginning_of`.
        kind: its ending.
        form: how its cells are written.
        size: the bytes of a block.
    """
    skipped, first, delimiter = beginning_of(text, kind, form.delimiter, quotes=form.quotes)
    names = _cells(chain([first], text), delimiter, form)
    return {
        "read_options": pyarrow.csv.ReadOptions(block_size=size, use_threads=False, skip_rows=skipped),
        "parse_options": pyarrow.csv.ParseOptions(
            delimiter=delimiter, quote_char='"' if form.quotes else False, newlines_in_values=form.quotes
        ),
        "convert_options": pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
        ),
    }


def _cells(lines: Iterable[str], delimiter: str, form: CsvForm) -> list[str]:
    """Those of the first row."""
    reader = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if form.quotes else csv.QUOTE_NONE)
    return next(reader, [])


class CheckedCsv(io.RawIOBase):
    """What a file holds; a quoted cell that goes on behind its closing quote, or has none, is an error.

    Arrow takes such quotes away, and reads the rows up to the next one as a single cell. It reads ahead in a
    thread, and may be done before that fails at the end of the file: ``error`` says so.
    """

    def __init__(self, source: IO[bytes], options: ArrowOptions, path: Path) -> None:
        self._source, self._path = source, path
        self._pending, self._line = b"\n", 0
        self.error: DataError | None = None
        parse = options["parse_options"]
        self._quoted = _quoted_cells(parse.delimiter) if parse.quote_char else None

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes. Raises :class:`DataError`, with the line."""
        data = self._source.read(size)
        if self._quoted is not None:
            self._check(self._quoted, data, last=size < 0 or not data)
        return data

    def _check(self, quoted: re.Pattern[bytes], data: bytes, *, last: bool) -> None:
        data = self._pending + data
        keep = len(data) - 1  # a quote begins a cell where what parts cells stands before it
        known = len(data) + 1 if last else len(data.rstrip(b" "))
        for cell in quoted.finditer(data):
            if cell.end() >= known:
                keep = cell.start() - 1  # what comes may be of this cell
            elif cell["more"] or not cell["close"]:
                line = self._line + data.count(b"\n", 0, cell.start())
                what = "goes on behind its closing quote" if cell["close"] else "has no closing quote"
                shown = cell[0].decode(errors="replace")
                shown = f"{shown[:30]} ... {shown[-30:]}" if len(shown) > 70 else shown
                fix = "double the quotes that are of the cell; quotes: false reads all quotes as they stand"
                self.error = DataError(f"a cell {what}: {shown!r}", where=f"{self._path}:{line}", fix=fix)
                raise self.error
        self._line += data.count(b"\n", 0, keep)
        self._pending = data[keep:]


def _quoted_cells(delimiter: str) -> re.Pattern[bytes]:
    """A cell from its opening quote to its closing one, and what comes behind that, blanks aside."""
    part = re.escape(delimiter.encode())
    blanks = b"" if delimiter == " " else b" *"
    within = b'[^"]*(?:""[^"]*)*'
    more = blanks + b"(?P<more>[^ " + part + b"\\n\\r])"
    return re.compile(b'"(?<=[' + part + b'\\n\\r]")' + within + b'(?:(?P<close>")(?:' + more + b")?|\\Z)")
