"""CSV and TSV files to Arrow tables of texts, however their cells are parted."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Iterable
from functools import reduce
from itertools import chain
from pathlib import Path
from typing import TextIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from typing_extensions import TypedDict

from qatk.api import DataWarning
from qatk.display import counted
from qatk.files import ending

ENDINGS = (".csv", ".tsv")
_BLOCK = 1 << 24
_USUAL = ",;\t"
"""What parts cells in files that end in .csv; the first of them that a header has does."""


class ArrowOptions(TypedDict):
    """The options of Arrow's readers."""

    read_options: pyarrow.csv.ReadOptions
    parse_options: pyarrow.csv.ParseOptions
    convert_options: pyarrow.csv.ConvertOptions


def csv_table(text: str, path: Path, delimiter: str | None) -> pa.Table:
    """The rows of a file; see :func:`arrow_options` and :func:`without_empty`."""
    size = min(max(_BLOCK, 2 * len(text)), (1 << 31) - 1)
    options = arrow_options(io.StringIO(text, newline=""), ending(path), delimiter, size)
    return without_empty(pyarrow.csv.read_csv(pa.BufferReader(text.encode()), **options), path)


def without_empty(table: pa.Table, path: Path) -> pa.Table:
    """The table without what spreadsheets leave: empty rows, empty columns without a name; a warning counts them."""
    named = [k for k, name in enumerate(table.column_names) if name.strip() or _is_filled(table.column(k))]
    left = {"unnamed empty column": table.num_columns - len(named)}
    table = table.select(named)
    if named and all(column.null_count for column in table.columns):
        filled = table.filter(reduce(pc.or_, map(pc.is_valid, table.columns)))
        left["empty row"] = table.num_rows - filled.num_rows
        table = filled
    if said := [counted(number, what) for what, number in left.items() if number]:
        warnings.warn(DataWarning(f"{path}: left out: {', '.join(said)}"), stacklevel=2)
    return table


def _is_filled(column: pa.ChunkedArray) -> bool:
    return bool(column.null_count < len(column))


def arrow_options(text: TextIO, kind: str, delimiter: str | None, size: int) -> ArrowOptions:
    """How a file is read, in blocks of ``size`` bytes: every cell is a text, whatever it looks like, and "" is null.

    Args:
        text: the file, from its beginning.
        kind: its ending.
        delimiter: what parts its cells; ``None``: what its header says.
        size: the bytes of a block.
    """
    first = text.readline()
    if delimiter is None:
        delimiter = "\t" if kind == ".tsv" else next((each for each in _USUAL if len(_cells([first], each)) > 1), ",")
    names = _cells(chain([first], text), delimiter)
    return {
        "read_options": pyarrow.csv.ReadOptions(block_size=size, use_threads=False),
        "parse_options": pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        "convert_options": pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""]
        ),
    }


def _cells(lines: Iterable[str], delimiter: str) -> list[str]:
    """Those of the first row."""
    return next(csv.reader(lines, delimiter=delimiter), [])
