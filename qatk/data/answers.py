"""Checks that every dataset of questions shares: ids stand once, answers stand where they say."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from qatk.errors import DataError, DataWarning
from qatk.types import Bool, Examples, Int32, Int64

UNKNOWN = -1
"""The ``answer_start`` of an answer whose place the data does not give."""
NOWHERE = -2
"""Stands for an ``answer_start`` that is no place in any context."""

_LIMIT = 2**31 - 1
_LISTED = 10


def listed(ids: Sequence[str]) -> str:
    """The first distinct ids, and whether there are more."""
    distinct = list(dict.fromkeys(ids))
    return ", ".join(distinct[:_LISTED]) + (", ..." if len(distinct) > _LISTED else "")


def as_starts(values: Sequence[int | None]) -> Int32:
    """Starts as int32: :data:`UNKNOWN` for ``None``, :data:`NOWHERE` for what is negative or too large."""
    starts = (UNKNOWN if v is None else v if 0 <= v < _LIMIT else NOWHERE for v in values)
    return np.fromiter(starts, np.int32, len(values))


def checked(examples: Examples, policy: BadAnswers, where: str) -> Examples:
    """The examples with unique ids and answers that stand where they say.

    An answer is bad where its text is empty or does not stand at its start; answers of :data:`UNKNOWN` start are
    warned of and stay. A question that loses all of its answers is left out, for without them it would pass for
    unanswerable.

    Args:
        examples: as read.
        policy: ``error`` lists bad answers, ``keep`` takes their places as unknown, ``skip`` leaves them out, ``fix``
            moves them to the nearest place where their text stands, letter by letter or else with other blanks
            and case (the text becomes the context's), and leaves out those that stand nowhere.
        where: the file or data set, for messages.

    Raises:
        DataError: for no questions, ids that stand twice, and bad answers under ``error``.
    """
    if not len(examples):
        raise DataError("there are no questions", where=where, fix="name another file or split")
    if len(set(examples.id)) < len(examples):
        double = [name for name, times in Counter(examples.id).items() if times > 1]
        what = f"{len(double)} question ids stand more than once: {listed(double)}"
        raise DataError(what, where=where, fix="ids must be unique: predictions are kept by id")
    if examples.answer_offsets is None:
        return examples
    if unknown := int((examples.answer_start == UNKNOWN).sum()):
        what = f"{unknown} answers have no answer_start: they can be scored but not trained on"
        warnings.warn(DataWarning(f"{where}: {what}"), stacklevel=2)
    bad = _bad_answers(examples)
    if not len(bad):
        return examples
    if policy == "error":
        raise _bad_answers_error(examples, bad, where)
    if policy == "keep":
        starts = examples.answer_start.copy()
        starts[bad] = UNKNOWN
        return replace(examples, answer_start=starts)
    return _mend(examples, bad, policy, where)


def _bad_answers(examples: Examples) -> Int64:
    """The answers that do not stand at their start, as positions among all answers."""
    rows = examples.context_index[_owners(examples)].tolist()
    contexts, starts = examples.context, examples.answer_start.tolist()
    each = enumerate(zip(rows, examples.answer_text, starts, strict=True))
    bad = [
        k
        for k, (row, text, start) in each
        if start != UNKNOWN and not (start >= 0 and text and contexts[row].startswith(text, start))
    ]
    return np.array(bad, np.int64)


def _owners(examples: Examples) -> Int64:
    """int64[answers]: the example that each answer belongs to."""
    assert examples.answer_offsets is not None
    return np.repeat(np.arange(len(examples)), np.diff(examples.answer_offsets))


def _bad_answers_error(examples: Examples, bad: Int64, where: str) -> DataError:
    owners = _owners(examples)[bad].tolist()
    lines = [_describe(examples, row, int(k)) for row, k in list(zip(owners, bad, strict=True))[:_LISTED]]
    more = ["..."] if len(bad) > _LISTED else []
    what = f"{len(bad)} answers of {len(set(owners))} questions do not stand at their answer_start:"
    fix = "bad_answers: fix moves them to where their text stands, skip leaves them out, keep scores them"
    return DataError("\n    ".join([what, *lines, *more]), where=where, fix=fix)


def _describe(examples: Examples, row: int, k: int) -> str:
    text, start, context = examples.answer_text[k], int(examples.answer_start[k]), examples.context_of(row)
    if not text:
        return f"{examples.id[row]}: the answer is empty"
    if not 0 <= start < len(context):
        return f"{examples.id[row]}: {_short(text)} starts outside the context of {len(context)} characters"
    return f"{examples.id[row]}: {_short(text)} at {start}, where {_short(context[start : start + len(text)])} stands"


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")


def _mend(examples: Examples, bad: Int64, policy: str, where: str) -> Examples:
    owners = _owners(examples).tolist()
    texts, starts = list(examples.answer_text), examples.answer_start.copy()
    keep = np.ones(len(texts), np.bool_)
    for k in bad.tolist():
        found = _nearest(examples.context_of(owners[k]), texts[k], int(starts[k])) if policy == "fix" else None
        if found is None:
            keep[k] = False
        else:
            starts[k], texts[k] = found
    mended = _keep_answers(replace(examples, answer_text=texts, answer_start=starts), keep)
    lost = np.flatnonzero(examples.has_answer & ~mended.has_answer).tolist()
    owner_ids = {k: examples.id[owners[k]] for k in bad.tolist()}
    counts = {
        "answers moved to where their text stands": [name for k, name in owner_ids.items() if keep[k]],
        "answers left out": [name for k, name in owner_ids.items() if not keep[k]],
        "questions left out, having lost all answers": [examples.id[row] for row in lost],
    }
    said = "; ".join(f"{len(ids)} {what} ({listed(ids)})" for what, ids in counts.items() if ids)
    warnings.warn(DataWarning(f"{where}: bad_answers: {policy}: {said}"), stacklevel=2)
    if len(lost) == len(examples):
        raise DataError("no question is left: all answers are bad", where=where, fix="mend the data")
    return mended.take(np.setdiff1d(np.arange(len(examples)), lost)) if lost else mended


def _keep_answers(examples: Examples, keep: Bool) -> Examples:
    offsets = np.zeros(len(examples) + 1, np.int64)
    np.cumsum(np.bincount(_owners(examples)[keep], minlength=len(examples)), out=offsets[1:])
    kept = np.flatnonzero(keep).tolist()
    texts = [examples.answer_text[k] for k in kept]
    return replace(examples, answer_offsets=offsets, answer_text=texts, answer_start=examples.answer_start[kept])


def _nearest(context: str, text: str, start: int) -> tuple[int, str] | None:
    """Where the text stands nearest to ``start``, and as what; the earlier place of two equally near."""
    if not text.strip():
        return None
    start = min(max(start, 0), len(context))
    places = [context.rfind(text, 0, start + len(text)), context.find(text, start)]
    if places := [place for place in places if place >= 0]:
        return min(places, key=lambda place: abs(place - start)), text
    loose = re.compile(r"\s+".join(map(re.escape, text.split())), re.IGNORECASE)
    match = min(loose.finditer(context), key=lambda match: abs(match.start() - start), default=None)
    return None if match is None else (match.start(), match.group())


BadAnswers = Literal["error", "keep", "skip", "fix"]
