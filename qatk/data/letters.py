"""Letters of contexts that no token covers: the sign of a tokenizer whose offsets are wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from qatk.evaluation.token_spans import FEW, Tokens, blocks, outermost
from qatk.types import Bool, Examples, Features, Int64, ragged

_SHOWN = 3


@dataclass(frozen=True)
class Letters:
    """Letters (and digits) between the tokens of windows.

    Attributes:
        words: runs of letters in the contexts that windows begin.
        lost: letters that no token covers, though tokens at both sides do.
        first: those of them that begin a word.
        shown: some words that lack letters, as (what the context has, what tokens have of it).
    """

    words: int
    lost: int
    first: int
    shown: Sequence[tuple[str, str]]


def find_lost_letters(examples: Examples, features: Features) -> Letters:
    """Look between the tokens of all windows of the first question about each context."""
    _, first = np.unique(examples.context_index, return_index=True)
    asked = np.zeros(len(examples), np.bool_)
    asked[first] = True
    gaps: list[Int64] = []
    for begin, stop in blocks(features):
        gaps.append(_gaps(examples, features, begin, stop, asked))
        features.release()
    found = np.unique(np.concatenate(gaps), axis=0)
    letter, base = _letters(examples.context)
    before = np.concatenate([[False], letter[:-1]])
    before[base[:-1]] = False  # the first letter of a context follows nothing
    starts = letter & ~before
    counts, firsts = (np.concatenate([[0], np.cumsum(flags)]) for flags in (letter, starts))
    low, high = base[found[:, 0]] + found[:, 1], base[found[:, 0]] + found[:, 2]
    lost = counts[high] - counts[low]
    end = np.isin(found[:, 3], (1, 2)) & (lost > FEW)
    lost[end] = 0
    at = np.flatnonzero(lost)
    words = int((firsts[base[1:]] - firsts[base[:-1]])[np.unique(examples.context_index[first])].sum())
    return Letters(
        words=words,
        lost=int(lost.sum()),
        first=int((firsts[high] - firsts[low])[at].sum()),
        shown=[_shown(examples.context[int(c)], int(a), int(b)) for c, a, b, _ in found[at[:_SHOWN]].tolist()],
    )


def _gaps(examples: Examples, features: Features, begin: int, stop: int, asked: Bool) -> Int64:
    """int64[gaps, 4]: context, first and last character (exclusive), and where: between (0), before (1), after (2)."""
    tokens = Tokens.of(features, begin, stop)
    rows = features.example_index[begin:stop]
    context = examples.context_index[rows].astype(np.int64)
    size = np.fromiter((len(examples.context[k]) for k in context.tolist()), np.int64, len(context))
    chosen = asked[rows]
    if not len(tokens.window):
        return np.zeros((0, 4), np.int64)
    # A running maximum, for tokens may share characters or stand out of their order.
    span = int(tokens.right.max()) + 1
    reached = np.maximum.accumulate(tokens.window * span + tokens.right) - tokens.window * span
    same = tokens.window[1:] == tokens.window[:-1]
    gap = np.flatnonzero(same & (reached[:-1] < tokens.left[1:]) & chosen[tokens.window[1:]])
    left, right = tokens.bounds(len(rows))
    ends = outermost(features, begin, stop)
    first, last = (np.flatnonzero(chosen & (right >= 0) & end) for end in ends)
    parts = [
        (context[tokens.window[gap]], reached[gap], tokens.left[gap + 1], 0),
        (context[first], np.zeros(len(first), np.int64), left[first], 1),
        (context[last], right[last], size[last], 2),
    ]
    return np.concatenate([np.stack([c, a, b, np.full(len(c), kind)], axis=1) for c, a, b, kind in parts])


@cache
def _table() -> Bool:
    """bool: which code points are letters or digits; the last stands for all beyond."""
    return np.array([chr(code).isalnum() for code in range(0x32400)])


def _letters(texts: Sequence[str]) -> tuple[Bool, Int64]:
    """bool[characters of all texts]: which are letters or digits; int64[texts + 1], where each text begins."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le"), np.uint32)
    table = _table()
    sizes = np.fromiter(map(len, texts), np.int64, len(texts))
    return table[np.minimum(codes, len(table) - 1)], ragged.offsets_of(sizes)


def _shown(context: str, begin: int, end: int) -> tuple[str, str]:
    """The word around some characters, and what is left of it."""
    while begin < end and not context[begin].isalnum():
        begin += 1
    first, last = begin, begin
    while first > 0 and context[first - 1].isalnum():
        first -= 1
    while last < len(context) and context[last].isalnum():
        last += 1
    return context[first:last], context[first:begin] + context[min(end, last) : last]
