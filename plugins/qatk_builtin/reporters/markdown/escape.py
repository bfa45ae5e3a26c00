"""Text of the data inside GitHub's Markdown: nothing in it becomes markup, HTML, a mention, a link or an emoji."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from qatk.display import printable

_MARKUP = re.compile(r"[\\`*_\[\]#~<>&|]|^(?:[-+=]|\d+[.)](?!\S))")
_LIVE = re.compile(r"@(?=\w)|#(?=\d)|:(?=//)|:(?=[\w+-]+:)|(?<=www)\.|(?<=gh)-(?=\d)", re.IGNORECASE)
_BREAK = "&#8203;"
"""A blank without width: what GitHub would make a mention, a reference, a link or an emoji of falls in two."""


def escape(text: str) -> str:
    """``text`` in one line that shows these very characters, in Markdown, in a table's cell and in HTML alike.

    What has a meaning becomes a character reference, which Markdown takes for no markup; ``$``, which would begin a
    formula, stands in a span. A blank without width breaks what GitHub makes links of by itself. Control characters
    and directions of writing become harmless (:func:`qatk.display.text.printable`).
    """
    return escape_printable(printable(text).strip())


def escape_printable(text: str) -> str:
    """As :func:`escape`, for a text that went through ``printable`` and may hold marks since then."""
    broken = _LIVE.sub(lambda found: f"{found[0]}\0", text)
    escaped = _MARKUP.sub(lambda found: "".join(f"&#{ord(char)};" for char in found[0]), broken)
    return escaped.replace("\0", _BREAK).replace("$", "<span>$</span>")


def code(text: str) -> str:
    """``text`` in the type of code: for ids and file names."""
    return f"<code>{escape(text)}</code>"


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], left: Sequence[int] = (0,)) -> str:
    """A table of cells that are Markdown already; the columns at ``left`` to the left, the others to the right."""
    lines = [_row(headers), _row([":--" if i in left else "--:" for i in range(len(headers))])]
    return "\n".join([*lines, *map(_row, rows)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def details(summary: str, body: str) -> str:
    """A part to fold out. ``summary`` is HTML, ``body`` is Markdown."""
    return f"<details>\n<summary>{summary}</summary>\n\n{body}\n\n</details>"
