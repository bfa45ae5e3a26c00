"""Promises of metrics: see :class:`qatk.api.Metric`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from qatk.evaluation.metrics import refuse_official
from qatk.plugins.optional import CorpusMetric
from qatk.plugins.protocols import Metric
from qatk.testing.inputs.questions import answers_to, questions
from qatk.testing.inputs.snapshots import unchanged
from qatk.testing.promise import Subject, expect, given, promise
from qatk.types import Examples, Float64, Predictions


def _score(metric: Metric, examples: Examples, predictions: Predictions) -> dict[str, Float64]:
    found = metric.score(examples, predictions)
    expect(isinstance(found, Mapping), f"score returned {type(found).__name__}, not a mapping of names to columns")
    return dict(found)


def _corpus(metric: Metric, examples: Examples, predictions: Predictions) -> dict[str, float]:
    return dict(metric.corpus(examples, predictions)) if isinstance(metric, CorpusMetric) else {}


@promise("score returns float64[n] for each name, or corpus returns figures, with names of its own")
def values_have_the_right_form(subject: Subject) -> None:
    """The core averages columns and refuses others."""
    examples = questions()
    with given(f"{len(examples)} questions"):
        metric = subject.build()
        found, corpus = _score(metric, examples, answers_to(examples)), _corpus(metric, examples, answers_to(examples))
        expect(found or corpus, "it returned nothing")
        for name, values in found.items():
            expect(isinstance(values, np.ndarray), f"{name!r} is {type(values).__name__}, not an array")
            seen = f"{values.dtype}{list(values.shape)}"
            expect(values.dtype == np.float64 and values.shape == (len(examples),), f"{name!r} is {seen}")
        for name, value in corpus.items():
            expect(isinstance(value, (int, float)), f"{name!r} is {type(value).__name__}, not a number")
        refuse_official([*corpus, *(() if subject.registered.is_built_in else found)], subject.registered.name)


@promise("the values of questions are between 0 and 1")
def values_are_fractions(subject: Subject) -> None:
    """They are shown in per cent."""
    examples = questions()
    for what, texts in (("right, wrong and no answers", None), ("no answers", [""] * len(examples))):
        with given(what):
            for name, values in _score(subject.build(), examples, answers_to(examples, texts)).items():
                inside = (values >= 0) & (values <= 1)
                expect(inside.all(), f"{name!r} has {values[~inside][:3].tolist()}")


@promise("the order of questions does not matter")
def row_order_does_not_matter(subject: Subject) -> None:
    """Rows in reverse, and a few of them alone."""
    examples = questions()
    predictions = answers_to(examples)
    whole = _score(subject.build(), examples, predictions)
    everything = _corpus(subject.build(), examples, predictions)
    rows = np.arange(len(examples))[::-1].copy()
    with given("all questions in reverse"):
        found = _score(subject.build(), examples.take(rows), predictions.take(rows))
        expect(found.keys() == whole.keys(), f"{sorted(found)} but {sorted(whole)} before")
        for name, values in found.items():
            close = np.isclose(values, whole[name][rows])
            expect(close.all(), f"{name!r} of {examples.id[rows[int((~close).argmax())]]} differs")
        corpus = _corpus(subject.build(), examples.take(rows), predictions.take(rows))
        expect(
            all(np.isclose(corpus[k], v, equal_nan=True) for k, v in everything.items()),
            f"{corpus}, but {everything} in order",
        )


@promise("the value of a question does not depend on other questions")
def questions_do_not_touch_each_other(subject: Subject) -> None:
    """Slices and paired tests take questions for themselves."""
    examples = questions()
    predictions = answers_to(examples)
    whole = _score(subject.build(), examples, predictions)
    for row in range(len(examples)):
        with given(f"question {examples.id[row]} alone"):
            one = np.array([row])
            for name, values in _score(subject.build(), examples.take(one), predictions.take(one)).items():
                expect(
                    np.isclose(values[0], whole[name][row]),
                    f"{name!r} is {values[0]}, but {whole[name][row]} among others",
                )


@promise("a gold answer scores at least as high as a wrong one")
def gold_is_worth_most(subject: Subject) -> None:
    """In every column of its values."""
    examples = questions()
    gold = [(examples.answers_of(row) or [""])[0] for row in range(len(examples))]
    wrong = ["The" if text == "" or "The" not in text else "" for text in gold]
    wrong = [text if text in examples.context_of(row) else "<b>" for row, text in enumerate(wrong)]
    right, other = (_score(subject.build(), examples, answers_to(examples, texts)) for texts in (gold, wrong))
    for name, values in right.items():
        worse = values < other[name]
        with given(f"the gold answers, and {wrong[int(worse.argmax())]!r}"):
            expect(
                not worse.any(), f"{name!r} of {examples.id[int(worse.argmax())]} is {values[worse]} for a gold answer"
            )


@promise("the same input gives the same values, and is not changed")
def is_deterministic(subject: Subject) -> None:
    """By one metric twice, and by a new one."""
    examples = questions()
    predictions = answers_to(examples)
    with given(f"{len(examples)} questions"), unchanged(examples, predictions):
        metric = subject.build()
        first, *others = (_score(m, examples, predictions) for m in (metric, metric, subject.build()))
        for other in others:
            expect(all(np.array_equal(other[n], v) for n, v in first.items()), "the values differ when asked again")
