"""Predictions as a spreadsheet opens them: CSV, or TSV, with a row for each question."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TextIO

from qatk.errors import DataError
from qatk.files import beginning_of, ending, read_text
from qatk.types.names import find_name

DELIMITERS = {".csv": ",", ".tsv": "\t"}
"""What is written between two cells, by the ending of a file."""
_WRITTEN = (
    "id",
    "question",
    "answer",
    "probability",
    "start",
    "end",
    "no_answer_probability",
    "null_odds",
)
BESIDE_GOLD = {"answer": "prediction", "start": "char_start", "end": "char_end"}
"""Columns of predictions in tables that have gold answers too, by what they are called in those that have none."""
_TEXTS, _VALUES = ("id", "answer", "prediction"), ("start", "end", "char_start", "char_end", "null_odds", "spans")


def write_table(file: TextIO, rows: Iterable[Mapping[str, object]], delimiter: str, *, several: bool) -> None:
    """Write a header and the rows, with all texts in quotes; ``several`` adds the column ``spans``, in JSON."""
    columns = (*_WRITTEN, *(("spans",) if several else ()))
    table = csv.writer(file, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    table.writerow(columns)
    for row in rows:
        spans = json.dumps(row["spans"], ensure_ascii=False) if "spans" in row else None
        table.writerow([spans if name == "spans" else row[name] for name in columns])


def read_table(path: Path, needed: Sequence[str]) -> Iterator[tuple[str, dict[str, object]]]:
    """Read the rows of such a table, of qatk or of another program, each with its position for messages.

    What parts cells, what stands above the header and the case of its names are read as in data; rows without any cell
    are passed over.

    Raises:
        DataError: if it lacks a column that is needed, or a row cannot be read.
        UsageError: if the file cannot be opened.
    """
    text = io.StringIO(read_text(path), newline="")
    skipped, first, delimiter = beginning_of(text, ending(path))
    table = csv.DictReader(chain([first], text), delimiter=delimiter)
    try:
        header = list(table.fieldnames or ())
        known = {name: held for name in (*_TEXTS, *_VALUES) if (held := find_name(header, [name])) is not None}
        if absent := [name for name in needed if not {name, BESIDE_GOLD.get(name, name)} & known.keys()]:
            between = "commas or semicolons" if ending(path) == ".csv" else "tabs"
            what = f"the header has no column {' and no column '.join(map(repr, absent))}"
            fix = f"name the columns in the first row, with {between} between"
            raise DataError(what, where=f"{path}:{skipped + 1}", fix=fix)
        for row in table:
            if any(map(row.get, header)):
                where = f"{path}:{skipped + table.line_num}"
                cells = {name: row.get(held) for name, held in known.items()}
                if delimiter == ";" and (odds := cells.get("null_odds")):
                    cells["null_odds"] = odds.replace(",", ".")  # spreadsheets part cells by ; where decimals have ,
                texts: dict[str, object] = {name: cells.get(name) for name in _TEXTS}
                yield where, texts | {name: _value(cell, name, where) for name in _VALUES if (cell := cells.get(name))}
    except csv.Error as error:
        where = f"{path}:{skipped + table.line_num + 1}"
        raise DataError(f"the row cannot be read: {error}", where=where) from error


def _value(cell: str, name: str, where: str) -> object:
    try:
        return json.loads(cell)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"'{name}' is {cell[:60]!r}", where=where, fix="give a number; of spans, a JSON list"
        ) from error
