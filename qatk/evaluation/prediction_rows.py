"""Predictions a row a question, as a run, ``qatk predict`` and other programs write them: JSON Lines, Parquet, CSV.

A row has ``id``, ``prediction`` (``""`` for no answer), ``char_start`` and ``char_end``; where an answer has several
spans, ``spans`` holds them. Files that ``qatk predict`` wrote before say ``answer``, ``start`` and ``end``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import UnionType

from qatk.errors import DataError, PredictionsError, counted, listed
from qatk.evaluation.prediction_tables import DELIMITERS, read_table
from qatk.files import ending, read_rows
from qatk.types import Predictions, Span

Said = str | Sequence[str | Span]
"""What is said of a question: one text, ``""`` for no answer; or the spans of an answer, texts alone where no place is
known, an empty list for no answer."""
ROWS = (".jsonl", ".jsonl.gz", ".ndjson", ".parquet")
"""Endings of files that hold a row for each question."""
COLUMNS = ("id", "prediction", "spans", "char_start", "char_end")
_FORMER = {"prediction": "answer", "char_start": "start", "char_end": "end"}
_DUE = "a row has an 'id', and 'prediction' (a text, \"\" for no answer) or 'spans' (a list of texts, or of objects)"
_SPAN = (
    "a span is a text, or {'text': ..., 'char_start': ..., 'char_end': ..., 'score': ...}, all but the text optional"
)


def has_rows(path: str | Path) -> bool:
    """Whether a file, by its ending, holds a row for each question."""
    return str(path).endswith(ROWS) or ending(Path(path)) in DELIMITERS


def rows_of(path: Path, columns: Sequence[str], needed: Sequence[str]) -> Iterator[tuple[str, object]]:
    """The rows of a file, each with its place for messages; a table must have the columns that are needed."""
    return read_table(path, needed) if ending(path) in DELIMITERS else read_rows(path, columns)


def read_said(path: Path) -> dict[str, Said]:
    """What each row says of its question; see :func:`qatk.evaluation.prediction_files.read_predictions`."""
    rows = rows_of(path, (*COLUMNS, *_FORMER.values()), needed=("id", "prediction"))
    said = [_said(row, where) for where, row in rows]
    if not said:
        raise DataError("the file has no rows", where=str(path), fix=_DUE)
    found = dict(said)
    if len(found) < len(said):
        double = [name for name, times in Counter(name for name, _ in said).items() if times > 1]
        what = f"{counted(len(double), 'question id', 'occurs')} twice: {listed(double)}"
        raise PredictionsError(what, where=str(path))
    return found


def _said(row: object, where: str) -> tuple[str, Said]:
    if not isinstance(row, dict):
        raise DataError(f"{_shown(row)} instead of an object", where=where, fix=_DUE)
    former = "answer" in row and "prediction" not in row
    name, text, spans, start, end = (row.get(_FORMER.get(name, name) if former else name) for name in COLUMNS)
    if isinstance(name, bool) or not isinstance(name, str | int):
        raise DataError(f"'id' is {_shown(name)}", where=where, fix=_DUE)
    if text is None and spans is None:
        raise DataError(f"question {name!r} has neither a 'prediction' nor 'spans'", where=where, fix=_DUE)
    if not isinstance(text, str | None):
        raise DataError(f"the 'prediction' of question {name!r} is {_shown(text)}", where=where, fix=_DUE)
    if not isinstance(spans, list | None):
        raise DataError(f"the 'spans' of question {name!r} are {_shown(spans)}", where=where, fix=_DUE)
    if text == "" or (not text and not spans):
        return str(name), []
    if text and not spans and start is None:
        return str(name), [text]
    said = spans or [{"text": text, "char_start": start, "char_end": end}]
    return str(name), [_span(span, str(name), where) for span in said]


def row_of(name: str, predictions: Predictions, row: int) -> dict[str, object]:
    """The row of a question, as :func:`read_said` reads it."""
    spans = predictions.spans(row)
    return {
        "id": name,
        "prediction": predictions.text[row],
        "char_start": predictions.char_start[row].item(),
        "char_end": predictions.char_end[row].item(),
        **({"spans": [span._asdict() for span in spans]} if len(spans) > 1 else {}),
    }


def _span(value: object, name: str, where: str) -> Span:
    if isinstance(value, str):
        value = {"text": value}
    if not isinstance(value, Mapping) or not isinstance(text := value.get("text"), str) or not text:
        raise DataError(f"question {name!r} has the span {_shown(value)}", where=where, fix=_SPAN)
    numbers = {key: value.get(key) for key in ("char_start", "char_end", "score")}
    for key, number in numbers.items():
        if number is not None and (isinstance(number, bool) or not isinstance(number, _KINDS[key])):
            raise DataError(f"{key} of a span of question {name!r} is {_shown(number)}", where=where, fix=_SPAN)
    start = -1 if numbers["char_start"] is None else max(numbers["char_start"], -1)
    end = start + len(text) if start >= 0 else -1
    if start >= 0 and numbers["char_end"] not in (None, end):
        what = f"the span {_shown(text)} of question {name!r} is at {start} to {numbers['char_end']}, but ends at {end}"
        raise DataError(what, where=where, fix="char_end is the character after the last")
    return Span(text, start, end, float("nan") if numbers["score"] is None else float(numbers["score"]))


_KINDS: dict[str, type | UnionType] = {"char_start": int, "char_end": int, "score": int | float}


def _shown(value: object) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
