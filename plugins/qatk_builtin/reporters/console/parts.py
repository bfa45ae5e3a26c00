"""The parts of a report in the terminal, below their titles."""

from __future__ import annotations

from rich.console import Console, RenderableType
from rich.padding import Padding

INDENT = 2


def print_parts(console: Console, parts: list[RenderableType]) -> None:
    """Print parts, moved in."""
    for part in parts:
        console.print(Padding(part, (0, 0, 0, INDENT), expand=False))
