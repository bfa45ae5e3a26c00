"""Gold answers through tokens and back: which tokens of a window stand for an answer, and what text these give.

Letters in shapes: A gold answers, T tokens of some windows that have characters, P pairs of a window and an answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from qatk.languages import ENGLISH, Normalisation
from qatk.types import Bool, Examples, Features, Int8, Int32, Int64, ragged

FITS: tuple[str, ...] = ("exact", "loose", "cut", "letters lost", "window", "unknown place")
"""Codes of :attr:`TokenSpans.fit`: the tokens give the answer; they give more or less, which is the same to the metric;
it begins or ends inside a token; tokens leave out letters of it; no window holds it whole; its place is unknown."""

EXACT, LOOSE, CUT, LOST, OUTSIDE, UNPLACED = range(6)

BLOCK = 1 << 20
"""Tokens that are looked at together."""
FEW = 2
"""Letters at an end of a context that tokens may lack and still surround what stands there: a first letter lost."""


@dataclass(frozen=True, eq=False)
class TokenSpans:
    """What tokens make of each gold answer, in the window where they do best.

    Attributes:
        fit: int8[A], indices into :data:`FITS`.
        tokens: int32[A], how many tokens give it, 0 where they cannot (all but ``exact`` and ``loose``).
        char_start, char_end: int32[A], the characters that its tokens stand for; -1 where there are none.
    """

    fit: Int8
    tokens: Int32
    char_start: Int32
    char_end: Int32


def find_token_spans(examples: Examples, features: Features, normalisation: Normalisation = ENGLISH) -> TokenSpans:
    """Hold every gold answer against every window of its question.

    Args:
        examples: with gold.
        features: their windows.
        normalisation: by which normaliser two texts are the same to the metric.
    """
    count = len(examples.answer_text)
    fit = np.where(examples.answer_start < 0, UNPLACED, OUTSIDE).astype(np.int8)
    tokens, start, end = (np.full(count, value, np.int32) for value in (0, -1, -1))
    for begin, stop in blocks(features):
        found = _look(examples, features, normalisation, begin, stop)
        for code in (LOST, CUT, LOOSE, EXACT):
            better = (found.fit == code) & (code < fit[found.answer])
            answer = found.answer[better]
            fit[answer] = code
            tokens[answer] = found.tokens[better] if code <= LOOSE else 0
            start[answer], end[answer] = found.char_start[better], found.char_end[better]
        features.release()
    return TokenSpans(fit, tokens, start, end)


def blocks(features: Features) -> Iterator[tuple[int, int]]:
    """Ranges of windows with about :data:`BLOCK` tokens; each stands for itself, so questions may be cut."""
    begin = 0
    while begin < len(features):
        limit = features.token_offsets[begin] + BLOCK
        stop = max(begin + 1, int(np.searchsorted(features.token_offsets, limit, "right")) - 1)
        yield begin, min(stop, len(features))
        begin = stop


@dataclass(frozen=True, eq=False)
class _Found:
    """P pairs of a window and an answer: the answer, and as :class:`TokenSpans`."""

    answer: Int64
    fit: Int8
    tokens: Int64
    char_start: Int64
    char_end: Int64


def _look(examples: Examples, features: Features, normalisation: Normalisation, begin: int, stop: int) -> _Found:
    """What the windows of a range make of the answers to their questions."""
    window, answer = _pairs(examples, features, begin, stop)
    tokens = Tokens.of(features, begin, stop)
    start = examples.answer_start[answer].astype(np.int64)
    end = start + np.fromiter((len(examples.answer_text[k]) for k in answer.tolist()), np.int64, len(answer))
    if not len(tokens.position) or not len(answer):
        nothing = np.zeros(len(answer), np.int64)
        return _Found(answer, np.full(len(answer), OUTSIDE, np.int8), nothing, nothing, nothing)
    first, last, inside = tokens.covering(window, start, end)
    inside &= start < end  # no token stands for an empty answer
    fit = np.where(inside, CUT, OUTSIDE).astype(np.int8)
    fit[inside & (tokens.left[first] == start) & (tokens.right[last] == end)] = EXACT
    ends = outermost(features, begin, stop)
    reaching = _reaching(tokens, ends, window, start, end) & ~inside & (start < end)
    for i in np.flatnonzero((fit == CUT) | reaching).tolist():
        row = int(features.example_index[begin + int(window[i])])
        context = examples.context_of(row)
        if not inside[i]:
            if not _between(context, tokens, ends, int(window[i]), int(start[i]), int(end[i])):
                continue
            first[i], last[i] = tokens.overlapping(int(window[i]), int(start[i]), int(end[i]))
            fit[i] = LOST
        if first[i] <= last[i]:
            covered = context[int(tokens.left[first[i]]) : int(tokens.right[last[i]])]
            gold = examples.answer_text[int(answer[i])]
            if normalisation.text(examples, row, covered) == normalisation.text(examples, row, gold):
                fit[i] = LOOSE
    some = first <= last
    number = np.where(some, tokens.position[last] - tokens.position[first] + 1, 0)
    left, right = np.where(some, tokens.left[first], start), np.where(some, tokens.right[last], start)
    return _Found(answer, fit, number, left, right)


def outermost(features: Features, begin: int, stop: int) -> tuple[Bool, Bool]:
    """bool[windows of a range] each: whether a window is the first of its question, and the last."""
    row = features.example_index
    bounds = np.concatenate([[True], row[1:] != row[:-1], [True]])
    return bounds[begin:stop], bounds[begin + 1 : stop + 1]


def _reaching(tokens: Tokens, ends: tuple[Bool, Bool], window: Int64, start: Int64, end: Int64) -> Bool:
    """bool[P]: whether the window has characters at both sides of the answer, or might at an end of the context."""
    left, right = tokens.bounds(len(ends[0]))
    before, after = (left[window] <= start) | ends[0][window], (right[window] >= end) | ends[1][window]
    return before & after & (right[window] >= 0)


def _between(context: str, tokens: Tokens, ends: tuple[Bool, Bool], window: int, start: int, end: int) -> bool:
    """Whether the tokens of a window surround an answer; at an end of the context they may leave out few letters."""
    lefts, rights = (column[tokens.among(window)] for column in (tokens.left, tokens.right))
    left, right = int(lefts.min()), int(rights.max())
    begins = left <= start or (ends[0][window] and sum(map(str.isalnum, context[:left])) <= FEW)
    return bool(begins and (right >= end or (ends[1][window] and sum(map(str.isalnum, context[right:])) <= FEW)))


@dataclass(frozen=True, eq=False)
class Tokens:
    """The tokens of some windows that have characters.

    Attributes:
        window: int64[T], non-decreasing, counted from the first of these windows.
        position: int64[T], among all tokens of these windows.
        left, right: int64[T], its characters.
    """

    window: Int64
    position: Int64
    left: Int64
    right: Int64

    @classmethod
    def of(cls, features: Features, begin: int, stop: int) -> Tokens:
        """Those of a range of windows."""
        among, offsets = ragged.ragged_range(features.token_offsets, begin, stop)
        position = np.flatnonzero(features.char_start[among] < features.char_end[among])
        left, right = (column[among][position].astype(np.int64) for column in (features.char_start, features.char_end))
        return cls(ragged.owners(offsets)[position], position, left, right)

    def among(self, window: int) -> slice:
        """The tokens of one window."""
        return slice(*np.searchsorted(self.window, [window, window + 1]).tolist())

    def bounds(self, windows: int) -> tuple[Int64, Int64]:
        """int64[windows] each: the first and last character that a window's tokens have; none in one without."""
        left, right = np.full(windows, np.iinfo(np.int64).max), np.full(windows, -1)
        held = self.window < windows
        np.minimum.at(left, self.window[held], self.left[held])
        np.maximum.at(right, self.window[held], self.right[held])
        return left, right

    def overlapping(self, window: int, start: int, end: int) -> tuple[int, int]:
        """First and last token (inclusive) of a window with characters of a span; of none, the last comes first."""
        among = self.among(window)
        found = among.start + np.flatnonzero((self.right[among] > start) & (self.left[among] < end))
        return (int(found[0]), int(found[-1])) if len(found) else (1, 0)

    def covering(self, window: Int64, start: Int64, end: Int64) -> tuple[Int64, Int64, Bool]:
        """First and last token (inclusive) of characters in windows, and whether these tokens hold all of them."""
        first, last = ragged.tokens_of(self.window, self.left, self.right, window, start, end)
        total = len(self.window)
        inside = (first <= last) & (first < total) & (last >= 0)
        first, last = np.minimum(first, total - 1), np.maximum(last, 0)
        inside &= (self.window[first] == window) & (self.window[last] == window)
        inside &= (self.left[first] <= start) & (self.right[last] >= end)
        return first, last, inside


def _pairs(examples: Examples, features: Features, begin: int, stop: int) -> tuple[Int64, Int64]:
    """Of the windows of a range each with each gold answer, of known place, of its question: two int64[pairs]."""
    assert examples.answer_offsets is not None
    row = features.example_index[begin:stop]
    first, each = examples.answer_offsets[row], np.diff(examples.answer_offsets)[row]
    window, answer = np.repeat(np.arange(stop - begin), each), ragged.ranges(first, each)
    placed = examples.answer_start[answer] >= 0
    return window[placed], answer[placed]
