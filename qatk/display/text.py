"""Excerpts of a context for the terminal: with marked spans, cut to size, and safe to print."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from qatk.display.graphemes import cut_after, cut_before
from qatk.word_bounds import UNSPACED

if TYPE_CHECKING:
    from rich.text import Text

ELLIPSIS = "…"
"""Stands for text that was cut."""
_UNSAFE = {"Cc", "Cs", "Zl", "Zp"}
_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True)
class Mark:
    """A span of a context to mark: characters ``start`` to ``end`` (exclusive), with a Rich style and brackets.

    The brackets show without colour what the style shows with it; both may be empty.
    """

    start: int
    end: int
    style: str = "bold green"
    open: str = "«"
    close: str = "»"


def printable(text: str) -> str:
    """``text`` with the same number of characters, safe for a terminal.

    Line ends and tabs become spaces; control characters become their symbols (ESC: ␛); halves of surrogate pairs and
    characters that change the writing direction become �.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_printable, text))


def undirected(text: str) -> str:
    """``text`` with � for characters that would change the writing direction of the text around it."""
    return text if text.isascii() else "".join("�" if char in _DIRECTION else char for char in text)


def excerpt(context: str, marks: Sequence[Mark], *, width: int | None = None) -> Text:
    """Part of a context, with its marks styled and in brackets.

    Marks may overlap, contain each other or be equal. They cut no letter from its accents, they are clipped to the part
    shown, and empty ones are dropped. The result has no line ends and is not wrapped.

    Args:
        context: as in the data; control characters are shown as in :func:`printable`.
        marks: in any order; the excerpt is centred on the first one.
        width: the number of characters to show around the first mark, including it. Cuts fall between words, in scripts
            without blanks between characters with their marks, and show as ``…``; the first mark is never cut, however
            long it is. ``None`` shows everything.
    """
    marks = [replace(m, start=cut_before(context, m.start), end=cut_after(context, m.end)) for m in marks]
    begin, stop = _part(context, marks, width)
    shown = [(max(m.start, begin), min(m.end, stop), m) for m in marks]
    shown = [(start, end, m) for start, end, m in shown if start < end]
    return _draw(printable(context), begin, stop, shown)


def _printable(char: str) -> str:
    if char.isprintable() and char not in _DIRECTION:
        return char
    if char in "\t\n\v\f\r\x85\u2028\u2029":
        return " "
    if char < " ":
        return chr(0x2400 + ord(char))
    return "�" if unicodedata.category(char) in _UNSAFE or char in _DIRECTION else char


def _part(context: str, marks: Sequence[Mark], width: int | None) -> tuple[int, int]:
    """The first and last character (exclusive) to keep."""
    size = len(context)
    if width is None or width >= size:
        return 0, size
    first, last = (max(marks[0].start, 0), min(marks[0].end, size)) if marks else (0, 0)
    if first >= last:
        first = last = 0
    room = max(width - (last - first), 0)
    begin = max(0, min(first - room // 2, size - max(width, last - first)))
    stop = min(size, max(begin + width, last))
    if begin > 0:
        begin = _skip_cut_word(context, begin, first)
    if stop < size:
        stop = _drop_cut_word(context, last, stop)
    return begin, stop


def _skip_cut_word(context: str, begin: int, limit: int) -> int:
    """The start of the first whole word at or after ``begin``; ``begin`` itself where none starts before ``limit``."""
    at = begin
    while at < limit and (context[at].isspace() or not _parts_words(context, at)):
        at += 1
    return at if at < limit or (limit and context[limit - 1].isspace()) else min(cut_after(context, begin), limit)


def _drop_cut_word(context: str, limit: int, stop: int) -> int:
    """The end of the last whole word at or before ``stop``; ``stop`` itself where none ends after ``limit``."""
    at = stop
    while at > limit and (context[at - 1].isspace() or not _parts_words(context, at)):
        at -= 1
    return at if at > limit or context[limit].isspace() else max(cut_before(context, stop), limit)


def _parts_words(context: str, at: int) -> bool:
    """Whether a word ends or begins before a character: at blanks, and around each cluster of scripts without them."""
    before, after = context[at - 1], context[at]
    if before.isspace() or after.isspace():
        return True
    unspaced = UNSPACED.match(before) or UNSPACED.match(after)
    return unspaced is not None and cut_before(context, at) == at


def _draw(context: str, begin: int, stop: int, shown: list[tuple[int, int, Mark]]) -> Text:
    """Write the part with its brackets, then lay the styles over it, outer marks first."""
    from rich.text import Text

    outer_first = sorted(shown, key=lambda row: (row[0], -row[1]))
    opening: dict[int, str] = {}
    closing: dict[int, str] = {}
    for start, end, mark in outer_first:
        opening[start] = opening.get(start, "") + mark.open
        closing[end] = mark.close + closing.get(end, "")
    text = Text(ELLIPSIS if begin > 0 else "")
    opened, closed = {}, {}
    edges = sorted({begin, stop, *opening, *closing})
    for at, after in zip(edges, [*edges[1:], stop], strict=True):
        text.append(closing.get(at, ""))
        closed[at] = len(text)
        opened[at] = len(text)
        text.append(opening.get(at, ""))
        text.append(context[at:after])
    for start, end, mark in outer_first:
        text.stylize(mark.style, opened[start], closed[end])
    return text.append(ELLIPSIS) if stop < len(context) else text
