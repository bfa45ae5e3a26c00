"""Where the rows of files stand, as people find them: the rows of a spreadsheet, the lines of JSON Lines."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import pyarrow as pa

HEADER = 1
"""The number of the row of names, also where a file has its names elsewhere, as Parquet."""
_LINE = re.compile(r"\r\n|\n|\r")
_BLANK = re.compile(r"\A\s|\n\s*[\n\r]|\r\r")
_QUOTED = re.compile(r'"[^"]*"')


@dataclass(frozen=True)
class FileRows:
    """The rows of one file.

    Attributes:
        table: those that are kept.
        path: the file.
        numbers: of each row, where it stands.
        form: how its place is written.
    """

    table: pa.Table
    path: Path
    numbers: Sequence[int]
    form: str = "{path}: row {number}"

    def place(self, row: int) -> str:
        """Where a row stands."""
        return self.form.format(path=self.path, number=self.numbers[row])


def place_in(files: Sequence[FileRows]) -> Callable[[int], str]:
    """What says where a row stands, among those of all files one after the other."""
    ends = list(accumulate(each.table.num_rows for each in files))

    def place(row: int) -> str:
        file = bisect_right(ends, row)
        return files[file].place(row - (ends[file - 1] if file else 0))

    return place


def spreadsheet_rows(text: str, rows: int, *, skipped: int, hidden: int, quotes: bool) -> Sequence[int]:
    """The number that each row of a CSV has in a spreadsheet: those of blank lines are not of any.

    Args:
        text: the file.
        rows: how many rows it has without its header.
        skipped: lines above the header.
        hidden: how many of these a spreadsheet does not show.
        quotes: whether ends of lines may stand in quotes.
    """
    usual = range(HEADER + 1, HEADER + 1 + rows)
    if not skipped and not _BLANK.search(text):
        return usual
    lines = _LINE.split(_QUOTED.sub("x", text) if quotes else text)
    filled = [number - hidden for number, line in enumerate(lines, 1) if line and number > skipped]
    return filled[1:] if len(filled) == rows + 1 else usual  # where quotes within cells hide ends of lines


def lines_of(text: str, rows: int) -> Sequence[int]:
    """The line of each row of JSON Lines."""
    filled = [number for number, line in enumerate(text.split("\n"), 1) if line.strip()] if _BLANK.search(text) else []
    return filled if len(filled) == rows else range(1, rows + 1)
