"""What the made pages of the reference share: their first line, tables, and docstrings as Markdown."""

from __future__ import annotations

import inspect
import re

MADE = "<!-- Made by tools/make_reference.py; change the docstrings instead. -->\n"


def markdown(text: str | None) -> str:
    """A docstring's markup as Markdown."""
    plain = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", inspect.cleandoc(text or ""))
    return plain.replace("``", "`")


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    if not rows:
        return ["No options.", ""]
    cells = [head, ("---",) * len(head), *rows]
    return [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in cells] + [""]
