"""Several sets of examples as one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from qatk.errors import DataError, UsageError
from qatk.types import Examples, Int32, ragged


def joined(sets: Mapping[str, Examples], column: str) -> Examples:
    """All questions of all sets, one set after the other; equal contexts are kept once.

    Args:
        sets: by name; ids must be unique over all of them. A column that only some have is ``""`` in the others.
        column: the further column that gets the name of the set of each question.

    Raises:
        DataError: where only some sets have gold answers.
        UsageError: where one has this column already.
    """
    parts = list(sets.values())
    if taken := [name for name, examples in sets.items() if column in examples.columns]:
        what = f"the set {taken[0]!r} has a column {column!r} already"
        raise UsageError(what, fix="give the column of sources another name, or do not read that one")
    gold = [name for name, examples in sets.items() if examples.has_gold]
    if gold and len(gold) < len(sets):
        without = next(name for name in sets if name not in gold)
        raise DataError(f"the set {without!r} has no gold answers, and {gold[0]!r} has", fix="mix data of one kind")
    contexts: dict[str, int] = {}
    index = [
        np.array([contexts.setdefault(text, len(contexts)) for text in part.context], np.int32)[part.context_index]
        for part in parts
    ]
    lengths = [np.diff(part.answer_offsets) for part in parts if part.answer_offsets is not None]
    names = dict.fromkeys(name for part in parts for name in part.columns)
    several = any(part.answer_span is not None for part in parts)
    return Examples(
        id=[each for part in parts for each in part.id],
        question=[each for part in parts for each in part.question],
        title=[each for part in parts for each in part.title],
        context=list(contexts),
        context_index=np.concatenate(index),
        answer_offsets=ragged.offsets_of(np.concatenate(lengths)) if gold else None,
        answer_text=[each for part in parts for each in part.answer_text],
        answer_start=np.concatenate([part.answer_start for part in parts]),
        answer_span=np.concatenate([_spans(part) for part in parts]) if several else None,
        columns={
            **{name: [v for part in parts for v in part.columns.get(name, [""] * len(part))] for name in names},
            column: [name for name, part in sets.items() for _ in part.id],
        },
    )


def _spans(examples: Examples) -> Int32:
    found = examples.answer_span
    return np.zeros(len(examples.answer_text), np.int32) if found is None else found
