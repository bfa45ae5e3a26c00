"""What a decoder could have answered at best: whether windows, cap and tokens leave a way to a gold answer.

A gold answer is within reach where some window holds tokens whose characters are the answer's (compared as the
metric normalises them), no more of them than the decoder's cap. A question with several spans is within reach where
one alternative of each is. Letters in shapes: n questions, A gold answers, S spans that are due, T tokens of some
windows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from qatk.evaluation.squad import normalise_answer
from qatk.types import Bool, Examples, Features, Int8, Int32, Int64, ragged

REACHES: tuple[str, ...] = ("in reach", "window", "cap", "tokenizer")
"""Codes of :attr:`Reach.code`: within reach; no window holds an answer whole; only answers of more tokens than the cap;
only answers that begin or end inside a token."""

IN_REACH, WINDOW, CAP, TOKENIZER = range(4)
_BY_WEIGHT = (IN_REACH, CAP, TOKENIZER, WINDOW)

BLOCK = 1 << 20
"""Tokens that are looked at together."""


@dataclass(frozen=True, eq=False)
class Reach:
    """How far the answers of a run could go.

    Attributes:
        code: int8[n], indices into :data:`REACHES`. Questions without an answer, and those with one of unknown place,
            are within reach; where answers fail for several reasons, cap comes before tokenizer before window, and
            of several spans the one that fails by the last of these decides.
        windows: int32[n], windows of each question.
        tokens: int32[n], tokens of the shortest gold answer that tokens can give, 0 where there is none; of several
            spans those of the longest.
    """

    code: Int8
    windows: Int32
    tokens: Int32

    def out_of_reach(self) -> dict[str, int]:
        """Questions out of reach by reason (``window``, ``cap`` ...); reasons that keep none are left out."""
        found = {name: int((self.code == k).sum()) for k, name in enumerate(REACHES) if k}
        return {name: number for name, number in found.items() if number}

    def longest_answer(self) -> int | None:
        """The cap in tokens that would reach all answers, where the decoder's cap keeps some out of reach."""
        return int(self.tokens.max()) if (self.code == CAP).any() else None


def find_reach(examples: Examples, features: Features, cap: int | None = None) -> Reach:
    """Hold every gold answer against every window of its question.

    Args:
        examples: with gold.
        features: their windows.
        cap: the most tokens an answer may have; ``None`` where there is no such cap.
    """
    assert examples.answer_offsets is not None
    n, answers = len(examples), len(examples.answer_text)
    windows = np.bincount(features.example_index, minlength=n).astype(np.int32)
    lengths = np.zeros(answers, np.int32)
    held = np.zeros(answers, np.bool_)
    for begin, stop in _blocks(features):
        _look(examples, features, begin, stop, lengths, held)
        features.release()
    span, owner = _spans(examples)
    spans = len(owner)
    shortest = np.full(spans, np.iinfo(np.int32).max, np.int32)
    given = np.flatnonzero(lengths)
    # at takes the minimum each time an index comes up; plain indexing would keep the last.
    np.minimum.at(shortest, span[given], lengths[given])
    shortest[shortest == np.iinfo(np.int32).max] = 0
    of_span = np.where(_any(span, held, spans), TOKENIZER, WINDOW).astype(np.int8)
    of_span[shortest > 0] = IN_REACH if cap is None else CAP
    of_span[(shortest > 0) & (shortest <= (cap or 0))] = IN_REACH
    tokens, worst = np.zeros(n, np.int32), np.zeros(n, np.int8)
    np.maximum.at(tokens, owner, shortest)
    np.maximum.at(worst, owner, np.argsort(_BY_WEIGHT).astype(np.int8)[of_span])
    code = np.array(_BY_WEIGHT, np.int8)[worst]
    code[~examples.has_answer | _any(owner, _any(span, examples.answer_start < 0, spans), n)] = IN_REACH
    return Reach(code, windows, tokens)


