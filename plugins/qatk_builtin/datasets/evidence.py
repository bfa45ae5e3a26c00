"""Evidence a row a question: JSON Lines or Parquet with spans by characters, to examples with sets of spans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

from typing_extensions import NotRequired, TypedDict

from qatk.api import Answer, DataError, RawExamples
from qatk.data import gold_given
from qatk.display import counted
from qatk.files import read_rows
from qatk.types import column_values
from qatk_builtin.datasets import EvidenceOptions
from qatk_builtin.datasets.columns import Columned
from qatk_builtin.datasets.one_file import OneFile
from qatk_builtin.datasets.span_rows import Question, raw_of_questions

_ROW = "a row has id, question, context, and spans: a list of {'char_start': 3, 'char_end': 8}, empty for no answer"
_SPAN = "a span is {'char_start': 3, 'char_end': 8}, {'char_start': 3, 'text': ...}, or a list of such alternatives"
_USED = ("id", "question", "context", "title", "spans", "answers")


class _Row(TypedDict):
    id: str | int
    question: str
    context: str
    title: NotRequired[str | None]
    spans: NotRequired[object]


class EvidenceDataset(Columned[EvidenceOptions], OneFile[EvidenceOptions]):
    """The ``evidence`` dataset: rows of ``id``, ``question``, ``context``, ``spans`` and, where known, ``title``.

    All spans of a question are due. A span is an object of ``char_start`` and ``char_end`` (exclusive), or of
    ``char_start`` and ``text``; or a list of such objects, which are alternatives. An empty list of spans says that the
    context does not answer the question. Without ``spans`` in any row gold is absent.
    """

    def _read(self) -> RawExamples:
        where = self.options.path
        rows = list(_rows(Path(where)))
        if not rows:
            raise DataError("the file has no rows", where=where, fix=_ROW)
        lacking = [str(row["id"]) for _, row in rows if row.get("spans") is None]
        gold = gold_given(lacking, len(rows), "spans", where)
        raw = raw_of_questions([_question(row, place) for place, row in rows], gold=gold)
        if self.options.columns:
            values = column_values([row for _, row in rows], self.options.columns, where, used=_USED)
            raw = replace(raw, columns=values)
        return raw


def _rows(path: Path) -> Iterator[tuple[str, _Row]]:
    """Each row with its place, in words of the file."""
    for where, row in read_rows(path):
        if not isinstance(row, dict):
            raise DataError(f"a {type(row).__name__} instead of an object", where=where, fix=_ROW)
        if isinstance(row.get("id"), bool) or not isinstance(row.get("id"), str | int):
            raise DataError("there is no id, a text or a whole number", where=where, fix=_ROW)
        for key in ("question", "context"):
            if not isinstance(row.get(key), str):
                raise DataError(f"the {key} of question {row['id']!r} is no text", where=where, fix=_ROW)
        if not isinstance(row.get("title"), str | None):
            raise DataError(f"the title of question {row['id']!r} is no text", where=where, fix=_ROW)
        if row.get("answers"):
            what = f"question {row['id']!r} has 'answers', alternatives of one, where 'spans', all due, are read"
            fix = "give one of the two: spans; files of answers alone are read by the datasets squad and hub"
            raise DataError(what, where=where, fix=fix)
        yield where, cast(_Row, row)


def _question(row: _Row, where: str) -> Question:
    name, context, spans = row["id"], row["context"], row.get("spans") or []
    if not isinstance(spans, list):
        raise DataError(f"the spans of question {name!r} are no list", where=where, fix=_SPAN)
    each = [span if isinstance(span, list) else [span] for span in spans]
    if not all(each):
        what = f"a span of question {name!r} is an empty list: it is due, and has no alternative"
        raise DataError(what, where=where, fix="leave it out; a question without an answer has no spans at all")
    found = [[_answer(one, context, f"question {name!r}", where) for one in span] for span in each]
    return Question(str(name), row["question"], row.get("title") or "", context, found, where)


def _answer(value: object, context: str, of: str, where: str) -> Answer:
    if not isinstance(value, Mapping):
        raise DataError(f"{of} has a span that is no object: {str(value)[:60]!r}", where=where, fix=_SPAN)
    start, end, text = (value.get(key) for key in ("char_start", "char_end", "text"))
    numbers = [number for number in (start, end) if number is not None]
    if start is None or any(isinstance(number, bool) or not isinstance(number, int) for number in numbers):
        raise DataError(f"{of} has the span {dict(value)}", where=where, fix=_SPAN)
    if not isinstance(text, str | None):
        raise DataError(f"{of} has a span at {start} whose text is {str(text)[:60]}", where=where, fix=_SPAN)
    if end is None and text is None:
        raise DataError(f"{of} has a span at {start} with neither char_end nor text", where=where, fix=_SPAN)
    end = start + len(text or "") if end is None else end
    if not 0 <= start < end <= len(context):
        what = f"{of} has a span at {start} to {end}, outside its context of {counted(len(context), 'character')}"
        raise DataError(what if end > start else f"{of} has an empty span at {start} to {end}", where=where, fix=_SPAN)
    if text is not None and len(text) != end - start:
        what = f"{of} has the span {text[:60]!r} of {counted(len(text), 'character')} at {start} to {end}"
        raise DataError(what, where=where, fix="char_end is the character after the last")
    return Answer(context[start:end] if text is None else text, start)
