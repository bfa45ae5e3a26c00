"""A teacher that was asked before: its best spans of the training questions, in a file that ``qatk predict`` wrote."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qatk.api import DataError, Examples, Features, SpanCandidates, SpanScores
from qatk.display import counted, shortened
from qatk.files import ending, read_rows
from qatk.types import Float64, Int64
from qatk_builtin.trainers.distil.soft_targets import SoftTargets, context_tokens, soft_targets, tokens_at
from qatk_builtin.trainers.distil.store import digest

_ENDINGS = (".jsonl", ".ndjson", ".parquet")
_DUE = "a row has an 'id', 'candidates' (spans with 'start', 'end' and 'score') and 'null_odds', as qatk predict writes"


@dataclass(frozen=True, eq=False)
class _Row:
    """What was told of a question.

    Attributes:
        where: the row, for messages.
        spans: int64[K, 2], the characters of each span in the context.
        texts: of these spans; ``None`` where it is not told.
        logs: float64[K + 1], log-probabilities of these spans, and of no answer.
    """

    where: str
    spans: Int64
    texts: list[str | None]
    logs: Float64


class Told:
    """Best spans in place of the model that found them; what is not among them is taken for impossible.

    Args:
        path: JSON Lines or Parquet, plain or packed.

    Raises:
        DataError: a row is not as it should be.
        UsageError: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        columns = ("id", "candidates", "null_odds")
        self._rows = dict(_row(row, where) for where, row in read_rows(path, columns))

    @classmethod
    def has_form(cls, name: str) -> bool:
        """Whether a teacher's name is that of such a file, and not of a model."""
        return ending(name) in _ENDINGS and not os.path.isdir(name)  # noqa: PTH112  a name, not a path yet

    def targets(self, examples: Examples, windows: Features) -> SoftTargets:
        """Soft targets for windows of these examples; what lies outside of a window is "no answer" there.

        Raises:
            DataError: questions are missing, or their contexts are others.
        """
        rows = self._of(examples)
        seen = [
            _seen_in(rows[example], windows, window) for window, example in enumerate(windows.example_index.tolist())
        ]
        first, last, score, null = zip(*seen, strict=True)
        window = np.repeat(np.arange(len(seen), dtype=np.int32), [len(each) for each in first])
        start, end = (np.concatenate(column).astype(np.int32) for column in (first, last))
        spans = SpanCandidates(window, start, end, np.concatenate(score).astype(np.float32))
        return soft_targets(windows, SpanScores(np.array(null, np.float32), candidates=spans), str(self._path))

    def identity(self, examples: Examples, windows: Features) -> str:
        """Changes with what was told, and with the windows."""
        told = (part.tobytes() for row in self._of(examples) for part in (row.spans, row.logs))
        columns = ("example_index", "token_offsets", "char_start", "char_end", "null_index")
        return digest([*told, *(getattr(windows, name).tobytes() for name in columns)])

    def _of(self, examples: Examples) -> list[_Row]:
        """The rows of these examples."""
        if missing := [name for name in examples.id if name not in self._rows]:
            what = f"{counted(len(missing), 'question')} of the training data, such as {missing[0]!r}, have no row"
            raise DataError(what, where=str(self._path), fix=f"qatk predict TEACHER TRAIN --out {self._path} -k 20")
        rows = [self._rows[name] for name in examples.id]
        for number, row in enumerate(rows):
            context = examples.context_of(number)
            for (start, end), text in zip(row.spans.tolist(), row.texts, strict=True):
                if not 0 <= start < end <= len(context) or text not in (None, context[start:end]):
                    said = "the span" if text is None else repr(shortened(text, 40))
                    what = f"{said} at {start} to {end} is not in the context of question {examples.id[number]!r}"
                    raise DataError(what, where=row.where, fix="ask the teacher about these training data")
        return rows


def _seen_in(row: _Row, windows: Features, window: int) -> tuple[Int64, Int64, Float64, float]:
    """The spans that lie in a window, by first token, last token and log-probability; that of no answer there."""
    place = context_tokens(windows, window)
    inside = np.zeros(len(row.spans), np.bool_)
    begins = ends = np.zeros(len(row.spans), np.int64)
    if len(place):
        begins, ends = tokens_at(windows, place, row.spans[:, 0], row.spans[:, 1])
        low, high = windows.char_start[place[0]], windows.char_end[place[-1]]
        inside = (row.spans[:, 0] >= low) & (row.spans[:, 1] <= high) & (begins <= ends)
    first, last = (place[at[inside]] - windows.token_offsets[window] for at in (begins, ends))
    outside = [*row.logs[:-1][~inside], row.logs[-1]]
    return first, last, row.logs[:-1][inside], float(np.logaddexp.reduce(outside))


def _row(row: object, where: str) -> tuple[str, _Row]:
    if not isinstance(row, Mapping) or not isinstance(row.get("candidates"), list) or row.get("id") is None:
        raise DataError("this is no row of best spans", where=where, fix=_DUE)
    spans, odds = row["candidates"], row.get("null_odds")
    try:
        places = np.array([(span["start"], span["end"]) for span in spans], np.int64).reshape(-1, 2)
        scores = np.array([span["score"] for span in spans], np.float64)
        if not np.isfinite(scores).all():
            raise ValueError("scores are numbers")
        # The odds are those of the score of no answer against the best span's.
        null = -np.inf if odds is None else float(odds) + scores.max(initial=-np.inf if len(scores) else 0.0)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"question {row['id']!r} has best spans without places or scores", where=where, fix=_DUE
        ) from error
    logs = np.array([*scores, null if len(scores) else 0.0])
    texts = [span.get("text") for span in spans]
    return str(row["id"]), _Row(where, places, texts, logs - np.logaddexp.reduce(logs))
