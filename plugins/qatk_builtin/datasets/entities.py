"""Names and numbers in English text, and its sentences, by the form of their words."""

from __future__ import annotations

import re
from collections.abc import Sequence

Place = tuple[int, int]
"""First character and end of a part of a text."""

_WORD = r"[\w'\u2019-]+"
_NUMBER = re.compile(r"(?<![\w.,])\d+(?:[.,]\d+)*(?!\w)")
_NAME = re.compile(r"(?<!\w)[A-Z][\w'\u2019-]*(?:[ \t](?:of[ \t]|the[ \t]|de[ \t])?[A-Z][\w'\u2019-]*)*")
_POSSESSIVE = re.compile(r"(?:['\u2019]s?|-)+$")
_END = re.compile(r"[.!?][\"'\u201d\u2019)\]]*\s+(?=[\"'\u201c\u2018(\[]?[A-Z0-9])")
_BEGINNINGS = (
    "A After All Although An And As At Because Before But By During For From He Her His How However If In It Its Many "
    "More Most No Not Of On One Other Since She So Some That The Their There These They This Those To Under Until What "
    "When Where Which While Who Whom Whose Why With"
)
_COMMON = frozenset(_BEGINNINGS.split())


def numbers(text: str) -> list[Place]:
    """The numbers in a text."""
    return [match.span() for match in _NUMBER.finditer(text)]


def names(text: str) -> list[Place]:
    """Words with a capital, as far as they belong together, without a possessive ending.

    The common words that begin sentences are left out.
    """
    found = []
    for match in _NAME.finditer(text):
        low, high = match.start(), match.start() + len(_POSSESSIVE.sub("", match[0]))
        while (word := re.match(_WORD, text[low:high])) and word[0] in _COMMON:
            low += len(word[0])
            low += len(text[low:high]) - len(text[low:high].lstrip())
        if high > low and text[low:high][0].isupper():
            found.append((low, high))
    return found


def sentences(text: str, whole: Sequence[Place] = ()) -> list[Place]:
    """The sentences of a text without the blanks between them; none ends inside of the ``whole`` parts."""
    ends = [match.span() for match in _END.finditer(text)]
    ends = [(low, high) for low, high in ends if not any(a < high and low + 1 < b for a, b in whole)]
    begins = [0, *(high for _, high in ends)]
    stops = [*(high for _, high in ends), len(text)]
    places = [(low, low + len(text[low:high].rstrip())) for low, high in zip(begins, stops, strict=True)]
    return [(low, high) for low, high in places if high > low]
