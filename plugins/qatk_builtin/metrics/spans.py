"""The ``spans`` metric: answers of several spans, span by span and word by word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from functools import partial
from typing import NamedTuple

import numpy as np

from qatk.api import DataError, Examples, LanguageOptions, Predictions, Span
from qatk.display import counted, word_places
from qatk.evaluation import normalisation_of
from qatk.types import Float64

MATCH = 0.5
"""Two spans match from this intersection over union of words on (DeYoung et al. 2020)."""


class _Counts(NamedTuple):
    """What one question adds to the sums: how much of what is said is right, and how much of what is due is said."""

    said: float
    said_right: float
    due: float
    due_said: float

    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        precision, recall = self.said_right / self.said, self.due_said / self.due
        return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


class SpansMetric:
    """Figures of answers of several spans, and of evidence.

    Of each question, ``span_exact`` and ``span_partial`` are the F1 of MultiSpanQA's exact and partial match,
    ``iou_f1`` that of spans which match where their words' intersection over union is :data:`MATCH` or more,
    ``word_precision``, ``word_recall`` and ``word_f1`` those of words at their places in the context. With nothing due
    and nothing said all are 1; with only one of the two, 0. Of the whole set, ``multispan_*`` are the official figures
    of MultiSpanQA, ``coverage`` is the share of words due that are said, and ``over_prediction`` that of words said
    that are not due.

    Of a span's alternatives, texts take the best; words and places that which shares most with what is said.
    """

    def __init__(self, options: LanguageOptions) -> None:
        self.options = options
        self.normalisation = normalisation_of(options.language, options.language_column)

    def score(self, examples: Examples, predictions: Predictions) -> Mapping[str, Float64]:
        """float64[n] by name, fractions. Raises :class:`DataError` without gold, or without the places of gold."""
        _check(examples)
        columns: dict[str, list[float]] = {}
        for row in range(len(examples)):
            texts = self._texts(examples, row, predictions.spans(row))
            words, places = _words(examples, row, predictions.spans(row))
            figures = {
                "span_exact": _exact(*texts).f1(),
                "span_partial": _partial(*texts).f1(),
                "iou_f1": places.f1(),
                "word_precision": words.said_right / words.said,
                "word_recall": words.due_said / words.due,
                "word_f1": words.f1(),
            }
            for name, value in figures.items():
                columns.setdefault(name, []).append(value)
        return {name: np.array(values, np.float64) for name, values in columns.items()}

    def corpus(self, examples: Examples, predictions: Predictions) -> Mapping[str, float]:
        """Figures of the whole set, in per cent."""
        _check(examples)
        rows = range(len(examples))
        texts = [self._texts(examples, row, predictions.spans(row)) for row in rows]
        figures: dict[str, float] = {}
        for name, counts in (("em", _exact), ("overlap", _partial)):
            all_of_it = _Counts(*np.sum([counts(*each) for each in texts], axis=0).tolist())
            figures[f"multispan_{name}_precision"] = 100 * all_of_it.said_right / all_of_it.said
            figures[f"multispan_{name}_recall"] = 100 * all_of_it.due_said / all_of_it.due
            figures[f"multispan_{name}_f1"] = 100 * all_of_it.f1()
        said, right, due, found = np.sum([_word_sums(examples, row, predictions.spans(row)) for row in rows], axis=0)
        figures["coverage"] = 100 * float(found / due) if due else 100.0
        figures["over_prediction"] = 100 * float((said - right) / said) if said else 0.0
        return figures

    def _texts(self, examples: Examples, row: int, said: Sequence[Span]) -> tuple[list[list[str]], list[str]]:
        """The distinct texts that are due, each as its alternatives, and those that are said, in their normal forms."""
        forms = partial(self.normalisation.forms, examples, row)
        due = {tuple(forms([answer.text for answer in span])): None for span in examples.spans_of_answer(row)}
        texts = forms([span.text for span in said]) if said else []
        return [list(span) for span in due], list(dict.fromkeys(texts))


def _check(examples: Examples) -> None:
    if not examples.has_gold:
        raise DataError("these examples carry no gold answers", fix="scores need gold; use labelled data")
    if not len(examples):
        raise DataError("there are no questions to score")
    if unknown := int((examples.answer_start < 0).sum()):
        what = f"{counted(unknown, 'answer', 'has')} no known place, which the metric 'spans' needs"
        raise DataError(what, fix="give their places (bad_answers: fix finds them), or leave the metric out")


def _exact(due: Sequence[Sequence[str]], said: Sequence[str]) -> _Counts:
    """How many texts are the same; of nothing due and nothing said one, as the official script counts."""
    if not due and not said:
        return _Counts(1, 1, 1, 1)
    right = sum(any(text in span for span in due) for text in said)
    found = sum(any(text in said for text in span) for span in due)
    return _Counts(max(len(said), 1), right, max(len(due), 1), found)


def _partial(due: Sequence[Sequence[str]], said: Sequence[str]) -> _Counts:
    """As :func:`_exact`, a text counting by the longest run of characters that it shares with one of the others."""
    if not due or not said or not any(said):
        nothing = float(not due and not any(said))
        return _Counts(max(len(said), 1), nothing, max(len(due), 1), nothing)
    shared = [[[_longest(text, given) for given in said] for text in span] for span in due]
    right = [
        max(run[k] / len(given) if run[k] else 0.0 for span in shared for run in span) for k, given in enumerate(said)
    ]
    found = [
        max(max(run) / len(text) if max(run) else 0.0 for text, run in zip(span, runs, strict=True))
        for span, runs in zip(due, shared, strict=True)
    ]
    return _Counts(len(said), sum(right), len(due), sum(found))


def _longest(one: str, other: str) -> int:
    """The longest run of characters in both, as difflib finds it (which leaves out frequent ones of long texts)."""
    return SequenceMatcher(None, one, other).find_longest_match(0, len(one), 0, len(other)).size


def _word_sets(examples: Examples, row: int, said: Sequence[Span]) -> tuple[list[set[int]], list[set[int]]]:
    """The words of each span that is due, and of each that is said, by number; words of no place are below 0."""
    words = word_places(examples.context_of(row))

    def of(start: int, end: int) -> set[int]:
        return {k for k, (begin, stop) in enumerate(words) if begin < end and start < stop}

    elsewhere = 0
    given: list[set[int]] = []
    for span in said:
        if span.char_start >= 0:
            given.append(of(span.char_start, span.char_end))
        else:
            count = len(word_places(span.text))
            given.append(set(range(-elsewhere - count, -elsewhere)))
            elsewhere += count
    all_given = set().union(*given)
    due = []
    for alternatives in examples.spans_of_answer(row):
        sets = [of(answer.start, answer.start + len(answer.text)) for answer in alternatives]
        due.append(max(sets, key=lambda words: 2 * len(words & all_given) / max(len(words) + len(all_given), 1)))
    return due, given


def _words(examples: Examples, row: int, said: Sequence[Span]) -> tuple[_Counts, _Counts]:
    """The words of one question, and its spans that match by intersection over union; nothing due and said is right."""
    due, given = _word_sets(examples, row, said)
    if not due or not given:
        nothing = _Counts(1, *[float(not due and not given), 1, float(not due and not given)])
        return nothing, nothing
    all_due, all_given = set().union(*due), set().union(*given)
    both = len(all_due & all_given)
    over_union = np.array([[len(one & other) / max(len(one | other), 1) for other in given] for one in due]) >= MATCH
    places = _Counts(len(given), float(over_union.any(axis=0).sum()), len(due), float(over_union.any(axis=1).sum()))
    return _Counts(max(len(all_given), 1), both, max(len(all_due), 1), both), places


def _word_sums(examples: Examples, row: int, said: Sequence[Span]) -> tuple[int, int, int, int]:
    due, given = _word_sets(examples, row, said)
    all_due, all_given = set().union(*due), set().union(*given)
    both = len(all_due & all_given)
    return len(all_given), both, len(all_due), both
