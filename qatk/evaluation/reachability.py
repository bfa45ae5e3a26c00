"""Reachability: whether windows, maximum answer length and tokenizer allow a gold answer at all.

A gold answer is within reach if some window has a sequence of tokens whose characters are the answer (compared after
the metric's normalisation) and that is not longer than the decoder's maximum. A question with several spans is within
reach if one alternative of each span is. Letters in shapes: n questions, A gold answers, S spans that are due, T tokens
of some windows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qatk.evaluation.token_spans import CUT, LOST, TokenSpans, find_token_spans
from qatk.languages import ENGLISH, Normalisation
from qatk.types import Bool, Examples, Features, Int8, Int32, Int64, ragged

REACHES: tuple[str, ...] = ("in reach", "window", "cap", "tokenizer")
"""The meaning of :attr:`Reach.code`: within reach; no window contains a whole answer; every answer has too many tokens;
every answer begins or ends inside a token, or has letters that the tokens leave out."""

IN_REACH, WINDOW, CAP, TOKENIZER = range(4)
_BY_WEIGHT = (IN_REACH, CAP, TOKENIZER, WINDOW)


@dataclass(frozen=True, eq=False)
class Reach:
    """Which gold answers a run could give.

    Attributes:
        code: int8[n], indices into :data:`REACHES`. Questions without an answer, or with an answer at an unknown
            position, are within reach. If answers fail for several reasons, cap comes before tokenizer before window;
            of several spans, the one whose reason comes last in this order decides.
        windows: int32[n], the number of windows of each question.
        tokens: int32[n], the number of tokens in the shortest reachable gold answer, 0 if there is none; of several
            spans, that of the longest one.
    """

    code: Int8
    windows: Int32
    tokens: Int32

    def out_of_reach(self) -> dict[str, int]:
        """The number of questions out of reach by reason (``window``, ``cap`` ...), for reasons that occur."""
        found = {name: int((self.code == k).sum()) for k, name in enumerate(REACHES) if k}
        return {name: number for name, number in found.items() if number}

    def longest_answer(self) -> int | None:
        """The maximum answer length, in tokens, that would reach all answers, if the decoder's is too small."""
        return int(self.tokens.max()) if (self.code == CAP).any() else None


def find_reach(
    examples: Examples, features: Features, cap: int | None = None, normalisation: Normalisation = ENGLISH
) -> Reach:
    """Compare every gold answer with every window of its question.

    Args:
        examples: with gold answers.
        features: their windows.
        cap: the maximum number of tokens in an answer; ``None`` if there is no maximum.
        normalisation: by which normaliser two texts are the same to the metric.
    """
    return reach_of(examples, features, find_token_spans(examples, features, normalisation), cap)


def reach_of(examples: Examples, features: Features, found: TokenSpans, cap: int | None = None) -> Reach:
    """The same, where it is known already what tokens make of each answer."""
    assert examples.answer_offsets is not None
    n = len(examples)
    windows = np.bincount(features.example_index, minlength=n).astype(np.int32)
    lengths = found.tokens
    held = (found.fit == CUT) | (found.fit == LOST)
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
    # argsort inverts the order of weights: from code to weight, whose maximum is the reason that decides.
    np.maximum.at(worst, owner, np.argsort(_BY_WEIGHT).astype(np.int8)[of_span])
    code = np.array(_BY_WEIGHT, np.int8)[worst]
    code[~examples.has_answer | _any(owner, _any(span, examples.answer_start < 0, spans), n)] = IN_REACH
    return Reach(code, windows, tokens)


def window_masks(windows: Int32) -> dict[str, dict[str, Bool]]:
    """Groups by the number of windows, under ``windows``; empty if every question has the same number.

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
