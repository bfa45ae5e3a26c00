"""What a program gives to be scored, brought to the form in which files are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from numbers import Integral, Real
from pathlib import Path
from typing import TypeVar, cast

import numpy as np

from qatk.errors import DataError, UsageError, counted
from qatk.evaluation.prediction_files import Source, null_odds_of, read_null_odds, read_predictions
from qatk.evaluation.prediction_rows import Said, refuse_double
from qatk.types import UNKNOWN, Examples, Predictions, RawExamples, Span

Given = Source | Mapping[str, Said] | Predictions
"""Predictions: a file of them, what is said by id, or what a model predicts for all questions of the data."""
AT_HAND = (Mapping, Predictions)
"""The types of predictions that are no file."""
V = TypeVar("V")


def given_examples(rows: object, columns: Sequence[str] = ()) -> Examples:
    """Examples of rows, with further columns. The place of an answer that does not stand there is unknown.

    Scoring reads texts only, as the official script does.

    Raises:
        UsageError, DataError: as :meth:`qatk.Examples.from_rows`, but for texts that do not stand in their context.
    """
    if rows is None:
        raise UsageError("there is nothing to score: data is None", fix="give examples, rows, or the path of a file")
    if isinstance(rows, RawExamples):
        what, fix = "questions as a file has them are no examples", "make some of them: qatk.data.strict(data, 'keep')"
        raise UsageError(what, where="data", fix=fix)
    from qatk.types import Rows, arrow_table  # with Arrow, which other data need not load

    read = Rows(arrow_table(rows, "data"), "data", columns=columns)
    found = Examples(**read.columns("first", if_outside="mend these rows, or leave them out"))
    answers = zip(found.answer_owners.tolist(), found.answer_text, found.answer_start.tolist(), strict=True)
    there = [
        bool(text.strip()) and start >= 0 and found.context_of(row).startswith(text, start)
        for row, text, start in answers
    ]
    return replace(found, answer_start=np.where(there, found.answer_start, np.int32(UNKNOWN)))


def given_predictions(predictions: Given, ids: Sequence[str] = (), where: str = "predictions") -> dict[str, Said]:
    """What is said of each question, of a file, a mapping, or predictions of the questions with these ids.

    ``where`` is what messages call what is no file.

    Raises:
        DataError: for a key that is no id, and an answer that is neither a text nor a list of spans.
        PredictionsError: for an id that occurs twice, as a number and as a text.
        UsageError: for what is none of these, and for another number of predictions than of ids.
    """
    if isinstance(predictions, str | Path):
        return read_predictions(predictions)
    if isinstance(predictions, Predictions):
        if len(predictions) != len(ids):
            what = f"{counted(len(predictions), 'prediction')} for {counted(len(ids), 'question')}"
            raise UsageError(what, where=where, fix="predict all questions of the data, in their order")
        return {name: predictions.spans(row) for row, name in enumerate(ids)}
    fix = "an answer is a text ('' for no answer) or a list of texts, none of them empty"
    return _accepted(predictions, where, "an answer text", _said, fix)


def given_odds(
    null_odds: Source | Mapping[str, float] | None, predictions: Given, ids: Sequence[str] = ()
) -> dict[str, float] | None:
    """The null odds, of a file or a mapping; ``None`` takes those that the predictions have, if they are of all.

    Raises:
        DataError, PredictionsError, UsageError: as :func:`given_predictions`.
    """
    if isinstance(null_odds, str | Path):
        return read_null_odds(null_odds)
    if null_odds is not None:
        return _accepted(null_odds, "null_odds", "a number", _number, None)
    if isinstance(predictions, Predictions):
        odds = predictions.null_odds
        return None if np.isnan(odds).any() else dict(zip(ids, odds.tolist(), strict=True))
    return null_odds_of(predictions, None)


def _said(value: object) -> Said | None:
    if isinstance(value, str):
        return value
    parts = list(value) if isinstance(value, list | tuple) and not isinstance(value, Span) else [None]
    texts = [part.text if isinstance(part, Span) else part for part in parts]
    return cast("Said", parts) if all(isinstance(text, str) and text for text in texts) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, Real) and not isinstance(value, bool) else None


def _accepted(
    values: object, where: str, kind: str, accept: Callable[[object], V | None], fix: str | None
) -> dict[str, V]:
    """A mapping with its ids as texts and its values as they are accepted."""
    if not isinstance(values, Mapping):
        what = f"nothing can be read from an object of type {type(values).__name__}"
        raise UsageError(what, where=where, fix="give the path of a file, or a mapping from question id to value")
    found = []
    for name, value in values.items():
        if not isinstance(name, str | Integral) or isinstance(name, bool):
            raise DataError(f"{name!r} is no question id", where=where, fix="an id is a text or a whole number")
        if (taken := accept(value)) is None:
            raise DataError(f"question {str(name)!r} has {repr(value)[:60]} instead of {kind}", where=where, fix=fix)
        found.append((str(name), taken))
    if len(known := dict(found)) < len(found):
        refuse_double([name for name, _ in found], where)
    return known
