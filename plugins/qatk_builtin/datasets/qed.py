"""QED (Lamm et al. 2021): questions with the sentence that answers them, to examples with evidence."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from qatk.api import Answer, DataError, DataWarning, RawExamples
from qatk.display import counted
from qatk.files import read_json_lines
from qatk_builtin.datasets import QedOptions
from qatk_builtin.datasets.one_file import OneFile
from qatk_builtin.datasets.span_rows import Question, raw_of_questions

_FORM = "QED's JSON Lines have example_id, question_text, paragraph_text and annotation, with places as characters"


class QedDataset(OneFile[QedOptions]):
    """The ``qed`` dataset: one file of QED.

    The evidence of a question is the sentence that the annotators chose, or the answers, where the paragraph names
    them: that may be before a sentence that only refers to them. Questions without one sentence that explains them
    (``explanation_type`` other than ``single_sentence``) have no such annotation: they are left out, with a warning,
    for they are not without an answer either.
    """

    def _read(self) -> RawExamples:
        questions, rows = [], 0
        for line, row in read_json_lines(Path(self.options.path)):
            rows, where = rows + 1, f"{self.options.path}:{line}"
            try:
                if (found := self._question(row, where)) is not None:
                    questions.append(found)
            except (KeyError, TypeError, AttributeError) as error:
                what = f"this is no question of QED ({type(error).__name__}: {error})"
                raise DataError(what, where=where, fix=_FORM) from error
        if not questions:
            raise DataError("no question has a single sentence of evidence", where=self.options.path, fix=_FORM)
        if left_out := rows - len(questions):
            what = f"{left_out} of {counted(rows, 'question')} left out: without a single sentence of evidence"
            warnings.warn(DataWarning(f"{self.options.path}: {what}"), stacklevel=2)
        return raw_of_questions(questions)

    def _question(self, row: Any, place: str) -> Question | None:
        annotation = row["annotation"]
        if annotation["explanation_type"] != "single_sentence":
            return None
        if self.options.spans == "sentence":
            chosen = [annotation["selected_sentence"]]
        else:
            chosen = [answer["paragraph_reference"] for answer in annotation["answer"]]
        return Question(
            id=str(row["example_id"]),
            question=_text(row["question_text"]),
            title=_text(row.get("title_text") or ""),
            context=_text(row["paragraph_text"]),
            spans=[[_trimmed(span)] for span in chosen],
            place=place,
        )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _trimmed(span: dict[str, Any]) -> Answer:
    """A span without the blanks around it: sentences end with the blank before the next one."""
    text = _text(span["string"])
    return Answer(text.strip(), int(span["start"]) + len(text) - len(text.lstrip()))
