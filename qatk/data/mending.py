"""Texts without what is not seen, in Unicode form NFC, and where each of their characters went."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b\u2028\u2029\u2060\ufeff]")
"""Characters that are not seen; line ends, tabs, joiners (of Persian and Indian scripts) and direction marks may be."""
SURROGATE = re.compile("[\ud800-\udfff]")
_PARTING = frozenset("\x0b\x0c\x1c\x1d\x1e\x1f\x85")
"""Control characters that part words, in the place of which a blank is put."""
_LINE_ENDS = frozenset("\u2028\u2029")


@dataclass(frozen=True)
class Mended:
    """A text, and where what stood in the text before it stands now.

    Attributes:
        text: as it is now.
        kinds: the kinds of finding that are mended.
        edges: pairs of places in the text before and now, rising, the ends of both included; between two of them there
            is a piece that was mended as a whole. ``None``: every place stayed.
    """

    text: str
    kinds: tuple[str, ...] = ()
    edges: tuple[list[int], list[int]] | None = None

    def begin(self, at: int) -> int:
        """Where a span that began at a place begins now: never within a character of several code points."""
        if self.edges is None:
            return at
        return self.edges[1][bisect_right(self.edges[0], at) - 1]

    def end(self, at: int) -> int:
        """Where a span that ended at a place ends now."""
        if self.edges is None:
            return at
        return self.edges[1][bisect_left(self.edges[0], at)]

    def was(self, begin: int, end: int) -> tuple[int, int]:
        """Where a span of the text as it is now stood before, whole pieces of it."""
        if self.edges is None:
            return begin, end
        before, now = self.edges
        return before[bisect_right(now, begin) - 1], before[bisect_left(now, end)]


def mended_text(text: str) -> Mended:
    """A text without control characters and halves of surrogate pairs, in NFC."""
    if text.isascii() and CONTROL.search(text) is None:
        return Mended(text)
    whole = unicodedata.is_normalized("NFC", text)
    wrong = (("control-characters", CONTROL), ("broken-character", SURROGATE))
    kinds = [kind for kind, pattern in wrong if pattern.search(text)] + ([] if whole else ["mixed-unicode"])
    if not kinds:
        return Mended(text)
    old, pieces = [0], [""]
    for at, char in enumerate(text):
        seen = _seen(char)
        if at and seen and not _joins(seen):
            old.append(at)
            pieces.append(seen)
        else:
            pieces[-1] += seen
    done = [unicodedata.normalize("NFC", piece) for piece in pieces]
    new = list(accumulate(map(len, done), initial=0))
    return Mended("".join(done), tuple(kinds), ([*old, len(text)], new))


def unseen(char: str) -> bool:
    """Whether a character is taken out, and nothing stands in its place."""
    return not _seen(char)


def _seen(char: str) -> str:
    """What stands in the place of a character."""
    if SURROGATE.match(char):
        return "\ufffd"
    if CONTROL.match(char):
        return " " if char in _PARTING else "\n" if char in _LINE_ENDS else ""
    return char


def _joins(char: str) -> bool:
    """Whether a character may change by composition with what stands before it."""
    return bool(unicodedata.combining(unicodedata.normalize("NFD", char)[0])) or char in _joining()


@cache
def _joining() -> frozenset[str]:
    """Characters that join to one before them and are no combining marks: vowels of Korean and of scripts of India."""
    pairs = (unicodedata.decomposition(chr(code)).split() for code in range(0x80, 0x20000))
    second = {chr(int(pair[1], 16)) for pair in pairs if len(pair) == 2 and not pair[0].startswith("<")}
    return frozenset(second | set(map(chr, [*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)])))
