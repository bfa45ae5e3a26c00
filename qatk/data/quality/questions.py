"""What is wrong with questions among themselves: ids, empty fields, what stands twice, what contradicts itself."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from qatk.data.quality.findings import Found, short
from qatk.data.strict import contradicts_flag, lacks_answers
from qatk.languages import Normalisation
from qatk.types import RawExamples


def question_findings(raw: RawExamples, by: Normalisation) -> Iterator[Found]:
    """Finds about questions, one kind after the other; answers are the same where their normal forms are."""
    yield _duplicate_ids(raw)
    yield _empty_fields(raw)
    lacking = np.flatnonzero(lacks_answers(raw)).tolist()
    yield Found("missing-answers", lacking, lambda number: short(raw.question[lacking[number]]))
    asked = [] if raw.has_gold.any() else [row for row, question in enumerate(raw.question) if question.strip()]
    yield Found("no-gold", asked, lambda number: short(raw.question[asked[number]]))
    differing = np.flatnonzero(contradicts_flag(raw)).tolist()
    yield Found("contradictory-flag", differing, lambda number: _flag(raw, differing[number]))
    yield from _repeated(raw, by)


def _duplicate_ids(raw: RawExamples) -> Found:
    times = Counter(raw.id) if len(set(raw.id)) < len(raw) else Counter[str]()
    rows = [row for row, name in enumerate(raw.id) if times[name] > 1] if times else []
    return Found("duplicate-id", rows, lambda number: f"{times[raw.id[rows[number]]]} questions have this id")


def _empty_fields(raw: RawExamples) -> Found:
    blank = [not context.strip() for context in raw.context]
    asks = bool(raw.answer_text) or any(question.strip() for question in raw.question)  # not contexts alone
    fields = zip(raw.id, raw.question, raw.context_index.tolist(), strict=True)
    found = [
        (row, name)
        for row, (label, question, context) in enumerate(fields)
        for name, empty in (
            ("id", not label.strip()),
            ("question", asks and not question.strip()),
            ("context", blank[context]),
        )
        if empty
    ]
    return Found("empty-field", [row for row, _ in found], lambda number: f"the {found[number][1]} is empty")


def _flag(raw: RawExamples, row: int) -> str:
    count = int(raw.answer_offsets[row + 1] - raw.answer_offsets[row])
    return f"is_impossible is {str(raw.impossible[row]).lower()}, and there {_are(count)}"


def _are(count: int) -> str:
    return {0: "is no answer", 1: "is an answer"}.get(count, f"are {count} answers")


def folded(texts: Sequence[str]) -> list[str]:
    """Texts without what does not tell questions apart: case, blanks, marks at the end."""
    return [" ".join(text.casefold().split()).rstrip(" ?.!") for text in texts]


def _repeated(raw: RawExamples, by: Normalisation) -> Iterator[Found]:
    """Questions that stand several times for one context, by whether their answers agree."""
    asked: dict[tuple[int, str], list[int]] = defaultdict(list)
    for row, key in enumerate(zip(raw.context_index.tolist(), folded(raw.question), strict=True)):
        asked[key].append(row)
    normal = by.answers(raw)
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for rows in asked.values():
        first = rows[0]
        for row in rows[1:]:
            if raw.has_gold[first] and raw.has_gold[row]:
                found[_agreement(_answers(raw, normal, first), _answers(raw, normal, row))].append((row, first))
    for kind, pairs in found.items():
        yield Found(kind, [row for row, _ in pairs], partial(_pair, raw, pairs))


def _answers(raw: RawExamples, normal: Sequence[str], row: int) -> set[str]:
    return set(normal[raw.answer_offsets[row] : raw.answer_offsets[row + 1]])


def _agreement(one: set[str], other: set[str]) -> str:
    if bool(one) != bool(other):
        return "contradictory-answerability"
    return "contradictory-answers" if one and not one & other else "repeated-question"


def _pair(raw: RawExamples, pairs: Sequence[tuple[int, int]], number: int) -> str:
    """What a question is beside an earlier one."""
    row, first = pairs[number]
    return f"{short(raw.question[row])} has {_said(raw, row)}, and {_said(raw, first)} as {raw.name_of(first)}"


def _said(raw: RawExamples, row: int) -> str:
    begin, end = raw.answer_offsets[row : row + 2]
    return short(raw.answer_text[begin]) if end > begin else "no answer"
