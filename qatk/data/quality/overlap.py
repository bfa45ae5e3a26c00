"""What evaluation data shares with training data, to the letter and nearly.

Near-duplicates are texts whose sets of shingles (runs of words) have a Jaccard similarity of at least a threshold
(Broder 1997). Candidates come from MinHash signatures in a table of bands (Leskovec, Rajaraman and Ullman, "Mining of
Massive Datasets", chapter 3), and each is then compared in full, so that nothing is reported that is not so.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from qatk.data.quality.findings import Found, short
from qatk.data.quality.questions import folded
from qatk.data.quality.texts import first_rows
from qatk.types import RawExamples

CONTEXT, QUESTION = 0.6, 0.7
"""The Jaccard similarity from which contexts and questions count as nearly the same."""
_PERMUTATIONS, _BANDS = 128, 32
"""At a similarity of 0.6, 98.8 % of pairs share one of 32 bands of 4 values; at 0.7, 99.98 %."""
_WORDS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|\\w+")


def overlap_findings(raw: RawExamples, train: RawExamples) -> Iterator[Found]:
    """Finds about what stands in the training data too, one kind after the other."""
    contexts = _matches(raw.context, train.context, 3, CONTEXT)
    rows = first_rows(raw).tolist()
    for kind, wanted in (("context-in-train", True), ("near-context-in-train", False)):
        found = [k for k, match in contexts.items() if match.exact is wanted and rows[k] >= 0]
        yield Found(kind, [rows[k] for k in found], _Contexts(raw, train, found, contexts))
    yield from _questions(raw, train, contexts)


@dataclass
class _Match:
    """The texts of the other side that are the same, if exact, or nearly the same."""

    exact: bool
    others: list[int] = field(default_factory=list)


def _matches(texts: Sequence[str], others: Sequence[str], size: int, threshold: float) -> dict[int, _Match]:
    """For each text that has one, the texts of the other side that match it; the same before nearly the same."""
    places: dict[str, list[int]] = defaultdict(list)
    for k, text in enumerate(folded(others)):
        places[text].append(k)
    keys = folded(texts)
    found = {k: _Match(True, places[key]) for k, key in enumerate(keys) if key and key in places}
    left = [k for k, key in enumerate(keys) if key and k not in found]
    for k, near in _near([keys[k] for k in left], list(places), size, threshold):
        found[left[k]] = _Match(False, [other for key in near for other in places[key]])
    return dict(sorted(found.items()))


def _near(texts: Sequence[str], others: Sequence[str], size: int, threshold: float) -> Iterator[tuple[int, list[str]]]:
    """For each text that has any the other texts nearly the same, the nearest first."""
    from rensa import RMinHash, RMinHashLSH

    if not texts or not others:
        return
    index = RMinHashLSH(threshold, _PERMUTATIONS, _BANDS)
    for k, text in enumerate(others):
        index.insert(k, _signature(RMinHash, shingles(text, size)))
    for k, text in enumerate(texts):
        mine = shingles(text, size)
        alike = [(jaccard(mine, shingles(others[c], size)), c) for c in index.query(_signature(RMinHash, mine))]
        best = sorted((pair for pair in alike if pair[0] >= threshold), key=lambda pair: (-pair[0], pair[1]))
        if best:
            yield k, [others[c] for _, c in best]


def _signature(kind: type, wanted: set[str]) -> object:
    signature = kind(num_perm=_PERMUTATIONS, seed=0)
    signature.update(list(wanted))
    return signature


def shingles(text: str, size: int) -> set[str]:
    """The runs of ``size`` words of a text, and shorter ones where it has no more; characters where none are words."""
    words = _WORDS.findall(text) or list(text)
    if len(words) <= size:
        return {" ".join(words)}
    return set(map(" ".join, zip(*(words[k:] for k in range(size)), strict=False)))


def jaccard(one: set[str], other: set[str]) -> float:
    """The share of what both have in what one of them has."""
    return len(one & other) / len(one | other)


def _questions(raw: RawExamples, train: RawExamples, contexts: Mapping[int, _Match]) -> Iterator[Found]:
    matches = _matches(raw.question, train.question, 1, QUESTION)
    index, among = raw.context_index.tolist(), train.context_index.tolist()
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for row, match in matches.items():
        same = set(contexts[index[row]].others) if index[row] in contexts else set()
        of_context = next((other for other in match.others if among[other] in same), None)
        if of_context is None:
            found["question-of-other-context"].append((row, match.others[0]))
        else:
            found["question-in-train" if match.exact else "near-question-in-train"].append((row, of_context))
    for kind, pairs in found.items():
        yield Found(kind, [row for row, _ in pairs], _Questions(raw, train, pairs))


class _Questions:
    def __init__(self, raw: RawExamples, train: RawExamples, pairs: Sequence[tuple[int, int]]) -> None:
        self._raw, self._train, self._pairs = raw, train, pairs

    def __call__(self, number: int) -> str:
        row, other = self._pairs[number]
        return f"{short(self._raw.question[row])} is {short(self._train.question[other])} of {self._train.id[other]}"


class _Contexts:
    def __init__(
        self, raw: RawExamples, train: RawExamples, found: Sequence[int], matches: Mapping[int, _Match]
    ) -> None:
        self._raw, self._train, self._found, self._matches = raw, train, found, matches

    def __call__(self, number: int) -> str:
        k = self._found[number]
        other = self._matches[k].others[0]
        row = int(first_rows(self._train)[other])
        of = f" of {self._train.id[row]}" if row >= 0 else ""
        return f"{short(self._raw.context[k])} is {short(self._train.context[other])}{of}"
