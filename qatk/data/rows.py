"""Examples as rows, one a question: the columns of JSON Lines, CSV and Parquet files, and their usual names."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from qatk.errors import DataError, counted, listed
from qatk.types import UNKNOWN, USUAL, Examples, answers_elsewhere

_SEVERAL = ("id", "question", "context", "title", "spans", "answers")
_FLAT = ("id", "title", "question", "context")


def columns_of(examples: Examples, where: str, *, cells: bool, look: bool = False) -> dict[str, list[Any]]:
    """The columns of rows: id, title, question, context, the gold where it is known, and further ones.

    The gold stands in ``answers``, as SQuAD's ``{text: [...], answer_start: [...]}``; in files of ``cells`` in
    ``answers`` and ``answer_start``, each a value, or JSON of several. An ``answer_start`` of -1 is an unknown place.
    With ``look`` it is null, or nothing where all of a question are: a reader looks for these answers.
    Where questions have several spans that are due it stands in ``spans``, a list of spans, each a list of alternatives
    ``{char_start, char_end, text}``.

    Raises:
        DataError: what rows cannot hold, with the ids: blank ids, questions and contexts, empty answers, further
            columns that would be read as something else; of several spans also unknown places, and cells of them.
    """
    several = examples.answer_span is not None
    gold: dict[str, list[Any]] = {}
    if several:
        gold = {"spans": _spans(examples, where, cells=cells)}
    elif examples.answer_offsets is not None:
        answers = _answers(examples, look=look)
        gold = _cells(answers) if cells else {"answers": answers}
    _check_texts(examples, where)
    _check_names(examples, _SEVERAL if several else (*_FLAT, *gold), where, several=several)
    flat = {
        "id": list(examples.id),
        "title": list(examples.title),
        "question": list(examples.question),
        "context": [examples.context[k] for k in examples.context_index.tolist()],
    }
    return {**flat, **gold, **{name: list(values) for name, values in examples.columns.items()}}


def refusal(what: str, ids: Sequence[str], where: str, fix: str) -> DataError:
    """What is said where a form cannot hold some questions."""
    return DataError(f"{what}: {listed(ids)}", where=where, fix=fix)


def _check_texts(examples: Examples, where: str) -> None:
    fix = "mend the data, or convert to squad"
    blank = {k for k, context in enumerate(examples.context) if not context.strip()}
    about = [name for name, k in zip(examples.id, examples.context_index.tolist(), strict=True) if k in blank]
    asked = [name for name, question in zip(examples.id, examples.question, strict=True) if not question.strip()]
    for what, ids in (("context is", about), ("question is", asked)):
        if ids:
            raise refusal(f"rows cannot hold {counted(len(ids), 'question')} whose {what} blank", ids, where, fix)
    if not all(name.strip() for name in examples.id):
        raise DataError("rows cannot hold a question whose id is blank", where=where, fix=fix)
    empty = [examples.id[k] for k, text in zip(examples.answer_owners, examples.answer_text, strict=True) if not text]
    if empty:
        raise refusal("rows cannot hold empty answers, which these questions have", empty, where, fix)


def _check_names(examples: Examples, written: Sequence[str], where: str, *, several: bool) -> None:
    """Refuse further columns that a reader would take for something else."""
    gold = "answers" in written and not several
    free = set() if several or gold else USUAL.keys() - set(written)
    taken = {name for held in free for name in USUAL[held]} | ({"is_impossible"} if gold else set())
    taken |= {"answer_end"} if "answer_start" in written else set()
    bad = [name for name in examples.columns if name in written or name.strip().lower() in taken]
    if "answer_start" in written:
        answered = [first < end for first, end in _bounds(examples)]
        cells = {name: set(zip(answered, map(bool, values), strict=True)) for name, values in examples.columns.items()}
        bad += [name for name, rows in cells.items() if answers_elsewhere(name, rows)]
    if bad:
        what = f"a further column called {' or '.join(map(repr, bad))} would be read as something else"
        raise DataError(what, where=where, fix="rename it in the data, or convert to another form")


def _bounds(examples: Examples) -> list[tuple[int, int]]:
    assert examples.answer_offsets is not None
    return list(pairwise(examples.answer_offsets.tolist()))


def _answers(examples: Examples, *, look: bool) -> list[dict[str, list[Any] | None]]:
    texts, starts = list(examples.answer_text), examples.answer_start.tolist()
    if look:
        starts = [None if start == UNKNOWN else start for start in starts]
    rows = [(texts[a:b], starts[a:b]) for a, b in _bounds(examples)]
    return [{"text": said, "answer_start": None if set(at) == {None} else at} for said, at in rows]


def _cells(answers: Sequence[Mapping[str, list[Any] | None]]) -> dict[str, list[Any]]:
    return {
        "answers": [_cell(row["text"] or []) for row in answers],
        "answer_start": [_cell(list(map(json.dumps, row["answer_start"] or ())), numbers=True) for row in answers],
    }


def _cell(values: Sequence[str], *, numbers: bool = False) -> str:
    """One value as it is, unless it could pass for JSON; else a list."""
    if not values:
        return ""
    if len(values) == 1 and values[0][:1] not in "[{":
        return values[0]
    return f"[{', '.join(values)}]" if numbers else json.dumps(list(values), ensure_ascii=False)


def _spans(examples: Examples, where: str, *, cells: bool) -> list[list[list[dict[str, Any]]]]:
    if cells:
        ids = [examples.id[row] for row, due in enumerate(examples.spans_due.tolist()) if due > 1]
        raise refusal("CSV cannot hold answers of several spans", ids, where, "convert to jsonl or parquet")
    unknown = [examples.id[row] for row in examples.answer_owners[examples.answer_start == UNKNOWN]]
    if unknown:
        what = "rows of several spans cannot hold answers of unknown place"
        raise refusal(what, unknown, where, "give their answer_start, or leave them out: bad_answers=skip")
    return [
        [
            [{"char_start": start, "char_end": start + len(text), "text": text} for text, start in alternatives]
            for alternatives in examples.spans_of_answer(row)
        ]
        for row in range(len(examples))
    ]
