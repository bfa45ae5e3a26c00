"""Tables for the terminal."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from rich.table import Table


def plain_table(*columns: str, left: Collection[int] = (0,), title: str | None = None) -> Table:
    """An empty table as commands and reports print them: no frame, no number ever cut.

    Args:
        columns: their headers.
        left: the columns of text, by position; the others hold figures and stand to the right.
        title: a line above.
    """
    from rich import box
    from rich.table import Table

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


def bar(percent: float, width: int = 16) -> Text:
    """A share of ``width`` characters, to half a character, on a dim track."""
    halves = round(2 * width * min(max(percent, 0), 100) / 100) if math.isfinite(percent) else 0
    filled = "━" * (halves // 2) + "╾" * (halves % 2)
    return Text.assemble((filled, "cyan"), ("─" * (width - len(filled)), "dim"), no_wrap=True)
