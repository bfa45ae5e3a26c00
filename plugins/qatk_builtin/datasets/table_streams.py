"""Files of rows in blocks, so that memory does not grow with them; see :mod:`qatk_builtin.datasets.table_files`."""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from qatk.api import DataError
from qatk.files import ending, first_line, is_streamable, line_blocks, named_files, open_plain
from qatk.types import check_answers_alike
from qatk_builtin.datasets import table_csv
from qatk_builtin.datasets.table_csv import CsvForm
from qatk_builtin.datasets.table_files import no_dates

_BINARY, _LINES = (".parquet", ".arrow", ".feather"), (".jsonl", ".ndjson")
_BLOCK = 1 << 22
"""Bytes of CSV and Parquet that are read at a time; one row of CSV must fit into it."""


def stream_tables(
    sources: Sequence[str], size: int, form: CsvForm, roles: Mapping[str, str | Sequence[str] | None]
) -> tuple[set[str], Iterator[pa.Table]] | None:
    """The names of the columns of all files, and their rows by ``size`` at a time.

    ``None`` where a file cannot be read twice, or is one JSON list.

    Args:
        sources: paths or globs.
        size: rows in each table but the last.
        form: as of :func:`read_tables`.
        roles: as of :func:`read_tables`.

    Raises:
        UsageError: no file has such a name.
        DataError: a file cannot be read in blocks, now or when they are; :func:`read_tables` says more.
    """
    named = [file for source in sources for file in named_files(source)]
    if not all(ending(file) in (*table_csv.ENDINGS, *_BINARY, *_LINES) and is_streamable(file) for file in named):
        return None
    # Once for the types of the columns, which a block alone does not tell.
    with _readable():
        of_files = {str(file): list(dict.fromkeys(_schemas(file, size, form))) for file in named}
        if not (schemas := list(dict.fromkeys(chain.from_iterable(of_files.values())))):
            return None
        names = {
            file: list(pa.unify_schemas(of, promote_options="permissive").names) for file, of in of_files.items() if of
        }
        check_answers_alike({file: each for file, each in names.items() if each}, roles)
        schema = pa.unify_schemas(schemas, promote_options="permissive")
    return set(schema.names), _of_size(_tables(named, size, schema, form), size)


def _schemas(file: Path, size: int, form: CsvForm) -> Iterator[pa.Schema]:
    """The types that the columns of a file have, one after the other; once where they cannot change."""
    with closing(_blocks(file, size, None, form)) as tables:
        for table in tables:
            yield pa.schema([field.with_type(no_dates(field.type)) for field in table.schema])
            if ending(file) not in _LINES:
                return


def _tables(named: Sequence[Path], size: int, schema: pa.Schema, form: CsvForm) -> Iterator[pa.Table]:
    known = set(schema.names)
    with _readable():
        for file in named:
            for table in _blocks(file, size, schema, form):
                # A column without a name may be empty in the blocks that tell the types, and hold a note later.
                table = table.select([name for name in table.column_names if name in known])
                same = table.schema.equals(schema)
                parts = [table] if same else [schema.empty_table(), table]
                yield pa.concat_tables(parts, promote_options="permissive")


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError, csv.Error, OverflowError) as error:
        raise DataError(f"the file cannot be read in blocks: {first_line(error)}") from error


def _of_size(tables: Iterator[pa.Table], size: int) -> Iterator[pa.Table]:
    held = None
    for table in tables:
        held = table if held is None else pa.concat_tables([held, table])
        while held.num_rows >= size:
            yield held.slice(0, size)
            held = held.slice(size)
    if held is not None and held.num_rows:
        yield held


def _blocks(file: Path, size: int, schema: pa.Schema | None, form: CsvForm) -> Generator[pa.Table, None, None]:
    kind = ending(file)
    if kind in _LINES:
        for block in line_blocks(file):
            if block.strip():
                block.decode()  # Arrow takes what is not UTF-8
                yield pyarrow.json.read_json(
                    pa.BufferReader(block),
                    read_options=pyarrow.json.ReadOptions(block_size=len(block) + 1, use_threads=False),
                    parse_options=pyarrow.json.ParseOptions(explicit_schema=schema),
                )
    elif kind in table_csv.ENDINGS:
        yield from _csv(file, kind, form)
    elif kind == ".parquet":
        with pyarrow.parquet.ParquetFile(file, buffer_size=_BLOCK) as parquet:
            yield from (pa.Table.from_batches([batch]) for batch in parquet.iter_batches(batch_size=size))
    else:
        yield from _arrow(file)


def _csv(file: Path, kind: str, form: CsvForm) -> Iterator[pa.Table]:
    with open_plain(file) as plain, io.TextIOWrapper(plain, "utf-8-sig", newline="") as text:
        options = table_csv.arrow_options(text, kind, form, _BLOCK)
    with open_plain(file) as plain:
        checked = table_csv.CheckedCsv(plain, options, file)
        with pyarrow.csv.open_csv(checked, **options) as reader:
            yield from (table_csv.without_empty(pa.Table.from_batches([batch]), file)[0] for batch in reader)
        if checked.error is not None:
            raise checked.error


def _arrow(file: Path) -> Iterator[pa.Table]:
    """The batches of an Arrow file, or of the stream that ``datasets`` writes."""
    with pa.memory_map(str(file)) as data:
        try:
            opened = pa.ipc.open_file(data)
        except pa.ArrowInvalid:
            data.seek(0)
            batches = iter(pa.ipc.open_stream(data))
        else:
            batches = map(opened.get_batch, range(opened.num_record_batches))
        for batch in batches:
            batch.validate(full=True)  # as where a file is read at once
            yield pa.Table.from_batches([batch])
