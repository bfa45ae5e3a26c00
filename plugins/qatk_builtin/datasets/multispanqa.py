"""MultiSpanQA (Li et al. 2022): tokens with B, I and O labels, to examples with sets of spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

from qatk.api import Answer, DataError, Examples, RawExamples
from qatk.data import gold_given, strict
from qatk.display import counted
from qatk.files import parse_json, read_text
from qatk.types import column_values
from qatk_builtin.datasets import MultiSpanQaOptions
from qatk_builtin.datasets.columns import Columned
from qatk_builtin.datasets.span_rows import Question, raw_of_questions

_FORM = "{'data': [{'id': ..., 'question': [tokens], 'context': [tokens], 'label': ['B', 'I', 'O', ...]}]} is expected"
_USED = ("id", "question", "context", "label", "num_span")


class MultiSpanQaDataset(Columned[MultiSpanQaOptions]):
    """The ``multispanqa`` dataset: one file of MultiSpanQA.

    Tokens are joined by single blanks, as the official script does, so contexts are tokenized text. A span begins at a
    label B and goes on over I. Without labels gold is absent, as in the file of the test set.
    """

    def load(self) -> Examples:
        """Read the file. Raises :class:`DataError`, with the question, or :class:`UsageError`."""
        return strict(self._read(), "error", self.options.path)

    def _read(self) -> RawExamples:
        path, where = Path(self.options.path), self.options.path
        rows = _rows(parse_json(read_text(path), path), where)
        lacking = [str(row["id"]) for row in rows if "label" not in row]
        gold = gold_given(lacking, len(rows), "label", where, fix="a question without an answer has labels O alone")
        questions = [_question(row, where, gold=gold)._replace(place=f"data[{k}]") for k, row in enumerate(rows)]
        raw = raw_of_questions(questions, gold=gold)
        if self.options.columns:
            raw = replace(raw, columns=column_values(rows, self.options.columns, where, used=_USED))
        return raw


def _rows(document: object, where: str) -> list[dict[str, object]]:
    rows = document.get("data") if isinstance(document, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError("this is no file of MultiSpanQA", where=where, fix=_FORM)
    for number, row in enumerate(rows):
        if missing := [key for key in ("id", "question", "context") if key not in row]:
            named = f" (id {row['id']!r})" if "id" in row else ""
            raise DataError(f"data[{number}]{named} has no {' and no '.join(missing)}", where=where, fix=_FORM)
    return rows


def _question(row: Mapping[str, object], where: str, *, gold: bool) -> Question:
    name = str(row["id"])
    tokens, words = (_tokens(row, key, where) for key in ("context", "question"))
    spans = _spans(row, tokens, where) if gold else []
    return Question(name, " ".join(words), "", " ".join(tokens), spans)


def _tokens(row: Mapping[str, object], key: str, where: str) -> list[str]:
    tokens = row[key]
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise DataError(f"the {key} of question {row['id']!r} is no list of tokens", where=where, fix=_FORM)
    return tokens


def _spans(row: Mapping[str, object], tokens: Sequence[str], where: str) -> list[list[Answer]]:
    labels, name = row["label"], row["id"]
    if not isinstance(labels, list) or len(labels) != len(tokens):
        count = counted(len(labels), "label") if isinstance(labels, list) else "no list of labels"
        what = f"question {name!r} has {count} for {counted(len(tokens), 'token')}"
        raise DataError(what, where=where, fix=_FORM)
    found: list[tuple[int, int]] = []
    for place, (before, label) in enumerate(zip(["O", *labels], labels, strict=False)):
        if label == "I" and before != "O":
            found[-1] = found[-1][0], place + 1
        elif label == "B":
            found.append((place, place + 1))
        elif label != "O":
            what = "a label I behind O, so that no span begins" if label == "I" else f"the label {label!r}"
            raise DataError(f"token {place} of question {name!r} has {what}", where=where, fix="tags must be B, I or O")
    if "num_span" in row and row["num_span"] != len(found):
        what = f"question {name!r} should have {row['num_span']} spans (num_span), and its labels have {len(found)}"
        raise DataError(what, where=where, fix="mend its labels, or leave num_span out")
    starts = list(accumulate((len(token) + 1 for token in tokens), initial=0))
    return [[Answer(" ".join(tokens[first:stop]), starts[first])] for first, stop in found]
