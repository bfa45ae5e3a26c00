"""Predictions and null odds that a program gives to be scored, held to what files of them must be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import TypeVar, cast

from qatk.errors import DataError, UsageError
from qatk.evaluation.prediction_files import Source, null_odds_of, read_predictions, refuse_double
from qatk.evaluation.prediction_rows import Said
from qatk.types import Span

V = TypeVar("V")


def given_predictions(predictions: Source | Mapping[str, Said]) -> dict[str, Said]:
    """What is said of each question, of a file or a mapping.

    Raises:
        DataError: for a key that is no id, and an answer that is neither a text nor a list of spans.
        PredictionsError: for an id that occurs twice, as a number and as a text.
        UsageError: for what is neither a file nor a mapping.
    """
    if isinstance(predictions, str | Path):
        return read_predictions(predictions)
    fix = "an answer is a text ('' for no answer) or a list of texts, none of them empty"
    return _accepted(predictions, "predictions", "an answer text", _said, fix)


def given_odds(
    null_odds: Source | Mapping[str, float] | None, predictions: Source | Mapping[str, Said]
) -> dict[str, float] | None:
    """The null odds, of a file or a mapping; ``None`` takes those in the rows of the predictions, if all have them.

    Raises:
        DataError, PredictionsError, UsageError: as :func:`given_predictions`.
    """
    if null_odds is None or isinstance(null_odds, str | Path):
        return null_odds_of(predictions, null_odds)
    return _accepted(null_odds, "null_odds", "a number", _number, None)


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
