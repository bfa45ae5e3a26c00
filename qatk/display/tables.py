"""Tables for the terminal."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Column, Table
    from rich.text import Text


def plain_table(*columns: str, left: Collection[int] = (0,), title: str | None = None) -> Table:
    """An empty table in the style of all commands and reports: without a frame, and without truncated numbers.

    Args:
        columns: their headers.
        left: the positions of text columns; all others are right-aligned numbers.
        title: a line above the table.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        header_style="dim",
        border_style="dim",
        title=title,
        title_justify="left",
        title_style="bold",
    )
    for i, column in enumerate(columns):
        table.add_column(Text(column), justify="left" if i in left else "right", overflow="fold")
    return table


def in_blocks(table: Table, width: int, labels: int = 1, least: int | None = None) -> list[Table]:
    """The table itself if it fits, otherwise several narrower tables to print below each other.

    Args:
        table: its first columns name the rows, the others have numbers.
        width: the available number of characters.
        labels: the number of columns that name the rows; every table repeats them.
        least: the width to which the last of these columns may shrink by wrapping its text; ``None`` means: not at all.
    """
    widths = [_width_of(column, table) for column in table.columns]
    given, figures = sum(widths[:labels]), widths[labels:]
    narrow = given if least is None else min(given, sum(widths[: labels - 1]) + least)
    if narrow + sum(figures) - _gap(table) <= width:
        return [table]
    room = width - min(given, max(narrow, width // 3))
    blocks, left = list[list[int]](), 0
    for place, needed in enumerate(figures, labels):
        if not blocks or needed > left:
            blocks.append([])
            left = room
        blocks[-1].append(place)
        left -= needed
    return [_with_columns(table, [*range(labels), *block]) for block in blocks]


def _width_of(column: Column, table: Table) -> int:
    """The characters that a column takes whole, with what stands between it and the next."""
    from rich.cells import cell_len

    texts = [str(cell) for cell in (column.header, *column.cells)]
    return max(cell_len(line) for text in texts for line in text.split("\n")) + _gap(table)


def _gap(table: Table) -> int:
    """The characters between two columns."""
    _, right, _, left = table.padding
    return left + right + 1


def _with_columns(table: Table, places: Sequence[int]) -> Table:
    """A table of these columns of another."""
    from rich.table import Column, Table

    chosen = [table.columns[place] for place in places]
    kept = ("header", "header_style", "style", "justify", "min_width", "no_wrap", "overflow")
    made = Table(
        *(Column(**{name: getattr(column, name) for name in kept}) for column in chosen),
        box=table.box,
        padding=table.padding,
        pad_edge=table.pad_edge,
        show_edge=table.show_edge,
        header_style=table.header_style,
        border_style=table.border_style,
    )
    for cells in zip(*(column.cells for column in chosen), strict=True):
        made.add_row(*cells)
    return made


def bar(percent: float, width: int = 16) -> Text:
    """A bar of ``width`` characters for a share, in steps of half a character, on a dim track."""
    from rich.text import Text

    halves = round(2 * width * min(max(percent, 0), 100) / 100) if math.isfinite(percent) else 0
    filled = "━" * (halves // 2) + "╾" * (halves % 2)
    return Text.assemble((filled, "cyan"), ("─" * (width - len(filled)), "dim"), no_wrap=True)
