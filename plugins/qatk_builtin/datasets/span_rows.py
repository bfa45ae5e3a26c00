"""Questions with sets of spans, read one after the other, to columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from qatk.api import Answer, RawExamples
from qatk.types import UNKNOWN, ragged


class Question(NamedTuple):
    """A question with its context, and the spans that its answer has, all of them due, each as its alternatives.

    ``place`` says where it stands, for messages.
    """

    id: str
    question: str
    title: str
    context: str
    spans: Sequence[Sequence[Answer]]
    place: str = ""


def raw_of_questions(questions: Sequence[Question], *, gold: bool = True) -> RawExamples:
    """The questions as columns, each context once; without ``gold`` their spans are not read."""
    contexts: dict[str, int] = {}
    index = [contexts.setdefault(question.context, len(contexts)) for question in questions]
    answers = [
        [(number, answer) for number, span in enumerate(question.spans) for answer in span] if gold else []
        for question in questions
    ]
    flat = [pair for each in answers for pair in each]
    span = np.array([number for number, _ in flat], np.int32)
    places = [question.place for question in questions]
    return RawExamples(
        id=[question.id for question in questions],
        question=[question.question for question in questions],
        title=[question.title for question in questions],
        context=list(contexts),
        context_index=np.array(index, np.int32),
        answer_offsets=ragged.offsets_of(np.array([len(each) for each in answers], np.int64)),
        answer_text=[answer.text for _, answer in flat],
        answer_start=[None if answer.start == UNKNOWN else answer.start for _, answer in flat],
        has_gold=np.full(len(questions), gold),
        impossible=[None] * len(questions),
        answer_span=span if span.any() else None,
        place=places.__getitem__,
    )
