"""SQuAD JSON files, v1.1 and v2, to examples."""

from __future__ import annotations

import warnings
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from operator import itemgetter
from pathlib import Path
from typing import cast

import numpy as np

from qatk.api import DataWarning, Examples, RawExamples
from qatk.data import BadAnswers, strict, without_collector
from qatk.files import is_streamable, json_items, parse_json, read_text
from qatk.types import ALL_COLUMNS, column_values
from qatk_builtin.datasets import SquadOptions
from qatk_builtin.datasets.columns import Columned
from qatk_builtin.datasets.squad_form import Answer, Article, Paragraph, Qa, SquadFile, check_form

_OF_QUESTIONS = (*Qa.__annotations__, "context", "title")
"""What each question has, so that no further column of it can be called so."""


class SquadDataset(Columned[SquadOptions]):
    """The ``squad`` dataset: one SQuAD file."""

    def load(self) -> Examples:
        """Read the file; see :func:`read_squad`."""
        return read_squad(self.options.path, self.options.bad_answers, self.options.columns)

    def stream(self, size: int) -> Iterator[Examples] | None:
        """Read the file article by article; see :class:`qatk.api.StreamingDataset`."""
        return self._blocks(Path(self.options.path), size) if is_streamable(Path(self.options.path)) else None

    def _blocks(self, path: Path, size: int) -> Iterator[Examples]:
        for articles in _together(path, size):
            raw = _raw({"data": articles}, path, self.options.columns)
            examples = strict(raw, self.options.bad_answers, str(path))
            parts = [range(begin, min(begin + size, len(examples))) for begin in range(0, len(examples), size)]
            yield from [examples] if len(parts) == 1 else map(examples.take, parts)

    def _read(self) -> RawExamples:
        return read_raw_squad(self.options.path, self.options.columns)


def read_squad(path: str | Path, bad_answers: BadAnswers = "error", columns: Sequence[str] = ()) -> Examples:
    """Read a SQuAD file, v1.1 or v2, UTF-8, plain or gzip.

    As in the official script, ``answers`` alone says whether a question has an answer; see :func:`qatk.data.strict`.
    ``plausible_answers`` are not read.

    Args:
        path: the file.
        bad_answers: what to do with answers that do not stand at their ``answer_start``; see
            :func:`qatk.data.answers.checked`.
        columns: further keys of questions, paragraphs and articles to read; see :func:`qatk.types.column_values`.

    Raises:
        UsageError: where the file cannot be opened.
        DataError: where it is damaged, of another form, without questions, has ids twice or bad answers.
    """
    with without_collector():
        return strict(read_raw_squad(path, columns), bad_answers, str(path))


def read_raw_squad(path: str | Path, columns: Sequence[str] = ()) -> RawExamples:
    """What stands in a SQuAD file, unchecked but for its form; arguments and errors as of :func:`read_squad`."""
    path = Path(path)
    with without_collector():
        parsed = parse_json(read_text(path), path)
        return _raw(parsed, path, columns)


def _raw(parsed: object, path: Path, columns: Sequence[str]) -> RawExamples:
    """The columns of a parsed file."""
    document = check_form(parsed, str(path))
    read = _Columns()
    read.read(document)
    whole = cast(SquadFile, parsed)
    left = _OF_QUESTIONS if ALL_COLUMNS in columns else ()
    questions = [{**above, **qa} if above else qa for above, qa in _questions(whole, left)] if columns else []
    if left:
        _warn_of_lost_keys(whole, str(path))
    used = set(Qa.__annotations__) if any(read.has_gold) else Qa.__annotations__.keys() - {"is_impossible"}
    return read.raw(column_values(questions, columns, str(path), used=used))


def _together(path: Path, size: int) -> Iterator[list[object]]:
    """Articles that have up to ``size`` questions together; one that has more comes alone."""
    held: list[object] = []
    room = size
    for article in json_items(path, "data"):
        (checked,) = check_form({"data": [article]}, str(path))["data"]
        asked = sum(len(paragraph["qas"]) for paragraph in checked["paragraphs"])
        if not asked:
            continue
        if held and asked > room:
            yield held
            held, room = [], size
        held.append(article)
        room -= asked
    if held:
        yield held