def window_masks(windows: Int32) -> dict[str, dict[str, Bool]]:
    """Groups by the number of windows, under ``windows``; none where every question has as many.

    Args:
        windows: int32[n].
    """
    groups = {"1": windows <= 1, "2": windows == 2, "3 or more": windows >= 3}
    held = {name: mask for name, mask in groups.items() if mask.any()}
    return {"windows": held} if len(held) > 1 else {}


def _spans(examples: Examples) -> tuple[Int64, Int64]:
    """int64[A], the span of all that are due which each answer is an alternative of; int64[S], the question of each."""
    owner, span = examples.answer_owners, examples.answer_span
    begins = ragged.begins(owner) if span is None else ragged.begins(owner, span)
    return np.cumsum(begins) - 1, owner[begins]


def _any(owner: Int64, values: Bool, n: int) -> Bool:
    """bool[n]: whether any of what an owner has has the value."""
    found = np.zeros(n, np.bool_)
    found[owner[values]] = True
    return found


def _blocks(features: Features) -> Iterator[tuple[int, int]]:
    """Ranges of windows with about :data:`BLOCK` tokens; each stands for itself, so questions may be cut."""
    begin = 0
    while begin < len(features):
        limit = features.token_offsets[begin] + BLOCK
        stop = max(begin + 1, int(np.searchsorted(features.token_offsets, limit, "right")) - 1)
        yield begin, min(stop, len(features))
        begin = stop


def _look(examples: Examples, features: Features, begin: int, stop: int, lengths: Int32, held: Bool) -> None:
    """Note of each answer the tokens it takes in a window (int32[A], 0 for none), and whether a window holds it."""
    window, answer = _pairs(examples, features, begin, stop)
    offsets = features.token_offsets[begin : stop + 1]
    among = slice(int(offsets[0]), int(offsets[-1]))
    position = np.flatnonzero(features.char_start[among] < features.char_end[among])
    if not len(position) or not len(answer):
        return
    tokens = _Tokens(
        window=ragged.owners(offsets)[position],
        left=features.char_start[among][position].astype(np.int64),
        right=features.char_end[among][position].astype(np.int64),
    )
    start = examples.answer_start[answer].astype(np.int64)
    end = start + np.fromiter((len(examples.answer_text[k]) for k in answer.tolist()), np.int64, len(answer))
    first, last, inside = tokens.covering(window, start, end)
    held[answer[inside]] = True
    given = inside & (tokens.left[first] == start) & (tokens.right[last] == end)
    for i in np.flatnonzero(inside & ~given).tolist():
        context = examples.context_of(int(features.example_index[begin + int(window[i])]))
        covered = context[int(tokens.left[first[i]]) : int(tokens.right[last[i]])]
        given[i] = normalise_answer(covered) == normalise_answer(examples.answer_text[int(answer[i])])
    lengths[answer[given]] = (position[last] - position[first] + 1)[given]


@dataclass(frozen=True, eq=False)
class _Tokens:
    """The tokens of some windows that have characters: int64[T] each, the window and its characters."""

    window: Int64
    left: Int64
    right: Int64

    def covering(self, window: Int64, start: Int64, end: Int64) -> tuple[Int64, Int64, Bool]:
        """First and last token (inclusive) of characters in windows, and whether these tokens hold all of them.

        One rising key over all windows makes it one search; the accumulations keep it rising where a normalizer has
        put tokens out of the order of their characters.
        """
        span = int(self.right.max()) + 2
        ends = np.maximum.accumulate(self.window * span + self.right)
        starts = np.minimum.accumulate((self.window * span + self.left)[::-1])[::-1]
        first = np.searchsorted(ends, window * span + np.minimum(start, span - 1), "right")
        last = np.searchsorted(starts, window * span + np.minimum(end, span - 1), "left") - 1
        inside = (first <= last) & (first < len(ends)) & (last >= 0)
        first, last = np.minimum(first, len(ends) - 1), np.maximum(last, 0)
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
