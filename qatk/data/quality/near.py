"""Texts that are nearly the same, found without comparing every pair.

Near-duplicates are texts whose sets of shingles (runs of words) have a Jaccard similarity of at least a threshold
(Broder 1997). Candidates come from MinHash signatures in bands (Leskovec, Rajaraman and Ullman, "Mining of Massive
Datasets", chapter 3), and each is then compared in full, so that nothing is reported that is not so. Shingles are
numbers from the beginning: hashes of 64 bits of their words.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain, count
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from qatk.display import word_places
from qatk.types import Int64, ragged

SIZE = 3
"""Words of a shingle."""
_PERMUTATIONS, _BANDS = 128, 32
"""At a similarity of 0.6, 98.8 % of pairs share one of 32 bands of 4 values; at 0.7, 99.98 %."""
_COMPARED, _ENOUGH = 256, 8
"""Of the candidates of a text so many are compared, until so many are nearly the same: templates have thousands."""
_DOUBT = 0.17
"""How much lower than the similarity the share of equal values may be: of 128 values, four standard deviations."""
_BLOCK = 1 << 10
"""Texts whose candidates are sought together."""
_FACTOR = np.uint64(0x9E3779B97F4A7C15)

UInt32: TypeAlias = NDArray[np.uint32]
UInt64: TypeAlias = NDArray[np.uint64]


def words_of(text: str) -> list[str]:
    """The words of a text: characters where a script has no blanks, and where nothing is a word."""
    return [text[slice(*place)] for place in word_places(text)] or list(text)


def near(texts: Sequence[str], others: Sequence[str], threshold: float) -> Iterator[tuple[int, list[int]]]:
    """For each text that has any the other texts nearly the same, the nearest first.

    Args:
        texts: to compare.
        others: to compare them with; equal ones are compared like any.
        threshold: the Jaccard similarity from which two are nearly the same.
    """
    if not texts or not others:
        return
    numbers: dict[str, int] = defaultdict(count(1).__next__)
    mine, theirs = _Shingled(texts, numbers), _Shingled(others, numbers)
    index = _Index(theirs.signatures())
    for begin in range(0, len(texts), _BLOCK):
        few = slice(begin, min(begin + _BLOCK, len(texts)))
        text, other = index.candidates(mine.signatures(few), threshold - _DOUBT)
        for row in np.unique(text).tolist():
            among = other[slice(*np.searchsorted(text, [row, row + 1]).tolist())]
            if found := _nearest(mine.of(begin + row), theirs, among.tolist(), threshold):
                yield begin + row, found


def _nearest(mine: frozenset[int], theirs: _Shingled, among: Sequence[int], threshold: float) -> list[int]:
    """The first ``_ENOUGH`` that are alike, the nearest first."""
    alike: list[tuple[float, int]] = []
    for other in among:
        shingles = theirs.of(other)
        shared = len(mine & shingles)
        if (likeness := shared / (len(mine) + len(shingles) - shared)) >= threshold:
            alike.append((-likeness, other))
            if len(alike) == _ENOUGH:
                break
    return [other for _, other in sorted(alike)]


class _Shingled:
    """The shingles of texts, as hashes of 64 bits, ragged; one that comes twice in a text stands there twice.

    Args:
        texts: n of them, none empty.
        numbers: from 1 on, what each word is counted as; it gives new words new numbers.
    """

    def __init__(self, texts: Sequence[str], numbers: dict[str, int]) -> None:
        lengths = np.zeros(len(texts), np.int64)

        def counted() -> Iterator[Iterator[int]]:
            for row, text in enumerate(texts):
                words = words_of(text)
                lengths[row] = len(words)
                yield map(numbers.__getitem__, words)

        words = np.fromiter(chain.from_iterable(counted()), np.uint64)
        first = np.cumsum(lengths) - lengths
        runs = np.maximum(lengths - (SIZE - 1), 1)
        self._offsets = ragged.offsets_of(runs)
        place = ragged.ranges(first, runs)
        end = np.repeat(first + lengths, runs)
        self._hashes = np.zeros(len(place), np.uint64)
        for step in range(SIZE):
            # Word by word; of texts shorter than a shingle the words that are missing count 0.
            there = place + step < end
            word = np.where(there, words[np.minimum(place + step, len(words) - 1)], np.uint64(0))
            self._hashes = _mixed(self._hashes * _FACTOR + word)

    def of(self, row: int) -> frozenset[int]:
        """The different shingles of a text."""
        return frozenset(self._hashes[self._offsets[row] : self._offsets[row + 1]].tolist())

    def signatures(self, rows: slice = slice(None)) -> UInt32:
        """uint32[rows, permutations]: the MinHash signatures of these texts."""
        from rensa import RMinHash

        first = range(len(self._offsets) - 1)[rows]
        parts = [np.zeros((0, _PERMUTATIONS), np.uint32)]
        for begin in range(first.start, first.stop, _BLOCK):
            among, offsets = ragged.ragged_range(self._offsets, begin, min(begin + _BLOCK, first.stop))
            given = self._hashes[among], offsets.astype(np.uint64)
            made = RMinHash.digest_matrix_from_flat_token_hashes(*given, _PERMUTATIONS, 0)
            parts.append(np.array(made.to_rows(), np.uint32))
        return np.concatenate(parts)


class _Index:
    """Signatures by their bands.

    Args:
        signatures: uint32[n, permutations].
    """

    def __init__(self, signatures: UInt32) -> None:
        self._signatures = signatures
        self._bands = [(np.argsort(band, kind="stable"), np.sort(band)) for band in _bands(signatures)]

    def candidates(self, signatures: UInt32, plausible: float) -> tuple[Int64, Int64]:
        """Pairs that share a band and the given share of values: rows of ``signatures``, and of those in the index.

        In the order of both, up to ``_COMPARED`` for each row, which are those with the lowest numbers.
        """
        n, pairs = len(self._signatures), [np.zeros(0, np.int64)]
        for (order, held), band in zip(self._bands, _bands(signatures), strict=True):
            left, right = (np.searchsorted(held, band, side=side) for side in ("left", "right"))
            # The lowest numbers of each band: more cannot be among the lowest of all bands.
            many = np.minimum(right - left, _COMPARED)
            row = np.repeat(np.arange(len(band)), many)
            pairs.append(row * n + order[ragged.ranges(left, many)])
        row, other = np.divmod(np.unique(np.concatenate(pairs)), n)
        kept = ragged.places_in_runs(row) < _COMPARED
        row, other = row[kept], other[kept]
        equal = np.zeros(len(row), np.int64)
        for begin in range(0, len(row), _BLOCK * 16):
            few = slice(begin, begin + _BLOCK * 16)
            equal[few] = (signatures[row[few]] == self._signatures[other[few]]).sum(axis=1)
        alike = equal >= plausible * _PERMUTATIONS
        return row[alike], other[alike]


def _bands(signatures: UInt32) -> Iterator[UInt64]:
    """For each band uint64[n]: a hash of each row's values in it."""
    for band in signatures.reshape(len(signatures), _BANDS, -1).transpose(1, 2, 0).astype(np.uint64):
        hashes = np.zeros(len(signatures), np.uint64)
        for values in band:
            hashes = _mixed(hashes * _FACTOR + values)
        yield hashes


def _mixed(values: UInt64) -> UInt64:
    """Numbers of 64 bits whose bits all depend on all of the given ones' (the finaliser of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
