"""Scores of predictions that come in blocks: only the figures of each question are kept, none of its texts."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence

import numpy as np

from qatk.evaluation.evaluate import evaluate_examples
from qatk.evaluation.prediction_rows import Said
from qatk.evaluation.squad import official_metrics
from qatk.languages import ENGLISH, Normalisation
from qatk.results.evaluation import Evaluation
from qatk.types import Bool, Clusters, Examples, Float64, Int32, Int64, Predictions, TextColumn
from qatk.types.text_numbers import text_numbers


class Tally:
    """EM and F1 of blocks of questions, equal to those of all questions at once.

    Args:
        normalisation: by which normaliser the answers are compared.
    """

    def __init__(self, normalisation: Normalisation = ENGLISH) -> None:
        self.normalisation = normalisation
        self.several = False
        self._exact: list[Float64] = []
        self._f1: list[Float64] = []
        self._has_answer: list[Bool] = []
        self._contexts: list[Int64] = []
        self._titles: list[Int64] = []
        self._languages = _Names()

    def add(self, examples: Examples, said: Mapping[str, Said]) -> None:
        """Score what is said of the questions of the next block; see :func:`evaluate_examples`."""
        found = evaluate_examples(examples, said, normalisation=self.normalisation)
        self.several |= examples.answer_span is not None or found.predictions.several is not None
        self._exact.append(found.per_question["exact"])
        self._f1.append(found.per_question["f1"])
        self._has_answer.append(examples.has_answer)
        self._contexts.append(text_numbers(examples.context)[examples.context_index])
        self._titles.append(text_numbers(examples.title))
        if self.normalisation.column is not None:
            self._languages.add(self.normalisation.names_of_rows(examples))

    def evaluation(self) -> Evaluation:
        """The figures of all questions that were added; its examples and predictions have no texts."""
        exact, f1 = np.concatenate(self._exact), np.concatenate(self._f1)
        has_answer, n = np.concatenate(self._has_answer), len(exact)
        known, contexts = np.unique(np.concatenate(self._contexts), return_inverse=True)
        column = self.normalisation.column
        examples = Examples(
            id=_Blank(n),
            question=_Blank(n),
            title=_Blank(n),
            context=_Blank(len(known)),
            context_index=contexts.astype(np.int32),
            answer_offsets=np.concatenate([np.zeros(1, np.int64), np.cumsum(has_answer, dtype=np.int64)]),
            answer_text=_Blank(int(has_answer.sum())),
            answer_start=np.full(int(has_answer.sum()), -1, np.int32),
            columns={} if column is None else {column: self._languages},
        )
        places, scores = np.full(n, -1, np.int32), np.full(n, np.nan, np.float32)
        predictions = Predictions(_Blank(n), places, places, scores, scores)
        metrics = official_metrics(exact, f1, has_answer)
        per_question = {"exact": exact, "f1": f1}
        found = Evaluation(examples, predictions, metrics, per_question, normalisation=self.normalisation)
        # What it would compute from the titles, of which numbers alone were kept.
        found.__dict__["clusters"] = _clusters(np.concatenate(self._titles), examples.context_index)
        return found


def _clusters(titles: Int64, contexts: Int32) -> Clusters:
    """As :func:`qatk.types.clusters_of` makes them of titles, of numbers that stand for these."""
    blank = titles == text_numbers([""])[0]
    articles, index = np.unique(titles[~blank], return_inverse=True)
    if len(articles) < 2:
        return Clusters(contexts.astype(np.int64), "context", int(contexts.max(initial=-1)) + 1)
    unnamed, places = np.unique(contexts[blank], return_inverse=True)
    found = np.empty(len(titles), np.int64)
    found[~blank], found[blank] = index, len(articles) + places
    return Clusters(found, "article", len(articles) + len(unnamed), int(blank.sum()))


class _Blank(TextColumn):
    """So many texts, all empty."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size

    def at(self, index: int) -> str:
        """No text."""
        return ""


class _Names(TextColumn):
    """A column of few names, each kept once."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}
        self.codes = array("i")
        self.names: list[str] = []

    def add(self, names: Sequence[str]) -> None:
        """Add the next rows."""
        self.codes.extend(self.known.setdefault(name, len(self.known)) for name in names)
        if len(self.known) > len(self.names):
            self.names = list(self.known)

    def __len__(self) -> int:
        return len(self.codes)

    def at(self, index: int) -> str:
        """The name in a row."""
        return self.names[self.codes[index]]
