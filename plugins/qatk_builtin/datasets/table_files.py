"""Files of rows to Arrow tables: CSV and TSV, JSON Lines, a JSON list, Parquet, Arrow; plain, .gz or .zst."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.json
import pyarrow.parquet

from qatk.api import DataError, UsageError
from qatk.files import ending, first_line, named_files, parse_json, read_json_lines, read_text, url_of
from qatk.types import by_column, check_answers_alike, check_names, retyped
from qatk_builtin.datasets import table_csv
from qatk_builtin.datasets.table_csv import AS_USUAL, CsvForm
from qatk_builtin.datasets.table_places import HEADER, FileRows, lines_of, place_in

ENDINGS = (*table_csv.ENDINGS, ".jsonl", ".ndjson", ".json", ".parquet", ".arrow", ".feather")
_BLOCK = 1 << 24
"""Bytes that Arrow's JSON reader parses at a time; one row must fit into it."""
_NULL_FIRST = re.compile(rb"\[\s*null\b")
_NAN = re.compile(r"[:\[,]\s*NaN\b")


def read_tables(
    sources: Sequence[str], form: CsvForm, roles: Mapping[str, str | Sequence[str] | None]
) -> tuple[pa.Table, Callable[[int], str]]:
    """The rows of all files, one file after the other, in the order of names where a source is a glob.

    Returns:
        the rows, and what says where each of them stands.

    Args:
        sources: paths or globs.
        form: how cells of CSV and TSV are written.
        roles: the columns that are named; see :class:`qatk.types.Rows`.

    Raises:
        UsageError: there is no such file, no file of a glob, or one has an unknown ending.
        DataError: a file cannot be read as what its ending says, the files have columns of different types, or
            have their answers in columns of different names; see :func:`qatk.types.check_answers_alike`.
    """
    named = [file for source in sources for file in named_files(source)]
    read = [read_table(file, form) for file in named]
    check_answers_alike({str(file): each.table.column_names for file, each in zip(named, read, strict=True)}, roles)
    try:
        return pa.concat_tables([each.table for each in read], promote_options="permissive"), place_in(read)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(
            f"the files do not fit together: {first_line(error)}",
            where=", ".join(map(str, named[:3])),
            fix="give a column the same type in all files",
        ) from error


def refuse_folder(path: Path) -> None:
    """Raise :class:`UsageError` where a path is a folder, with the glob of files in it."""
    if path.is_dir():
        kinds = sorted({ending(file) for file in path.iterdir()} & set(ENDINGS))
        fix = f'name the files in it by a glob in quotes: "{path}/*{kinds[0] if kinds else ENDINGS[0]}"'
        raise UsageError("this is a folder", where=str(path), fix=fix)


def read_table(path: Path, form: CsvForm = AS_USUAL) -> FileRows:
    """The rows of one file, each of whose columns has a name of its own; see :func:`read_tables`."""
    read = _read(path, form)
    check_names(read.table, str(path))
    return read


def _read(path: Path, form: CsvForm) -> FileRows:
    kind = ending(path)
    refuse_folder(path)
    if kind not in ENDINGS and url_of(path) is None:
        raise UsageError(
            f"rows are not read from a file that ends in {kind or 'nothing'}",
            where=str(path),
            fix=f"endings are {', '.join(ENDINGS)}, each also with .gz or .zst",
        )
    try:
        if kind in (".parquet", ".arrow", ".feather"):
            table = _binary(path, kind)
            return FileRows(table, path, range(HEADER + 1, HEADER + 1 + table.num_rows))
        text = read_text(path)
        if not text.strip():
            raise DataError("the file is empty", where=str(path))
        if kind in table_csv.ENDINGS:
            return table_csv.csv_rows(text, path, form)
        return _json_list(text, path) if kind == ".json" else _json_lines(text, path)
    except UnicodeEncodeError as error:
        what, fix = f"half of a surrogate pair in {error.object[:60]!r}", r"correct the \u escapes in the data"
        raise DataError(what, where=str(path), fix=fix) from error
    except (pa.ArrowException, OSError, csv.Error, OverflowError) as error:
        what = f"the {kind.removeprefix('.').upper()} cannot be read: {first_line(error)}"
        raise DataError(what, where=str(path), fix="mend the file, or save it anew") from error


def _binary(path: Path, kind: str) -> pa.Table:
    try:
        with path.open("rb") as file:
            return pyarrow.parquet.read_table(file) if kind == ".parquet" else _arrow(file.read())
    except OSError as error:
        if error.errno is not None:
            read_text(path)  # says what keeps it from being read
        raise


def _arrow(data: bytes) -> pa.Table:
    """An Arrow file, or the stream of batches that ``datasets`` writes."""
    try:
        table = pa.ipc.open_file(data).read_all()
    except pa.ArrowInvalid:
        table = pa.ipc.open_stream(data).read_all()
    table.validate(full=True)  # Arrow trusts what it reads, and would end the process at a wrong offset
    return table


def _json_list(text: str, path: Path) -> FileRows:
    parsed = parse_json(text, path)
    rows = parsed["data"] if isinstance(parsed, dict) and isinstance(parsed.get("data"), list) else parsed
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(
            "a list of objects is due, one a question", where=str(path), fix="or one object a line, in .jsonl"
        )
    if rows and "paragraphs" in rows[0]:
        raise DataError(
            "this is a SQuAD file", where=str(path), fix="read it by the dataset squad: {use: squad, path: ...}"
        )
    form = f"{{path}}: {'' if rows is parsed else 'data'}[{{number}}]"
    return FileRows(pa.table(by_column(rows)), path, range(len(rows)), form)


def _json_lines(text: str, path: Path) -> FileRows:
    table = _of_lines(text, path)
    return FileRows(table, path, lines_of(text, table.num_rows), "{path}:{number}")


def _of_lines(text: str, path: Path) -> pa.Table:
    data = text.encode()
    size = min(max(_BLOCK, len(data) + 1), (1 << 31) - 1)
    read = partial(pyarrow.json.read_json, read_options=pyarrow.json.ReadOptions(block_size=size, use_threads=False))
    try:
        table = read(pa.BufferReader(data))
        # Arrow takes texts that look like dates for dates, and would lose how they are written. It moves values that
        # follow a null at the beginning of a list, unless it is told the types.
        schema = pa.schema([field.with_type(no_dates(field.type)) for field in table.schema])
        if schema == table.schema and not _NULL_FIRST.search(data):
            return table
        return read(pa.BufferReader(data), parse_options=pyarrow.json.ParseOptions(explicit_schema=schema))
    except pa.ArrowInvalid:
        rows = [row for _, row in read_json_lines(path)]  # which names the line that is no JSON
        objects = [row for row in rows if isinstance(row, dict)]
        if not _NAN.search(text) or len(objects) < len(rows):
            raise
        return pa.table(by_column(objects))  # Arrow takes NaN for a number, which a column of texts has none of


def no_dates(kind: pa.DataType) -> pa.DataType:
    """The type with texts in place of dates."""
    return retyped(kind, _text_of_date)


def _text_of_date(kind: pa.DataType) -> pa.DataType:
    is_date = pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_time(kind)
    return pa.string() if is_date else kind