def _questions(document: SquadFile, left: Collection[str] = ()) -> Iterator[tuple[dict[str, object], Qa]]:
    """The questions of a checked document as the file has them, with the further keys of paragraph and article.

    Keys of these that are to be ``left`` out are not among them.
    """
    in_article, in_paragraph = {*Article.__annotations__, *left}, {*Paragraph.__annotations__, *left}
    for article in document["data"]:
        of_article = {key: value for key, value in article.items() if key not in in_article}
        for paragraph in article["paragraphs"]:
            of_paragraph = {key: value for key, value in paragraph.items() if key not in in_paragraph}
            yield from (({**of_article, **of_paragraph}, qa) for qa in paragraph["qas"])


def _warn_of_lost_keys(document: SquadFile, where: str) -> None:
    """Warn of keys that no column has: those of answers, and of paragraphs and articles where questions have them."""
    shadowed, of_answers = dict[str, None](), dict[str, None]()
    for above, qa in _questions(document):
        shadowed |= dict.fromkeys(key for key in above if key in qa or key in _OF_QUESTIONS)
        of_answers |= dict.fromkeys(key for answer in qa.get("answers") or () for key in answer)
    lost = [key for key in of_answers if key not in Answer.__annotations__]
    for of, keys in (("answers", lost), ("paragraphs or articles that questions have too", list(shadowed))):
        if keys:
            what = f"keys of {of} are left out: {', '.join(keys)}"
            warnings.warn(DataWarning(f"{where}: {what}"), stacklevel=4)


@dataclass
class _Columns:
    """The columns of :class:`RawExamples` while they grow."""

    ids: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    context_rows: dict[str, int] = field(default_factory=dict)
    context_index: list[int] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    starts: list[int | None] = field(default_factory=list)
    has_gold: list[bool] = field(default_factory=list)
    impossible: list[bool | None] = field(default_factory=list)
    paragraphs: list[tuple[int, int, int]] = field(default_factory=list)
    """The first row of each paragraph, its article, and its number there."""

    def read(self, document: SquadFile) -> None:
        for number, article in enumerate(document["data"]):
            title = article.get("title") or ""
            for place, paragraph in enumerate(article["paragraphs"]):
                row = self.context_rows.setdefault(paragraph["context"], len(self.context_rows))
                qas = paragraph["qas"]
                self.paragraphs.append((len(self.ids), number, place))
                self.titles += [title] * len(qas)
                self.context_index += [row] * len(qas)
                for qa in qas:
                    self.add(qa)

    def add(self, qa: Qa) -> None:
        self.ids.append(str(qa["id"]))
        self.questions.append(qa["question"])
        answers = qa.get("answers")
        self.has_gold.append(answers is not None)
        self.impossible.append(qa.get("is_impossible"))
        self.answers.append(len(answers or ()))
        for answer in answers or ():
            self.texts.append(answer["text"])
            self.starts.append(answer.get("answer_start"))

    def raw(self, columns: Mapping[str, Sequence[str]]) -> RawExamples:
        return RawExamples(
            id=self.ids,
            question=self.questions,
            title=self.titles,
            context=list(self.context_rows),
            context_index=np.array(self.context_index, np.int32),
            answer_offsets=np.fromiter(accumulate(self.answers, initial=0), np.int64),
            answer_text=self.texts,
            answer_start=self.starts,
            has_gold=np.array(self.has_gold, np.bool_),
            impossible=self.impossible,
            columns=columns,
            place=self.place,
        )

    def place(self, row: int) -> str:
        first, article, paragraph = self.paragraphs[bisect_right(self.paragraphs, row, key=itemgetter(0)) - 1]
        return f"data[{article}].paragraphs[{paragraph}].qas[{row - first}]"
