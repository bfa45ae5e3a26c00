"""What evaluation data shares with training data, to the letter and nearly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial

from qatk.data.quality.findings import Found, short
from qatk.data.quality.near import near, words_of
from qatk.data.quality.questions import folded
from qatk.data.quality.texts import first_rows
from qatk.types import RawExamples

CONTEXT, QUESTION = 0.6, 0.7
"""The Jaccard similarity from which contexts and questions count as nearly the same."""


def overlap_findings(raw: RawExamples, train: RawExamples) -> Iterator[Found]:
    """Finds about what stands in the training data too, one kind after the other."""
    contexts = _matching_contexts(raw.context, train.context)
    rows = first_rows(raw).tolist()
    for kind, wanted in (("context-in-train", True), ("near-context-in-train", False)):
        found = [k for k, match in contexts.items() if match.exact is wanted and rows[k] >= 0]
        yield Found(kind, [rows[k] for k in found], partial(_context, raw, train, found, contexts))
    yield from _questions(raw, train, contexts)


@dataclass
class _Match:
    """The texts of the other side that are the same, if exact, or nearly the same."""

    exact: bool
    others: list[int] = field(default_factory=list)


def _matching_contexts(texts: Sequence[str], others: Sequence[str]) -> dict[int, _Match]:
    """For each context that has any the training contexts that match it: the same, or else those nearly the same."""
    places: dict[str, list[int]] = defaultdict(list)
    for k, text in enumerate(folded(others)):
        if text:
            places[text].append(k)
    keys = folded(texts)
    found = {k: _Match(True, places[key]) for k, key in enumerate(keys) if key in places}
    left = [k for k, key in enumerate(keys) if key and k not in found]
    distinct = list(places)
    for k, alike in near([keys[k] for k in left], distinct, CONTEXT):
        found[left[k]] = _Match(False, [other for of in alike for other in places[distinct[of]]])
    return dict(sorted(found.items()))


def shingles(text: str, size: int) -> set[str]:
    """The runs of ``size`` words of a text, and shorter ones where it has no more; characters where none are words."""
    words = words_of(text)
    if len(words) <= size:
        return {" ".join(words)}
    return set(map(" ".join, zip(*(words[k:] for k in range(size)), strict=False)))


def jaccard(one: set[str], other: set[str]) -> float:
    """The share of what both have in what one of them has."""
    return len(one & other) / len(one | other)


def _questions(raw: RawExamples, train: RawExamples, contexts: Mapping[int, _Match]) -> Iterator[Found]:
    """Questions of a context that matches are compared with all of it; of other contexts, to the letter."""
    mine, theirs = folded(raw.question), folded(train.question)
    by_text, by_both, by_context = dict[str, int](), dict[tuple[int, str], int](), defaultdict[int, list[int]](list)
    for row, (text, context) in enumerate(zip(theirs, train.context_index.tolist(), strict=True)):
        by_text.setdefault(text, row)
        by_both.setdefault((context, text), row)
        by_context[context].append(row)
    their_words = cache(lambda row: shingles(theirs[row], 1))
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for row, (text, context) in enumerate(zip(mine, raw.context_index.tolist(), strict=True)):
        if not text:
            continue
        others = contexts[context].others if context in contexts else []
        if (same := next((by_both[k, text] for k in others if (k, text) in by_both), None)) is not None:
            found["question-in-train"].append((row, same))
        elif (alike := _nearest(text, their_words, (row for k in others for row in by_context[k]))) is not None:
            found["near-question-in-train"].append((row, alike))
        elif text in by_text:
            found["question-of-other-context"].append((row, by_text[text]))
    for kind, pairs in found.items():
        yield Found(kind, [row for row, _ in pairs], partial(_question, raw, train, pairs))


def _nearest(text: str, words_of_row: Callable[[int], set[str]], among: Iterable[int]) -> int | None:
    """The question most like another by its words, if it is like enough."""
    words = shingles(text, 1)
    best, place = max(((jaccard(words, words_of_row(row)), -row) for row in among), default=(0.0, 0))
    return -place if best >= QUESTION else None


def _question(raw: RawExamples, train: RawExamples, pairs: Sequence[tuple[int, int]], number: int) -> str:
    row, other = pairs[number]
    return f"{short(raw.question[row])} is {short(train.question[other])} of {train.name_of(other)}"


def _context(
    raw: RawExamples, train: RawExamples, found: Sequence[int], matches: Mapping[int, _Match], number: int
) -> str:
    other = matches[found[number]].others[0]
    row = int(first_rows(train)[other])
    of = f" of {train.name_of(row)}" if row >= 0 else ""
    return f"{short(raw.context[found[number]])} is {short(train.context[other])}{of}"
