"""Where the rows of CSV and TSV files begin, as spreadsheets write them, and what parts their cells."""

from __future__ import annotations

import codecs
import io
import re
from pathlib import Path
from typing import NamedTuple, TextIO

from qatk.files.streaming import open_plain

SEP = re.compile(r'"?sep=(?P<by>[ -~\t])"?', re.IGNORECASE)
"""The line above the header in which Excel names what parts cells."""
_USUAL = ",;\t"
"""What may part cells in files that end in .csv: what the header has most of outside of quotes, or the first."""


class Beginning(NamedTuple):
    """How a file begins: the lines above its header, the first line of that, and what parts its cells."""

    skipped: int
    first: str
    delimiter: str


def beginning_of(text: TextIO, kind: str, delimiter: str | None = None, *, quotes: bool = True) -> Beginning:
    """Read a file up to the first line of its header.

    Lines above the header without any text, and one that says ``sep=``, are skipped.

    Args:
        text: the file, from its beginning.
        kind: its ending.
        delimiter: what parts cells; ``None``: what a line ``sep=`` says, else a tab in TSV and what the header says in
            CSV.
        quotes: whether quotes around a cell are not of it.
    """
    skipped, first = 0, text.readline()
    while first and ((said := SEP.fullmatch(first.rstrip("\r\n"))) or not first.strip(f" \t\r\n{delimiter or ',;'}")):
        delimiter = delimiter or (said and said["by"])
        skipped, first = skipped + 1, text.readline()
    if delimiter is None:
        bare = re.sub('"[^"]*"', "", first) if quotes else first
        delimiter = "\t" if kind == ".tsv" else max(_USUAL, key=bare.count)
    return Beginning(skipped, first, delimiter)


class CsvStyle(NamedTuple):
    """How a CSV file is written: what parts its cells, and whether it begins with a byte order mark."""

    delimiter: str = ","
    marked: bool = False


def csv_style_of(path: Path) -> CsvStyle:
    """How a CSV file is written that exists, of what readers find by themselves. Raises :class:`DataError`."""
    with open_plain(path) as plain:
        marked = plain.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8
    with open_plain(path) as plain, io.TextIOWrapper(plain, "utf-8-sig", newline="") as text:
        return CsvStyle(beginning_of(text, ".csv").delimiter, marked)
