"""The parts of a report in the terminal, below their titles."""

from __future__ import annotations

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table

INDENT = 2
WIDE = 108
"""Columns from which a table has room for words, or for a difference in one line."""
LONGEST_LABEL = 34
LEAST_NAME = 8
EIGHTHS = " ▁▂▃▄▅▆▇█"
"""Bars of a character, from nothing up to its whole height."""


def print_parts(console: Console, parts: list[RenderableType]) -> None:
    """Print parts, moved in."""
    for part in parts:
        console.print(Padding(part, (0, 0, 0, INDENT), expand=False))


def fixed(table: Table) -> Table:
    """Closer columns, none of which is ever wrapped."""
    table.padding = (0, 0, 0, 1)
    for column in table.columns:
        column.no_wrap, column.overflow = True, "ellipsis"
    return table
