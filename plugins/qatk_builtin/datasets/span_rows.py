"""Questions with sets of spans, read one after the other, to columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from qatk.api import Answer, Examples
from qatk.types import as_starts, ragged


class Question(NamedTuple):
    """A question with its context, and the spans that its answer has, all of them due, each as its alternatives."""

    id: str
    question: str
    title: str
    context: str
    spans: Sequence[Sequence[Answer]]


def examples_of_questions(questions: Sequence[Question], *, gold: bool = True) -> Examples:
    """The questions as columns, each context once; without ``gold`` their spans are not read.

    Answers are not checked against their contexts; see :func:`qatk.data.checked`.
    """
    contexts: dict[str, int] = {}
    index = [contexts.setdefault(question.context, len(contexts)) for question in questions]
    answers = [
        [(number, answer) for number, span in enumerate(question.spans) for answer in span] if gold else []
        for question in questions
    ]
    flat = [pair for each in answers for pair in each]
    return Examples(
        id=[question.id for question in questions],
        question=[question.question for question in questions],
        title=[question.title for question in questions],
        context=list(contexts),
        context_index=np.array(index, np.int32),
        answer_offsets=ragged.offsets_of(np.array([len(each) for each in answers], np.int64)) if gold else None,
        answer_text=[answer.text for _, answer in flat],
        answer_start=as_starts([answer.start if answer.start != -1 else None for _, answer in flat]),
        answer_span=np.array([number for number, _ in flat], np.int32) if gold else None,
    )
