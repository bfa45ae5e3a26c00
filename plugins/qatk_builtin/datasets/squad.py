"""SQuAD JSON files, v1.1 and v2, to examples."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from qatk.api import DataError, DataWarning
from qatk.data import BadAnswers, as_starts, checked, listed
from qatk.files import parse_json, read_text
from qatk.types import Examples
from qatk_builtin.datasets import SquadOptions
from qatk_builtin.datasets.columns import column_values
from qatk_builtin.datasets.squad_form import Qa, SquadFile, check_form


class SquadDataset:
    """The ``squad`` dataset: one SQuAD file."""

    def __init__(self, options: SquadOptions) -> None:
        self.options = options

    def load(self) -> Examples:
        """Read the file; see :func:`read_squad`."""
        return read_squad(self.options.path, self.options.bad_answers, self.options.columns)


def read_squad(path: str | Path, bad_answers: BadAnswers = "error", columns: Sequence[str] = ()) -> Examples:
    """Read a SQuAD file, v1.1 or v2, UTF-8, plain or gzip.

    As in the official script, ``answers`` alone says whether a question has an answer: ``is_impossible`` that
    says otherwise is warned of and not followed, ``plausible_answers`` are not read. Gold is absent where no
    question has ``answers``; beside questions that have them, one without must be ``is_impossible``.

    Args:
        path: the file.
        bad_answers: what to do with answers that do not stand at their ``answer_start``; see
            :func:`qatk.data.answers.checked`.
        columns: further keys of the questions to read; see :func:`qatk_builtin.datasets.columns.column_values`.

    Raises:
        UsageError: where the file cannot be opened.
        DataError: where it is damaged, of another form, without questions, has ids twice or bad answers.
    """
    path = Path(path)
    with _no_collection():
        parsed = parse_json(read_text(path), path)
        document = check_form(parsed, str(path))
        read = _Columns(str(path))
        read.read(document)
        further = column_values(_questions(parsed) if columns else [], columns, str(path))
        try:
            examples = replace(read.examples(), columns=further)
        except DataError as error:
            error.where = error.where or str(path)  # the columns refuse texts without knowing their file
            raise
    return checked(examples, bad_answers, str(path))


def _questions(document: Any) -> list[dict[str, Any]]:
    """The questions of a checked document as the file has them, every key included."""
    paragraphs = (paragraph for article in document["data"] for paragraph in article["paragraphs"])
    return [qa for paragraph in paragraphs for qa in paragraph["qas"]]


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the cyclic collector from walking a growing document again and again: it takes half of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@dataclass
class _Columns:
    """The columns of :class:`Examples` while they grow, and what is to be said of them."""

    where: str
    ids: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    context_rows: dict[str, int] = field(default_factory=dict)
    context_index: list[int] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    starts: list[int | None] = field(default_factory=list)
    without_answers: list[tuple[str, bool]] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)

    def read(self, document: SquadFile) -> None:
        for article in document["data"]:
            title = article.get("title") or ""
            for paragraph in article["paragraphs"]:
                row = self.context_rows.setdefault(paragraph["context"], len(self.context_rows))
                qas = paragraph["qas"]
                self.titles += [title] * len(qas)
                self.context_index += [row] * len(qas)
                for qa in qas:
                    self.add(qa)

    def add(self, qa: Qa) -> None:
        name = str(qa["id"])
        self.ids.append(name)
        self.questions.append(qa["question"])
        answers = qa.get("answers")
        impossible = qa.get("is_impossible")
        if answers is None:
            self.without_answers.append((name, impossible is True))
            answers = []
        elif impossible is not None and impossible is bool(answers):
            self.contradictions.append(name)
        self.answers.append(len(answers))
        for answer in answers:
            self.texts.append(answer["text"])
            self.starts.append(answer.get("answer_start"))

    def examples(self) -> Examples:
        gold = len(self.without_answers) < len(self.ids)
        if gold:
            self._check_gold()
        return Examples(
            id=self.ids,
            question=self.questions,
            title=self.titles,
            context=list(self.context_rows),
            context_index=np.array(self.context_index, np.int32),
            answer_offsets=np.fromiter(accumulate(self.answers, initial=0), np.int64) if gold else None,
            answer_text=self.texts,
            answer_start=as_starts(self.starts),
        )

    def _check_gold(self) -> None:
        lacking = [name for name, impossible in self.without_answers if not impossible]
        if lacking:
            what = f"{len(lacking)} questions have no 'answers' while others have: {listed(lacking)}"
            fix = "a question without an answer has an empty list"
            raise DataError(what, where=self.where, fix=fix)
        if self.contradictions:
            names = listed(self.contradictions)
            what = f"{len(self.contradictions)} questions whose is_impossible and answers differ; answers hold: {names}"
            warnings.warn(DataWarning(f"{self.where}: {what}"), stacklevel=4)
