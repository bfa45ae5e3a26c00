"""The ``bm25`` retriever: of each question's windows those that share the most telling words with it."""

from __future__ import annotations

import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

from qatk.api import Examples, Features, UsageError
from qatk.display import word_places
from qatk.types import Bool, Float32, Int64, ragged
from qatk_builtin.retrievers import Bm25Options

DOCUMENTS, DIVISIONS = 8, 32
"""Contexts whose words are kept, and divisions into windows of which the index is: questions of one length share it."""

K = TypeVar("K")
V = TypeVar("V")


class Bm25Retriever:
    """Keeps the ``keep`` windows of each question that BM25 ranks best among the windows of its context.

    A window's text is what its tokens cover, a word a run of letters, digits and marks, without case; in scripts
    without blanks each character is one. Windows of equal rank go by their order. A question with no more windows than
    ``keep`` keeps all.
    The ranking is that of ``bm25s`` (method ``lucene``, k1 1.5, b 0.75), for each context by itself.
    """

    def __init__(self, options: Bm25Options) -> None:
        self.options = options
        self._bm25s = _library()
        self._documents: OrderedDict[str, _Document] = OrderedDict()

    def keep(self, examples: Examples, features: Features) -> Bool:
        """The windows to score; see :class:`qatk.api.Retriever`."""
        kept = np.ones(len(features), np.bool_)
        owners = features.example_index
        begins = np.flatnonzero(ragged.begins(owners)) if len(owners) else np.zeros(0, np.int64)
        ends = np.append(begins[1:], len(owners))
        many = ends - begins > self.options.keep
        for begin, end in zip(begins[many].tolist(), ends[many].tolist(), strict=True):
            row = int(owners[begin])
            document = _recent(self._documents, examples.context_of(row), _Document, DOCUMENTS)
            score = document.scores(self._bm25s, examples.question[row], _places(features, begin, end))
            # Stable: of equal windows the first.
            kept[begin:end] = False
            kept[begin + np.argsort(-score, kind="stable")[: self.options.keep]] = True
        return kept


class _Document:
    """The words of a context, and rankings of its windows."""

    def __init__(self, text: str) -> None:
        found = list(_words(text))
        self._numbers: dict[str, int] = {}
        self._start = np.array([start for start, _ in found], np.int64)
        self._words = np.array([self._numbers.setdefault(word, len(self._numbers)) for _, word in found], np.int64)
        self._rankings: OrderedDict[bytes, Any] = OrderedDict()

    def scores(self, bm25s: Any, question: str, places: Int64) -> Float32:
        """float32[windows]: how well each fits a question.

        Args:
            bm25s: the library.
            question: what is asked.
            places: int64[windows, 2], the characters of each, end exclusive.
        """
        asked = [self._numbers.get(word) for _, word in _words(question)]
        known = [number for number in asked if number is not None]
        if not known:
            return np.zeros(len(places), np.float32)

        def ranked(_: bytes) -> Any:
            first, last = np.searchsorted(self._start, places).T
            windows = [self._words[begin:end].tolist() for begin, end in zip(first, last, strict=True)]
            ranking = bm25s.BM25(method="lucene", backend="numpy", csc_backend="numpy")
            ranking.index((windows, {**self._numbers, "": len(self._numbers)}), show_progress=False)
            return ranking

        ranking = _recent(self._rankings, places.tobytes(), ranked, DIVISIONS)
        scores: Float32 = ranking.get_scores_from_ids(known)
        return scores


def _words(text: str) -> Iterator[tuple[int, str]]:
    """The first character of each word, and the word however it is typed: without case, its accents composed."""
    for start, end in word_places(text):
        yield start, unicodedata.normalize("NFC", text[start:end].casefold())


def _places(features: Features, begin: int, end: int) -> Int64:
    """int64[windows, 2]: the characters of the context that windows cover, end exclusive; 0, 0 where none."""
    tokens, offsets = ragged.ragged_range(features.token_offsets, begin, end)
    start, stop = features.char_start[tokens].astype(np.int64), features.char_end[tokens].astype(np.int64)
    first = np.where(start >= 0, start, np.iinfo(np.int64).max)
    low, high = np.minimum.reduceat(first, offsets[:-1]), np.maximum.reduceat(stop, offsets[:-1])
    places: Int64 = np.stack([np.minimum(low, np.maximum(high, 0)), np.maximum(high, 0)], axis=1)
    return places


def _recent(held: OrderedDict[K, V], key: K, make: Callable[[K], V], most: int) -> V:
    """What was made of a key, of which the ``most`` that were used last are held."""
    if key not in held:
        held[key] = make(key)
        if len(held) > most:
            held.popitem(last=False)
    held.move_to_end(key)
    return held[key]


def _library() -> Any:
    try:
        import bm25s
    except ImportError:
        raise UsageError("the retriever bm25 needs bm25s", fix='pip install "qatk[passages]"') from None
    return bm25s
