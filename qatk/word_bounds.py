"""Where words of a text begin and end, in scripts with blanks between words and in those without."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff"
    "\ua9e0-\ua9fe\uaa60-\uaa7f\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Characters of scripts that put no blanks between words: Thai, Lao, Burmese, Khmer, Chinese, Japanese."""


def cuts_word(context: str, start: int, end: int) -> bool:
    """Whether a span begins or ends where a word, a number or a character of several code points goes on."""
    return (start > 0 and _goes_on(context, start)) or (end < len(context) and _goes_on(context, end))


def find_all(text: str, context: str) -> Iterator[int]:
    """The places at which a context has a text, also within words, in order; they may overlap."""
    at = context.find(text)
    while at >= 0:
        yield at
        at = context.find(text, at + 1)


def starts_of(text: str, context: str) -> list[int]:
    """Where a text starts in a context: the places that cut no word, or all of them where each cuts one."""
    starts = list(find_all(text, context))
    return [start for start in starts if not cuts_word(context, start, start + len(text))] or starts


def nearest_start(text: str, context: str, at: int) -> int | None:
    """The one of :func:`starts_of` nearest to a place of the context, of two the earlier; ``None`` where there is none.

    It looks outward from that place, and at no more than it has to.
    """
    left, right, nearest = context.rfind(text, 0, at + len(text)), context.find(text, at + 1), None
    while left >= 0 or right >= 0:
        if right < 0 or (left >= 0 and at - left <= right - at):
            start, left = left, context.rfind(text, 0, left + len(text) - 1)
        else:
            start, right = right, context.find(text, right + 1)
        if not cuts_word(context, start, start + len(text)):
            return start
        nearest = start if nearest is None else nearest
    return nearest


def whole_words(context: str, start: int, end: int) -> tuple[int, int]:
    """A span, extended at both ends until it cuts no word in two."""
    while start > 0 and _goes_on(context, start):
        start -= 1
    while end < len(context) and _goes_on(context, end):
        end += 1
    return start, end


def _goes_on(context: str, at: int) -> bool:
    before, after = context[at - 1], context[at]
    if before == " " or after == " ":
        return False
    if _is_mark(after):
        return True
    if after in ".," and before.isdigit():
        return context[at + 1 : at + 2].isdigit()
    if before in ".," and after.isdigit():
        return context[at - 2 : at - 1].isdigit()
    if not ((before.isalnum() or _is_mark(before)) and after.isalnum()) or before.isdigit() != after.isdigit():
        return False
    return not (UNSPACED.match(before) or UNSPACED.match(after))


def _is_mark(character: str) -> bool:
    """Whether it belongs to the letter before it, as accents and the vowel signs of Indian scripts do."""
    return unicodedata.category(character).startswith("M")
