"""Questions as a file has them, held to what examples must be."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from qatk.data.answers import BadAnswers, checked
from qatk.errors import DataError, UsageError, counted, listed
from qatk.types import NOWHERE, Bool, Examples, RawExamples, as_starts
from qatk.types.flags import flags_differ
from qatk.word_bounds import starts_of


def strict(raw: RawExamples, policy: BadAnswers = "error", where: str = "the data") -> Examples:
    """The examples that a reader gives: see :func:`checked` for what is refused or mended.

    ``answers`` alone say whether a question has an answer: ``is_impossible`` that says otherwise is warned of and not
    followed. Gold is absent where no question has ``answers``; beside questions that have them, one without must be
    ``is_impossible``.

    Raises:
        DataError: as :func:`checked`, and for questions without ``answers`` and texts with half of a surrogate pair.
    """
    return checked(unchecked(_located(raw, NOWHERE), where, look=False), policy, where, raw.name_of)


def unchecked(raw: RawExamples, where: str, *, look: bool = True) -> Examples:
    """The examples wherever their answers stand, and whatever their ids are: to write them, not to train or score.

    Args:
        raw: questions.
        where: what messages call them.
        look: whether to look for answers that are given no place, where their reader does.

    Raises:
        DataError: for cells that cannot be read, questions without ``answers`` beside others, and texts with half of a
            surrogate pair.
    """
    if raw.unread:
        rows = listed([f"{raw.name_and_place(row)}: {what}" for row, what in raw.unread])
        what = f"{counted(len(raw.unread), 'cell')} cannot be read: {rows}"
        raise DataError(what, where=where, fix="correct them, or leave these rows out")
    gold = bool(raw.has_gold.any())
    if gold:
        _check_gold(raw, where)
    try:
        return Examples(
            id=raw.id,
            question=raw.question,
            title=raw.title,
            context=raw.context,
            context_index=raw.context_index,
            answer_offsets=raw.answer_offsets if gold else None,
            answer_text=raw.answer_text,
            answer_start=as_starts((_located(raw) if look else raw).answer_start),
            answer_span=raw.answer_span if gold else None,
            columns=raw.columns,
        )
    except DataError as error:
        error.where = error.where or where  # the columns refuse texts without knowing their file
        raise


def _located(raw: RawExamples, absent: int | None = None) -> RawExamples:
    """The questions with the places that their reader looks for, where it does, as :class:`qatk.types.Rows` has them.

    Args:
        raw: questions.
        absent: the start of an answer that does not stand in its context.
    """
    if raw.ambiguous is None:
        return raw
    starts = list(raw.answer_start)
    for k, (row, text) in enumerate(zip(raw.answer_owners.tolist(), raw.answer_text, strict=True)):
        if starts[k] is None:
            found: Sequence[int | None] = starts_of(text, raw.context_of(row)) or [absent]
            if len(found) == 1 or raw.ambiguous != "unknown":
                starts[k] = found[-1 if raw.ambiguous == "last" else 0]
    return replace(raw, answer_start=starts)


def raw_of(data: object) -> RawExamples:
    """Examples as if a file said so; what is raw is returned unchanged. Raises :class:`UsageError` for other things."""
    if isinstance(data, RawExamples):
        return data
    if isinstance(data, Examples):
        return RawExamples.of(data)
    fix = "read a file by qatk.data.read, or rows by qatk.Examples.from_rows"
    raise UsageError(f"no examples but an object of type {type(data).__name__}", fix=fix)


def examples_of(data: object, where: str = "the data", *, look: bool = True) -> Examples:
    """Examples, of what is raw as by :func:`unchecked`. Raises :class:`UsageError` for other things."""
    return data if isinstance(data, Examples) else unchecked(raw_of(data), where, look=look)


def gold_given(
    lacking: Sequence[str],
    of: int,
    key: str,
    where: str,
    *,
    fix: str = "a question without an answer has an empty list",
) -> bool:
    """Whether questions have gold, of which those named lack the ``key``: all have it or none.

    Raises:
        DataError: where some have it.
    """
    if 0 < len(lacking) < of:
        what = f"{counted(len(lacking), 'question', 'has')} no {key!r} while others have: {listed(lacking)}"
        raise DataError(what, where=where, fix=fix)
    return not lacking


def _check_gold(raw: RawExamples, where: str) -> None:
    gold_given(_names(raw, lacks_answers(raw)), len(raw), "answers", where)
    if names := _names(raw, contradicts_flag(raw)):
        warnings.warn(flags_differ(names, where), stacklevel=4)


def _names(raw: RawExamples, rows: Bool) -> list[str]:
    return list(map(raw.name_of, np.flatnonzero(rows).tolist()))


def lacks_answers(raw: RawExamples) -> Bool:
    """bool[n]: the questions that do not say what their answers are, though others do, and are not impossible."""
    said = np.fromiter((flag is True for flag in raw.impossible), np.bool_, len(raw))
    return ~raw.has_gold & ~said & bool(raw.has_gold.any())


def contradicts_flag(raw: RawExamples) -> Bool:
    """bool[n]: the questions whose ``is_impossible`` says other than their answers."""
    answered = (np.diff(raw.answer_offsets) > 0).tolist()
    flags = zip(raw.impossible, answered, strict=True)
    differs = np.fromiter((flag is not None and flag is has for flag, has in flags), np.bool_, len(raw))
    return differs & raw.has_gold
