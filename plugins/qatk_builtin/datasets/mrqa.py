"""MRQA 2019 (Fisch et al. 2019): contexts with questions whose answers were found by character spans."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from qatk.api import Answer, DataError, Examples, RawExamples
from qatk.data import gold_given, strict
from qatk.files import is_streamable, read_json_lines, stream_json_lines
from qatk_builtin.datasets import MrqaOptions
from qatk_builtin.datasets.one_file import OneFile
from qatk_builtin.datasets.span_rows import Question, raw_of_questions

_FORM = "expected a line {'header': ...}, then lines {'context': ..., 'qas': [{'qid', 'question', 'detected_answers'}]}"
_SPAN = "expected {'text': ..., 'char_spans': [[first, last]]}, both characters inside of the answer"


class MrqaDataset(OneFile[MrqaOptions]):
    """The ``mrqa`` dataset: one file of the MRQA shared task.

    ``char_spans`` name the first and the last character of an answer, both of it. Every span of every detected answer
    is an alternative. The name of the data set in the header goes into the column ``dataset``, for the ``column``
    slicer. Without ``detected_answers`` in any question gold is absent.
    """

    def _read(self) -> RawExamples:
        header, found = self._asked(read_json_lines(Path(self.options.path)))
        return self._raw(list(found), header)

    def stream(self, size: int) -> Iterator[Examples] | None:
        """Read the file in blocks; see :class:`qatk.api.StreamingDataset`."""
        return self._blocks(size) if is_streamable(Path(self.options.path)) else None

    def _blocks(self, size: int) -> Iterator[Examples]:
        header, found = self._asked(stream_json_lines(Path(self.options.path)))
        while few := list(islice(found, size)):
            yield strict(self._raw(few, header), self.options.bad_answers, self.options.path)

    def _asked(self, rows: Iterator[tuple[int, object]]) -> tuple[object, Iterator[tuple[Question, bool]]]:
        """The header, ``None`` without one, and the questions of all lines, with whether their answers are given."""
        first = next(rows, None)
        header = first[1].get("header") if first and isinstance(first[1], dict) else None
        lines = chain([] if header is not None or first is None else [first], rows)
        return header, (each for line, row in lines for each in self._questions(line, row))

    def _raw(self, found: Sequence[tuple[Question, bool]], header: object) -> RawExamples:
        if not found:
            raise DataError("the file has no questions", where=self.options.path, fix=_FORM)
        lacking = [question.id for question, gold in found if not gold]
        gold = gold_given(lacking, len(found), "detected_answers", self.options.path)
        raw = raw_of_questions([question for question, _ in found], gold=gold)
        name = header.get("dataset") if isinstance(header, dict) else None
        return replace(raw, columns={"dataset": [str(name)] * len(raw)}) if name else raw

    def _questions(self, line: int, row: Any) -> Iterator[tuple[Question, bool]]:
        """The questions of a line, and whether their answers are given."""
        where = f"{self.options.path}:{line}"
        if not isinstance(row, dict) or not isinstance(row.get("qas"), list):
            keys = ", ".join(map(repr, row)) if isinstance(row, dict) else type(row).__name__
            raise DataError(f"this line has no list 'qas' (found: {keys})", where=where, fix=_FORM)
        context = _text(row, "context", "this line", where)
        for number, qa in enumerate(row["qas"]):
            if not isinstance(qa, dict):
                raise DataError(f"qas[{number}] is no object", where=where, fix=_FORM)
            name = _text(qa, "qid", f"qas[{number}]", where)
            asked = _text(qa, "question", f"question {name!r}", where)
            answers = qa.get("detected_answers")
            if not isinstance(answers, list | None):
                raise DataError(f"detected_answers of question {name!r} are no list", where=where, fix=_FORM)
            places = [place for each in answers or () for place in _places(each, context, name, where)]
            spans = [places] if places else []
            yield Question(name, asked, "", context, spans, f"{where}: qas[{number}]"), answers is not None


def _text(row: dict[str, Any], key: str, of: str, where: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        found = f"(keys found: {', '.join(map(repr, row))})" if key not in row else f"but {str(value)[:40]!r}"
        raise DataError(f"{of} has no text {key!r} {found}", where=where, fix=_FORM)
    return value


def _places(answer: Any, context: str, name: str, where: str) -> Iterator[Answer]:
    of = f"a detected answer of question {name!r}"
    if not isinstance(answer, dict) or not isinstance(text := answer.get("text"), str):
        raise DataError(f"{of} has no text", where=where, fix=_SPAN)
    spans = answer.get("char_spans")
    if not isinstance(spans, list) or not spans:
        raise DataError(f"{of} has no char_spans", where=where, fix=_SPAN)
    for span in spans:
        if not (isinstance(span, list) and len(span) == 2 and all(type(edge) is int for edge in span)):
            raise DataError(f"{of} has the span {str(span)[:40]}", where=where, fix=_SPAN)
        first, last = span
        there = context[first : last + 1] if 0 <= first <= last else ""
        if there != text and there[:-1] == text:
            what = f"{of}, {text[:40]!r}, ends before the last character of its span {span}"
            raise DataError(what, where=where, fix="the second number is that of the answer's last character")
        yield Answer(there if there.casefold() == text.casefold() else text, first)
