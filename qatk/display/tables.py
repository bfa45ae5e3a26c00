"""Tables for the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from rich.table import Table


def plain_table(*texts: str, figures: Sequence[str] = (), title: str | None = None) -> Table:
    """An empty table as all commands print them: no frame, columns of text first, then those of figures."""
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left", title_style="bold", header_style="dim"
    )
    for column in texts:
        table.add_column(column, overflow="fold")
    for column in figures:
        table.add_column(column, justify="right")
    return table


def bar(percent: float, width: int = 16) -> Text:
    """A share of ``width`` characters, to half a character, on a dim track."""
    halves = round(2 * width * min(max(percent, 0), 100) / 100) if math.isfinite(percent) else 0
    filled = "━" * (halves // 2) + "╾" * (halves % 2)
    return Text.assemble((filled, "cyan"), ("─" * (width - len(filled)), "dim"), no_wrap=True)
