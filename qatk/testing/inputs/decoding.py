"""Decoding problems made by hand, each with a catch. Only numpy; all random numbers come from a seed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from qatk.types import Examples, Features, Float32, Int64, SpanCandidates, SpanScores, TokenScores

TEXT = "Ada wrote it in 1843."
INF = np.float32(np.inf)


@dataclass(frozen=True, eq=False)
class Problem:
    """What a decoder is given, and what there is to know about it.

    Attributes:
        name: what the catch is.
        examples, features, scores: the arguments of ``decode``.
        answer: the only sensible answer of each example, ``None`` where the promise says nothing.
    """

    name: str
    examples: Examples
    features: Features
    scores: SpanScores
    answer: tuple[str | None, ...] = ()


@dataclass(frozen=True)
class Window:
    """One window over an example: ``[CLS] question [SEP] context [SEP]``, on the left the context first.

    Attributes:
        example: whose window it is.
        chars: characters of the context's tokens, end exclusive.
        start, end: their scores.
        null: the score of "no answer".
        left: whether the context stands first and the null position last.
    """

    example: int
    chars: Sequence[tuple[int, int]]
    start: Sequence[float]
    end: Sequence[float]
    null: float = 0.0
    left: bool = False

    def columns(self) -> tuple[list[tuple[int, int]], tuple[list[float], list[float]], int]:
        """Characters, start and end scores of all tokens, and the null position."""
        before, after = ([], [(-1, -1)] * 4) if self.left else ([(-1, -1)] * 4, [(-1, -1)])
        null = len(self.chars) + 3 if self.left else 0
        out = [-np.inf] * len(before), [-np.inf] * len(after)
        rows = [*out[0], *self.start, *out[1]], [*out[0], *self.end, *out[1]]
        for row in rows:
            row[null] = self.null / 2  # the null position keeps scores of its own, as with a linear head
        return [*before, *self.chars, *after], rows, null


def word_spans(text: str) -> list[tuple[int, int]]:
    """Characters of the words of a text."""
    return [match.span() for match in re.finditer(r"\S+", text)]


def examples_of(contexts: Sequence[str], answers: Sequence[Sequence[str]] | None = None) -> Examples:
    """An example a context; gold is absent without ``answers``."""
    n = len(contexts)
    bare = Examples(
        id=[f"q{i}" for i in range(n)],
        question=["What is asked?"] * n,
        title=[""] * n,
        context=list(contexts),
        context_index=np.arange(n, dtype=np.int32),
    )
    if answers is None:
        return bare
    starts = [context.find(text) for context, texts in zip(contexts, answers, strict=True) for text in texts]
    return replace(
        bare,
        answer_offsets=np.cumsum([0, *map(len, answers)], dtype=np.int64),
        answer_text=[text for texts in answers for text in texts],
        answer_start=np.array(starts, np.int32),
    )


def problem(name: str, contexts: Sequence[str], windows: Sequence[Window], *answer: str | None) -> Problem:
    """A problem in the form of start and end scores."""
    columns = [window.columns() for window in windows]
    chars = np.array([pair for column in columns for pair in column[0]], np.int32).reshape(-1, 2)
    features = Features(
        example_index=np.array([window.example for window in windows], np.int32),
        token_offsets=np.cumsum([0, *(len(column[0]) for column in columns)], dtype=np.int64),
        input_ids=np.arange(len(chars), dtype=np.int32) % 97,
        type_ids=np.zeros(len(chars), np.int8),
        char_start=np.ascontiguousarray(chars[:, 0]),
        char_end=np.ascontiguousarray(chars[:, 1]),
        null_index=np.array([column[2] for column in columns], np.int32),
    )
    start, end = (np.array([v for column in columns for v in column[1][k]], np.float32) for k in (0, 1))
    scores = SpanScores(np.array([window.null for window in windows], np.float32), start, end)
    return Problem(name, examples_of(contexts), features, scores, answer)


def as_candidates(given: Problem) -> Problem:
    """The same scores as scored spans: each of at most 12 tokens between context tokens, backward ones not."""
    assert given.scores.start is not None
    assert given.scores.end is not None
    rows: list[tuple[int, int, int, float]] = []
    for f, (begin, stop) in enumerate(
        zip(given.features.token_offsets, given.features.token_offsets[1:], strict=False)
    ):
        start, end = given.scores.start[begin:stop], given.scores.end[begin:stop]
        inside = np.flatnonzero(given.features.char_start[begin:stop] >= 0)
        pairs = ((i, j) for i in inside for j in range(i, min(i + 12, inside[-1] + 1)))
        sums = ((int(i), int(j), float(start[i] + end[j])) for i, j in pairs)
        rows += [(f, i, j, score) for i, j, score in sums if score > -np.inf]
    feature, first, last = (np.array([row[k] for row in rows], np.int32) for k in range(3))
    candidates = SpanCandidates(feature, first, last, np.array([row[3] for row in rows], np.float32))
    scores = SpanScores(given.scores.null, candidates=candidates)
    return replace(given, name=f"{given.name}, as scored spans", scores=scores)


def as_tokens(given: Problem, *, begins: bool) -> Problem:
    """The start scores as scores of tokens, and with ``begins`` the end scores as the log-odds to begin a span."""
    start, end = given.scores.start, given.scores.end
    assert start is not None
    assert end is not None
    scores = SpanScores(given.scores.null, tokens=TokenScores(start, end if begins else None))
    return replace(given, name=f"{given.name}, as scored tokens", scores=scores)


def with_windows(given: Problem, order: Int64, name: str) -> Problem:
    """The same windows in another order, which must keep each example's windows together and in the examples' order."""
    pieces = [np.arange(given.features.token_offsets[f], given.features.token_offsets[f + 1]) for f in order]
    tokens = np.concatenate([np.zeros(0, np.int64), *pieces])
    null = given.scores.null[order]
    if given.scores.tokens is not None:
        scores = SpanScores(null, tokens=given.scores.tokens.take(tokens))
    else:
        assert given.scores.start is not None
        assert given.scores.end is not None
        scores = SpanScores(null, given.scores.start[tokens], given.scores.end[tokens])
    return replace(given, name=f"{given.name}, {name}", features=given.features.take(order), scores=scores)


def with_null(given: Problem, null: Float32, name: str) -> Problem:
    """The same with other null scores."""
    return replace(given, name=f"{given.name}, {name}", scores=replace(given.scores, null=null))


def peak(at: tuple[int, int], size: int) -> tuple[list[float], list[float]]:
    """Start and end scores of so many tokens: 0, but 6 for the first and the last token of a span."""
    return [6.0 * (k == at[0]) for k in range(size)], [6.0 * (k == at[1]) for k in range(size)]


def decoding_problems() -> list[Problem]:
    """Every problem; answers are given where there is only one sensible one."""
    return [*_of_one_window(), *_of_equal_scores(), *_of_several_examples(), *_of_many_windows()]


WORDS = word_spans(TEXT)
OFF = [-np.inf] * len(WORDS)
_CLEAR = peak((0, 0), len(WORDS))


def _of_one_window() -> list[Problem]:
    backward = Window(0, WORDS, [*OFF[:4], 5.0], [5.0, *OFF[:4]], -1.0)
    tempting = Window(0, WORDS, [0, 0, 0, 0, 9.0], [0, 9.0, 0, 0, 1.0], -20.0)
    masked = Window(0, WORDS, [-np.inf, 0, -np.inf, 5, 0], [0, -np.inf, 0, 5, -np.inf], -9.0)
    empty = Window(0, [(0, 0), (0, 3), (3, 3), (4, 9)], [9, 5, 9, 0], [9, 5, 0, 0], -9.0)
    left = Window(0, WORDS, *peak((0, 0), 5), -3.0, left=True)
    return [
        problem("one window", [TEXT], [Window(0, WORDS, *peak((1, 2), 5), -3.0)], "wrote it"),
        problem("no valid span: every score is -inf", [TEXT], [Window(0, WORDS, OFF, OFF, -1.0)], ""),
        problem("no valid span: each end lies before each start", [TEXT], [backward], ""),
        problem("a high score for a backward span", [TEXT], [tempting], None),
        problem("the context first and the null position last", [TEXT], [left], "Ada"),
        problem("-inf at some tokens", [TEXT], [masked], "in"),
        problem("tokens without characters", [TEXT], [empty], None),
    ]


def _of_equal_scores() -> list[Problem]:
    first = Window(0, WORDS[:3], [0.7, *OFF[:2]], [OFF[0], 0.7, OFF[0]], -9.0)
    second = Window(0, WORDS[2:], [OFF[0], 0.7, OFF[0]], [*OFF[:2], 0.7], -9.0)
    everywhere = [Window(0, WORDS, [1] * 5, [1] * 5), Window(0, WORDS[2:], [1] * 3, [1] * 3)]
    return [
        problem("equal scores everywhere", [TEXT], everywhere, None),
        problem("two spans of equal score, each in a window of its own", [TEXT], [first, second], None),
    ]


def _of_several_examples() -> list[Problem]:
    three = [Window(0, WORDS, *_CLEAR, -4.0), Window(1, WORDS, OFF, OFF), Window(2, WORDS, [0] * 5, [0] * 5, 2.0)]
    two = [Window(0, WORDS[:3], [1] * 3, [1] * 3, 2.0), Window(0, WORDS[2:], *peak((2, 2), 3), -5.0)]
    clear = Window(1, WORDS, *_CLEAR, -4.0)
    return [
        problem("two windows, the answer in the second", [TEXT], two, "1843."),
        problem("three examples: answerable, hopeless, not answerable", [TEXT] * 3, three, "Ada", "", None),
        problem("an empty context", ["", TEXT], [Window(0, [], [], []), clear], "", "Ada"),
        problem("an example without windows", [TEXT] * 2, [clear], "", "Ada"),
        problem("no examples at all", [], []),
    ]


def _of_many_windows() -> list[Problem]:
    rng = np.random.default_rng(5)
    long = " ".join(f"w{i}" for i in range(400))
    words = word_spans(long)
    hundreds = [Window(0, words[b : b + 4], [0.0] * 4, [0.0] * 4, -1.0) for b in range(300)]
    hundreds[207] = Window(0, words[207:211], *peak((1, 2), 4), -1.0)
    noise = []
    for example, begin in ((e, b) for e in (0, 1) for b in (0, 20, 370)):
        chars = words[begin : begin + 40]
        start, end = rng.normal(size=(2, len(chars))).tolist()
        noise.append(Window(example, chars, start, end, float(rng.normal())))
    return [
        problem("300 windows of one example", [long], hundreds, "w208 w209"),
        problem("random scores, two examples of three windows", [long] * 2, noise, None, None),
    ]
