"""What a data set is like: how much there is of everything, how long it is, and what is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from qatk.data.strict import examples_of
from qatk.display import words_of
from qatk.types import Bool, Examples, Int64, RawExamples

BINS = 12
"""Bars of a chart of lengths, at most."""
_WHOLE = 0.98
"""A chart of lengths ends where this share of them lies below; the last bar holds what is longer."""
COUNTS = {
    "questions": "questions",
    "contexts": "contexts",
    "articles": "articles",
    "answers": "answers",
    "questions_without_answer": "questions without an answer",
    "questions_of_several_spans": "questions of several spans",
    "answers_of_unknown_position": "answers of unknown position",
}
"""What is counted: names for programs, and in words."""
LENGTHS = {
    "words_per_question": "words of a question",
    "words_per_context": "words of a context",
    "characters_per_context": "characters of a context",
    "questions_per_context": "questions of a context",
    "words_per_answer": "words of an answer",
    "characters_per_answer": "characters of an answer",
    "answers_per_answered_question": "answers of a question that has any",
    "answer_position_percent": "place of an answer in its context, per cent",
    "windows_per_question": "windows of a question",
}
"""Whose spread is shown: names for programs, and in words."""


@dataclass(frozen=True)
class Spread:
    """How a number spreads over questions, contexts or answers.

    Attributes:
        count: how many numbers there are.
        least, median, mean, p90, most: of them.
        bars: the upper end of each bar (inclusive) and how many numbers lie in it.
    """

    count: int
    least: float
    median: float
    mean: float
    p90: float
    most: float
    bars: Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Stats:
    """What a data set is like.

    Attributes:
        counts: how many questions, contexts, articles and answers there are, and of which kinds, by the names of
            :data:`COUNTS`.
        spreads: the lengths, by the names of :data:`LENGTHS`.
        groups: by name, how many questions fall into each group.
    """

    counts: Mapping[str, int]
    spreads: Mapping[str, Spread]
    groups: Mapping[str, Mapping[str, int]]

    def plain(self) -> dict[str, object]:
        """All of it as JSON values."""
        return asdict(self)


def describe(
    data: Examples | RawExamples,
    groups: Mapping[str, Mapping[str, Bool]] | None = None,
    windows: Int64 | None = None,
) -> Stats:
    """What a data set is like; answers need not stand where they say.

    Args:
        data: examples with or without gold, or as :func:`qatk.data.read` gives them.
        groups: by name, groups of questions as slicers make them, bool[n] each.
        windows: int64[n], the windows of each question with some tokenizer.
    """
    examples = examples_of(data)
    found = {name: {group: int(mask.sum()) for group, mask in masks.items()} for name, masks in (groups or {}).items()}
    return Stats(_counts(examples), dict(_spreads(examples, windows)), {k: v for k, v in found.items() if v})


def _counts(examples: Examples) -> dict[str, int]:
    found = {
        "questions": len(examples),
        "contexts": len(examples.context),
        "articles": len(set(filter(None, examples.title))),
    }
    if examples.has_gold:
        found |= {
            "answers": len(examples.answer_text),
            "questions_without_answer": int((~examples.has_answer).sum()),
            "questions_of_several_spans": int((examples.spans_due > 1).sum()),
            "answers_of_unknown_position": int((examples.answer_start < 0).sum()),
        }
    return found


def _spreads(examples: Examples, windows: Int64 | None) -> Iterable[tuple[str, Spread]]:
    per_context = np.bincount(examples.context_index, minlength=len(examples.context))
    columns: dict[str, Iterable[int]] = {
        "words_per_question": _words(examples.question),
        "words_per_context": _words(examples.context),
        "characters_per_context": map(len, examples.context),
        "questions_per_context": per_context[per_context > 0].tolist(),
    }
    if examples.answer_offsets is not None:
        counts = np.diff(examples.answer_offsets)
        columns |= {
            "words_per_answer": _words(examples.answer_text),
            "characters_per_answer": map(len, examples.answer_text),
            "answers_per_answered_question": counts[counts > 0].tolist(),
            "answer_position_percent": _places(examples).tolist(),
        }
    if windows is not None:
        columns["windows_per_question"] = windows.tolist()
    for name, values in columns.items():
        numbers = np.fromiter(values, np.int64)
        if len(numbers):
            yield name, spread(numbers)


def _words(texts: Sequence[str]) -> Iterable[int]:
    return (len(words_of(text)) for text in texts)


def _places(examples: Examples) -> Int64:
    """Where the known answers begin, in per cent of their contexts."""
    lengths = np.fromiter(map(len, examples.context), np.int64, len(examples.context))
    owner = examples.context_index[examples.answer_owners]
    known = (examples.answer_start >= 0) & (examples.answer_start < lengths[owner])
    places: Int64 = 100 * examples.answer_start[known].astype(np.int64) // lengths[owner][known]
    return places


def spread(numbers: NDArray[np.int64]) -> Spread:
    """How whole numbers spread, at least one of them."""
    return Spread(
        count=len(numbers),
        least=int(numbers.min()),
        median=float(np.median(numbers)),
        mean=float(numbers.mean()),
        p90=float(np.quantile(numbers, 0.9)),
        most=int(numbers.max()),
        bars=_bars(numbers),
    )


def _bars(numbers: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Bars of equal width in whole numbers; the last one reaches to the largest number."""
    low, high, most = int(numbers.min()), int(np.quantile(numbers, _WHOLE)), int(numbers.max())
    width = max(1, -(-(high - low + 1) // BINS))
    ends = list(range(low + width - 1, max(high, low), width)) or [low]
    if ends[-1] < high:
        ends.append(ends[-1] + width)
    ends[-1] = max(ends[-1], most)
    counts = np.bincount(np.searchsorted(ends, numbers), minlength=len(ends))
    return list(zip(ends, counts.tolist(), strict=True))
