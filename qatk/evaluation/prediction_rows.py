"""Predictions a row a question, as a run, ``qatk predict`` and other programs write them: JSON Lines, Parquet, CSV.

A row has ``id``, ``answer`` (``""`` for no answer), ``start`` and ``end``; ``spans`` holds all spans of the answer. The
table of a run, where gold answers stand beside, says ``prediction``, ``char_start`` and ``char_end``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from qatk.errors import DataError, PredictionsError, counted, listed
from qatk.evaluation.prediction_tables import BESIDE_GOLD, DELIMITERS, read_table
from qatk.files import ending, read_rows
from qatk.types import Span

Said = str | Sequence[str | Span]
"""What is said of a question: one text, ``""`` for no answer; or the spans of an answer, texts alone where no place is
known, an empty list for no answer."""
ROWS = (".jsonl", ".ndjson", ".parquet")
"""Endings of files that hold a row for each question, tables aside."""
COLUMNS = ("id", "answer", "spans", "start", "end")
_DUE = "a row has an 'id', and 'answer' (a text, \"\" for no answer) or 'spans' (a list of texts, or of objects)"
_SPAN = "a span is a text, or {'text': ..., 'start': ..., 'end': ..., 'score': ...}, all but the text optional"


def has_rows(path: str | Path) -> bool:
    """Whether a file, by its ending, holds a row for each question."""
    return ending(path) in (*ROWS, *DELIMITERS)


def rows_of(path: Path, columns: Sequence[str], needed: Sequence[str]) -> Iterator[tuple[str, object]]:
    """The rows of a file, each with its place for messages; a table must have the columns that are needed."""
    return read_table(path, needed) if ending(path) in DELIMITERS else read_rows(path, columns)


def read_said(path: Path) -> dict[str, Said]:
    """What each row says of its question; see :func:`qatk.evaluation.prediction_files.read_predictions`."""
    rows = rows_of(path, (*COLUMNS, *BESIDE_GOLD.values()), needed=("id",))
    said = [_said(row, where) for where, row in rows]
    if not said:
        raise DataError("the file has no rows", where=str(path), fix=_DUE)
    refuse_double([name for name, _ in said], str(path))
    return dict(said)


def refuse_double(names: Sequence[str], where: str) -> None:
    """Refuse ids of which one occurs twice. Raises :class:`PredictionsError`, with the ids."""
    if double := [name for name, times in Counter(names).items() if times > 1]:
        raise PredictionsError(list_ids({"occur twice": double}), where=where, fix="keep one line for each id")


_SINGULAR = {"are": "is", "have": "has", "occur": "occurs"}


def list_ids(kinds: Mapping[str, Sequence[str]]) -> str:
    """One sentence for each kind: the number of ids, and the first of them.

    Args:
        kinds: by what the ids are said to do, such as ``have no prediction``: begins with a verb of ``_SINGULAR``.
    """
    lines = []
    for what, ids in kinds.items():
        if ids:
            verb, _, rest = what.partition(" ")
            lines.append(f"{counted(len(ids), 'question id', _SINGULAR[verb])} {rest}: {listed(ids)}")
    return "\n  ".join(lines)


def _said(row: object, where: str) -> tuple[str, Said]:
    if not isinstance(row, dict):
        raise DataError(f"{_shown(row)} instead of an object", where=where, fix=_DUE)
    keys = {name: BESIDE_GOLD.get(name, name) if row.get("prediction") is not None else name for name in COLUMNS}
    name, text, spans, start, end = (row.get(key) for key in keys.values())
    if isinstance(name, bool) or not isinstance(name, str | int):
        raise DataError(f"'id' is {_shown(name)}", where=where, fix=_DUE)
    if text is None and spans is None:
        raise DataError(f"question {name!r} has neither an 'answer' nor 'spans'", where=where, fix=_DUE)
    if not isinstance(text, str | None):
        raise DataError(f"the {keys['answer']!r} of question {name!r} is {_shown(text)}", where=where, fix=_DUE)
    if not isinstance(spans, list | None):
        raise DataError(f"the 'spans' of question {name!r} are {_shown(spans)}", where=where, fix=_DUE)
    if text == "" or (not text and not spans):
        return str(name), []
    if text and not spans and start is None:
        return str(name), [text]
    said = spans or [{"text": text, "start": start, "end": end}]
    return str(name), [_span(span, str(name), where) for span in said]


def _span(value: object, name: str, where: str) -> Span:
    if isinstance(value, str):
        value = {"text": value}
    if not isinstance(value, Mapping) or not isinstance(text := value.get("text"), str) or not text:
        raise DataError(f"question {name!r} has the span {_shown(value)}", where=where, fix=_SPAN)
    keys = [key if value.get(key) is not None else BESIDE_GOLD.get(key, key) for key in ("start", "end", "score")]
    numbers = [value.get(key) for key in keys]
    for key, number in zip(keys, numbers, strict=True):
        kind = int | float if key == "score" else int
        if number is not None and (isinstance(number, bool) or not isinstance(number, kind)):
            raise DataError(f"{key} of a span of question {name!r} is {_shown(number)}", where=where, fix=_SPAN)
    said_start, said_end, score = numbers
    start = -1 if said_start is None else max(said_start, -1)
    end = start + len(text) if start >= 0 else -1
    if start >= 0 and said_end not in (None, end):
        what = f"the span {_shown(text)} of question {name!r} is at {start} to {said_end}, but ends at {end}"
        raise DataError(what, where=where, fix=f"{keys[1]} is the character after the last")
    return Span(text, start, end, float("nan") if score is None else float(score))


def _shown(value: object) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
