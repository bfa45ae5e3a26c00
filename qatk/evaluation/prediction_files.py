"""Predictions and null odds of files: the official form, lists of texts for answers of several spans, rows."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from operator import eq
from pathlib import Path
from typing import TypeGuard, TypeVar

from qatk.errors import DataError, PredictionsError
from qatk.evaluation.prediction_rows import Said, has_rows, list_ids, read_said, refuse_double, rows_of
from qatk.files import expanded, parse_json, read_text
from qatk.types import Predictions

Source = str | Path
V = TypeVar("V")


def read_predictions(path: Source) -> dict[str, Said]:
    """Read a predictions file, plain or .gz.

    - One JSON object, question id to answer text: the official form. ``""`` is "no answer".
    - One JSON object, question id to a list of texts, the spans of the answer; an empty list is "no answer".
    - JSON Lines (``.jsonl``): objects with ``id`` and ``answer``, or ``id`` and ``spans``: texts, or objects of
      ``text`` and, where known, ``start``, ``end`` and ``score``.
    - Parquet (``.parquet``) with columns of these names, or ``examples.parquet`` of a run, which has gold answers too
      and says ``prediction``, ``char_start`` and ``char_end``.
    - CSV and TSV (``.csv``, ``.tsv``) with columns of these names; ``spans`` is JSON.

    Raises:
        DataError: where it is cut short or of another form, with the place.
        PredictionsError: where an id occurs in it twice.
        UsageError: where it cannot be opened.
    """
    if has_rows(path):
        return read_said(Path(expanded(path)))
    fix = "a list holds texts, none of them empty; [] is no answer"
    said = dict[str, Said](_read_object(path, "answer texts", _is_said, fix))
    first = {type(value): name for name, value in reversed(said.items())}
    if len(first) > 1:
        what = f"question {first[list]!r} has a list of texts, question {first[str]!r} a text alone"
        raise DataError(what, where=str(path), fix="all questions have lists (of one text, or none), or none has")
    return said


def _is_said(value: object) -> TypeGuard[str | list[str]]:
    """A text, or a list of texts none of which is empty."""
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(text, str) and text for text in value))


def official_form(ids: Sequence[str], predictions: Predictions) -> dict[str, str | list[str]]:
    """Question id to text, or where any answer has several spans, to the list of the texts of its spans."""
    if predictions.several is None:
        return dict(zip(ids, predictions.text, strict=True))
    return {name: [span.text for span in predictions.spans(row)] for row, name in enumerate(ids)}


def read_null_odds(path: Source) -> dict[str, float]:
    """Read a null odds file in its order: one JSON object, question id to number, plain or .gz; or rows.

    Rows are read by the ending, as those of :func:`read_predictions`; each has ``id`` and ``null_odds``.

    Raises:
        DataError, PredictionsError, UsageError: as :func:`read_predictions` does, and for NaN.
    """
    if not has_rows(path):
        return _read_object(path, "numbers", _is_number)
    found = _odds_of_rows(Path(expanded(path)), ("id", "null_odds"))
    odds = {name: value for name, value in found if _is_number(value)}
    if len(odds) < len(found):
        lacking = [name for name, value in found if not _is_number(value)]
        fix = "each row has an 'id' and its 'null_odds', a number"
        raise PredictionsError(list_ids({"have no null odds": lacking}), where=str(path), fix=fix)
    return odds


def null_odds_of(predictions: Source | Mapping[str, Said], null_odds: Source | None) -> dict[str, float] | None:
    """The null odds in a file of their own; without one, those that the rows of the predictions hold, if all do."""
    if null_odds is not None:
        return read_null_odds(null_odds)
    if isinstance(predictions, Mapping) or not has_rows(predictions):
        return None
    found = _odds_of_rows(Path(expanded(predictions)), ("id",))
    odds = {name: value for name, value in found if _is_number(value)}
    return odds if len(odds) == len(found) else None


def _odds_of_rows(path: Path, needed: Sequence[str]) -> list[tuple[str, object]]:
    """The id of each row and what it has as null odds."""
    found = []
    for where, row in rows_of(path, ("id", "null_odds"), needed):
        name = row.get("id") if isinstance(row, dict) else None
        if not isinstance(row, dict) or isinstance(name, bool) or not isinstance(name, str | int):
            raise DataError("the row has no 'id'", where=where, fix="a row has an 'id' and its 'null_odds'")
        value = row.get("null_odds")
        found.append((str(name), float(value) if type(value) is int else value))
    refuse_double([name for name, _ in found], str(path))
    return found


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, float) and not math.isnan(value)


def _read_object(
    path: Source, kind: str, accept: Callable[[object], TypeGuard[V]], fix: str | None = None
) -> dict[str, V]:
    """Read an object whose values are all accepted. Pairs are read, for a dict would keep the last of two equal ids."""
    path = Path(expanded(path))
    pairs = parse_json(read_text(path), path, object_pairs_hook=tuple, parse_int=float)
    if not isinstance(pairs, tuple):
        found = type(pairs).__name__
        raise DataError(f"expected a JSON object of ids and {kind}, not a {found}", where=str(path))
    values: dict[str, V] = {}
    for name, value in pairs:
        if not accept(value):
            seen = "an object" if isinstance(value, tuple) else json.dumps(value)[:60]
            raise DataError(f"question {name!r} has {seen} instead of {kind}", where=str(path), fix=fix)
        values[name] = value
    refuse_double([name for name, _ in pairs], str(path))
    return values


def same_order(values: Mapping[str, object], ids: Sequence[str]) -> bool:
    """Whether the keys are the ids, in their order: then nothing must be looked up."""
    return len(values) == len(ids) and all(map(eq, values, ids))


def check_null_odds(predictions: Mapping[str, Said], null_odds: Mapping[str, float], where: str | None = None) -> None:
    """Refuse null odds that are not of these predictions, one number an id.

    Raises:
        PredictionsError: with the ids.
    """
    if same_order(null_odds, tuple(predictions)) and not any(map(math.isnan, null_odds.values())):
        return
    kinds = {
        "have no null odds": [name for name in predictions if name not in null_odds],
        "have null odds but no prediction": [name for name in null_odds if name not in predictions],
        "have null odds that are NaN": [name for name, value in null_odds.items() if math.isnan(value)],
    }
    if any(kinds.values()):
        fix = "null odds and predictions must come from the same run"
        raise PredictionsError(list_ids(kinds), where=where, fix=fix)
