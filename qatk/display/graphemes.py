"""Characters as readers see them: a letter with its marks is one, and is never cut in two."""

from __future__ import annotations

import re
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING

from qatk.word_bounds import UNSPACED, cuts_word

if TYPE_CHECKING:
    import regex

_NEAR = 64
"""Characters around a place that are looked at; longer clusters are no writing, and may be cut."""
_LONG = 4096
"""Characters of a word that are looked at on either side of a span."""

_WORD = re.compile(r"\w+", re.ASCII)
_LETTERS = r"[\w\p{M}\u200c\u200d]"


@cache
def _word() -> regex.Pattern[str]:
    import regex

    return regex.compile(f"{_LETTERS}+")  # unlike in re, marks belong to words


@cache
def _spaced() -> tuple[regex.Pattern[str], regex.Pattern[str]]:
    """Part of a word in a script with blanks between words: to read forwards, and backwards."""
    import regex

    part = f"[{_LETTERS}--{UNSPACED.pattern}]++"
    return regex.compile(f"(?V1){part}"), regex.compile(f"(?V1r){part}")


@cache
def _cluster() -> regex.Pattern[str]:
    import regex  # takes a moment to import, and plain English needs none of it

    return regex.compile(r"\X")


def clusters(text: str) -> list[str]:
    """The grapheme clusters of a text (Unicode Standard Annex 29): letters with their marks, emoji, line ends."""
    return list(text) if text.isascii() and "\r" not in text else _cluster().findall(text)


def cut_before(text: str, at: int) -> int:
    """The last place at or before ``at`` where a text may be cut without cutting a grapheme cluster."""
    beside = text[max(at - 1, 0) : at + 1]
    if at <= 0 or at >= len(text) or (beside.isascii() and beside != "\r\n"):
        return min(max(at, 0), len(text))
    begin = max(at - _NEAR, 0)
    ends = accumulate(map(len, clusters(text[begin : at + _NEAR])), initial=begin)
    return max((end for end in ends if end <= at), default=at)


def cut_after(text: str, at: int) -> int:
    """The first place at or after ``at`` where a text may be cut without cutting a grapheme cluster."""
    begin = cut_before(text, at)
    return begin if begin >= min(max(at, 0), len(text)) else begin + len(clusters(text[begin : begin + _NEAR])[0])


def shortened(text: str, length: int) -> str:
    """The first ``length`` characters of a text, fewer where the last cluster would be cut; then an ellipsis."""
    return text if len(text) <= length else text[: cut_before(text, length)] + "…"


def word_places(text: str) -> list[tuple[int, int]]:
    """The first and last character (exclusive) of each word: of letters, digits and marks, without punctuation.

    Of scripts without blanks each cluster counts as a word.
    """
    if text.isascii():
        return [match.span() for match in _WORD.finditer(text)]
    places = []
    for match in _word().finditer(text):
        at = match.start()
        for word in words_of(match[0]):
            places.append((at, at + len(word)))
            at += len(word)
    return places


def in_whole_words(text: str, start: int, end: int) -> tuple[int, int]:
    """A span, stretched to whole words as :func:`word_places` has them; only what is near its edges is looked at."""
    ahead, back = _spaced()
    if ahead.match(text, start, start + 1) and (found := back.match(text, max(start - _LONG, 0), start)):
        start = found.start()
    if back.match(text, end - 1, end) and (found := ahead.match(text, end, end + _LONG)):
        end = found.end()
    return cut_before(text, start), cut_after(text, end)


def occurrences(part: str, text: str) -> int:
    """How often a text stands in another, not as part of a longer word or number; nothing stands nowhere."""
    found = text.count(part) if part else 0
    return found if found <= 1 else max(len(places_of(part, text)), 1)


def places_of(part: str, text: str, *, any_case: bool = False) -> list[tuple[int, int]]:
    """First character and end of each place where a text stands in another, not as part of a longer word or number."""
    import regex

    before, after = ("" if UNSPACED.match(edge) else _LETTERS for edge in (part[0], part[-1]))
    before, after = before and f"(?<!{before})", after and f"(?!{after})"
    whole = f"{before}{regex.escape(part)}{after}"
    spans = (found.span() for found in regex.finditer(whole, text, regex.IGNORECASE if any_case else 0))
    return [(start, end) for start, end in spans if not cuts_word(text, start, end)]


def words_of(text: str) -> list[str]:
    """The words of a text by blanks; of scripts without blanks each cluster counts as a word."""
    if text.isascii() or not UNSPACED.search(text):
        return text.split()
    words: list[str] = []
    for part in text.split():
        spelt = ""
        for cluster in clusters(part):
            if UNSPACED.match(cluster):
                words += [spelt, cluster] if spelt else [cluster]
                spelt = ""
            else:
                spelt += cluster
        words += [spelt] if spelt else []
    return words
