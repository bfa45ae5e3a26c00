"""Where words of a text begin and end, in scripts with blanks between words and in those without."""

from __future__ import annotations

import unicodedata

from qatk.display import UNSPACED


def cuts_word(context: str, start: int, end: int) -> bool:
    """Whether a span begins or ends where a word, a number or a character of several code points goes on."""
    return (start > 0 and _goes_on(context, start)) or (end < len(context) and _goes_on(context, end))


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
