"""How far the annotators of a data set agree: each one's answer scored against those of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qatk.display.numbers import points
from qatk.errors import counted
from qatk.evaluation.squad import exact_and_f1
from qatk.languages import ENGLISH, Normalisation
from qatk.types import Examples, Float64, Int32, Int64, ragged


@dataclass(frozen=True, eq=False)
class Agreement:
    """EM and F1 of annotators among themselves, by leave-one-out: each answer is scored against the others.

    A system that is scored against all answers of a question has one reference more than an annotator has here, so the
    figures are no strict bound; but what is well above them is no longer told apart by this data. Questions without an
    answer, with a single one or with several spans say nothing of agreement.

    Attributes:
        exact, f1: means over the questions with several answers, in per cent.
        questions: how many these are.
        answers: the mean number of their answers.
        rows: int64[questions], which they are.
        f1_of_rows: float64[questions], the mean F1 of each, as a fraction.
        repeated: whether some question has the same answer, at the same place, more than once.
    """

    exact: float
    f1: float
    questions: int
    answers: float
    rows: Int64
    f1_of_rows: Float64
    repeated: bool

    @property
    def said(self) -> str:
        """The figures in a sentence, for reports."""
        return (
            f"Annotators among themselves, each scored against the others: EM {points(self.exact)}, F1 "
            f"{points(self.f1)} ({counted(self.questions, 'question')} with {self.answers:.1f} answers on average)."
        )

    def plain(self) -> dict[str, float]:
        """The figures as JSON values."""
        return {name: getattr(self, name) for name in ("exact", "f1", "questions", "answers")}


def agreement_of(examples: Examples, normalisation: Normalisation = ENGLISH) -> Agreement | None:
    """The annotators' agreement, by the normaliser that scores.

    ``None`` where gold is absent, and where no question has the same answer twice: annotators agree now and then;
    alternatives that always differ were written by one hand, as variants.
    """
    found = agreement_among(examples, normalisation)
    return found if found is not None and found.repeated else None


def agreement_among(examples: Examples, normalisation: Normalisation = ENGLISH) -> Agreement | None:
    """How far alternative answers agree, whoever wrote them; ``None`` where no question has several."""
    if examples.answer_offsets is None:
        return None
    counts = np.diff(examples.answer_offsets)
    rows = np.flatnonzero((counts > 1) & (examples.spans_due == 1))
    if not len(rows):
        return None
    exact, f1 = _left_out(examples, rows, normalisation)
    return Agreement(
        exact=100 * float(exact.mean()),
        f1=100 * float(f1.mean()),
        questions=len(rows),
        answers=float(counts[rows].mean()),
        rows=rows,
        f1_of_rows=f1,
        repeated=any(len(set(given := _given(examples, row))) < len(given) for row in rows.tolist()),
    )


def _given(examples: Examples, row: int) -> list[tuple[str, int]]:
    """The answers to a question, each with its place."""
    assert examples.answer_offsets is not None
    answers = slice(examples.answer_offsets[row], examples.answer_offsets[row + 1])
    return list(zip(examples.answer_text[answers], examples.answer_start[answers].tolist(), strict=True))


def _left_out(examples: Examples, rows: Int64, normalisation: Normalisation) -> tuple[Float64, Float64]:
    """EM and F1 of each row: the mean over its distinct answers, each as often as it was given."""
    assert examples.answer_offsets is not None
    said, others, owner, weight = list[str](), list[str](), list[int](), list[int]()
    sizes = list[int]()
    for number, row in enumerate(rows.tolist()):
        given = Counter(text for text, _ in _given(examples, row))
        for text, times in given.items():
            rest = [other for other in given if other != text or times > 1]
            said.append(text)
            others += rest
            sizes.append(len(rest))
            owner.append(number)
            weight.append(times)
    names = normalisation.names_of_rows(examples)
    column = {normalisation.column: [names[int(rows[k])] for k in owner]} if normalisation.column is not None else {}
    asked = answers_alone(ragged.offsets_of(np.array(sizes)), others, column)
    total = np.bincount(owner, weight)
    scores = exact_and_f1(asked, said, normalisation=normalisation)
    exact, f1 = (np.bincount(owner, values * weight) / total for values in scores)
    return exact, f1


def answers_alone(
    offsets: Int64, texts: Sequence[str], columns: Mapping[str, Sequence[str]], span: Int32 | None = None
) -> Examples:
    """Answers without their questions and contexts, to be compared with each other."""
    n = len(offsets) - 1
    return Examples(
        id=list(map(str, range(n))),
        question=[""] * n,
        title=[""] * n,
        context=[""],
        context_index=np.zeros(n, np.int32),
        answer_offsets=offsets,
        answer_text=texts,
        answer_start=np.full(len(texts), -1, np.int32),
        answer_span=span,
        columns=columns,
    )
