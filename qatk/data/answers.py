"""Checks for all data sets: ids are unique, and answers are where their start says."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Literal, get_args

import numpy as np

from qatk.arguments import one_of
from qatk.data.mending import mended_text
from qatk.errors import LISTED, DataError, DataWarning, counted, listed
from qatk.types import NOWHERE, UNKNOWN, Answer, Bool, Examples, Int64, ragged
from qatk.word_bounds import cuts_word, nearest_start


def checked(examples: Examples, policy: BadAnswers, where: str, name: Callable[[int], str] | None = None) -> Examples:
    """Check that ids are unique and that answers are at their start, and repair answers as the policy says.

    An answer is bad if its text is empty or blank, or not at its start. Another whose start is :data:`UNKNOWN` is kept,
    with a warning. A question that loses all of its answers is dropped, because it would otherwise count as
    unanswerable; so is a question that loses all alternatives of one of its spans. Two spans of one question must not
    overlap.

    Args:
        examples: as read.
        policy: ``error`` lists bad answers; ``keep`` makes their positions unknown and leaves their texts to scoring,
            blank ones too, as the official script of SQuAD does; ``skip`` drops them; ``fix`` moves them to the nearest
            occurrence of their text, either exact or with other whitespace, case, quotes, dashes or form of Unicode
            (the text then becomes the context's), and drops those that do not occur.
        where: the file or data set, for messages.
        name: what messages call a question, by its row; ``None`` calls it by :meth:`Examples.name_of`.

    Raises:
        DataError: if there are no questions; for duplicate ids; for bad answers under ``error``; for overlapping spans
            of a question under any policy except ``skip``, which drops these questions.
    """
    one_of(policy, "policy", get_args(BadAnswers))
    if not len(examples):
        raise DataError("there are no questions", where=where, fix="name another file or split")
    if len(set(examples.id)) < len(examples):
        double = [name for name, times in Counter(examples.id).items() if times > 1]
        what = f"{counted(len(double), 'question id', 'occurs')} more than once: {listed(double)}"
        fix = "ids must be unique: predictions are kept by id; alternative answers belong to one question"
        raise DataError(what, where=where, fix=fix)
    if examples.answer_offsets is None:
        return examples
    if unknown := int((examples.answer_start == UNKNOWN).sum()):
        what = f"{counted(unknown, 'answer', 'has')} no answer_start: good for scoring, but not for training"
        warnings.warn(DataWarning(f"{where}: {what}"), stacklevel=2)
    bad = _bad_answers(examples)
    if len(bad):
        examples = _without_bad(examples, bad, policy, where, name or examples.name_of)
    return examples if examples.answer_span is None else _without_overlaps(examples, policy, where)


def _without_bad(
    examples: Examples, bad: Int64, policy: BadAnswers, where: str, name: Callable[[int], str]
) -> Examples:
    if policy == "error":
        raise _bad_answers_error(examples, bad, where, name)
    if policy == "keep":
        starts = examples.answer_start.copy()
        starts[bad] = UNKNOWN
        return replace(examples, answer_start=starts)
    return _mend(examples, bad, policy, where, name)


def overlapping_spans(examples: Examples, row: int) -> tuple[Answer, Answer] | None:
    """Two overlapping answers of different spans of a question, or ``None`` if there are none."""
    return overlap_of(examples.spans_of_answer(row))


def overlap_of(spans: Sequence[Sequence[Answer]]) -> tuple[Answer, Answer] | None:
    """Two overlapping answers of different spans; answers at unknown positions do not overlap others."""
    placed = sorted(
        (a.start, a.start + len(a.text), k, a) for k, span in enumerate(spans) for a in span if a.start >= 0
    )
    reach: dict[int, tuple[int, Answer]] = {}
    for start, end, k, answer in placed:
        for other, (stop, earlier) in reach.items():
            if other != k and start < stop:
                return earlier, answer
        if end > reach.get(k, (0, answer))[0]:
            reach[k] = end, answer
    return None


def _without_overlaps(examples: Examples, policy: BadAnswers, where: str) -> Examples:
    several = np.flatnonzero(examples.spans_due > 1).tolist()
    found = {row: pair for row in several if (pair := overlapping_spans(examples, row)) is not None}
    if not found:
        return examples
    ids = listed([examples.id[row] for row in found])
    if policy != "skip":
        row, (one, other) = next(iter(found.items()))
        both = f"{_short(one.text)} at {one.start} and {_short(other.text)} at {other.start}"
        what = f"two spans that are both due overlap in {counted(len(found), 'question')} ({ids})"
        what += f": {examples.id[row]} has {both}"
        fix = "join them, or make one an alternative of the other; bad_answers: skip leaves these questions out"
        raise DataError(what, where=where, fix=fix)
    left = np.setdiff1d(np.arange(len(examples)), list(found))
    if not len(left):
        raise DataError("no question is left: the spans of all overlap", where=where, fix="correct the data")
    said = f"bad_answers: skip: {counted(len(found), 'question')} left out, two spans of which overlap ({ids})"
    warnings.warn(DataWarning(f"{where}: {said}"), stacklevel=3)
    return examples.take(left)


def _bad_answers(examples: Examples) -> Int64:
    """The answers that are blank or do not stand at their start, as positions among all answers."""
    rows = examples.context_index[examples.answer_owners].tolist()
    contexts, starts = examples.context, examples.answer_start.tolist()
    each = enumerate(zip(rows, examples.answer_text, starts, strict=True))
    bad = [
        k
        for k, (row, text, start) in each
        if not text.strip() or not (start == UNKNOWN or (start >= 0 and contexts[row].startswith(text, start)))
    ]
    return np.array(bad, np.int64)


def _bad_answers_error(examples: Examples, bad: Int64, where: str, name: Callable[[int], str]) -> DataError:
    owners = examples.answer_owners[bad].tolist()
    lines = [
        f"{name(row)}: {_describe(examples, row, int(k))}" for row, k in list(zip(owners, bad, strict=True))[:LISTED]
    ]
    more = ["..."] if len(bad) > LISTED else []
    many = f"{counted(len(bad), 'answer')} of {counted(len(set(owners)), 'question')}"
    blank = any(not examples.answer_text[k].strip() for k in bad.tolist())
    wrong = f"{'blank or ' if blank else ''}not at the given answer_start"
    what = f"{many} {'is' if len(bad) == 1 else 'are'} {wrong}:"
    fix = "bad_answers: fix moves them to where their text occurs, skip leaves them out, keep scores them; "
    fix += "`qatk data check FILE --fix OUT` also mends others, and shows what it does"
    return DataError("\n    ".join([what, *lines, *more]), where=where, fix=fix)


def _describe(examples: Examples, row: int, k: int) -> str:
    text, start, context = examples.answer_text[k], int(examples.answer_start[k]), examples.context_of(row)
    if not text.strip():
        return f"the answer is {_short(text) if text else 'empty'}"
    if start == NOWHERE and text not in context:
        return f"{_short(text)} is not in the context"
    if not 0 <= start < len(context):
        return f"{_short(text)} starts outside the context of {counted(len(context), 'character')}"
    there = _short(context[start : start + len(text)])
    return f"{_short(text)} at {start}, where the context has {there}"


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")


def _mend(examples: Examples, bad: Int64, policy: str, where: str, name: Callable[[int], str]) -> Examples:
    owners = examples.answer_owners.tolist()
    texts, starts = list(examples.answer_text), examples.answer_start.copy()
    keep = np.ones(len(texts), np.bool_)
    for k in bad.tolist():
        found = nearest_place(examples.context_of(owners[k]), texts[k], int(starts[k])) if policy == "fix" else None
        if found is None:
            keep[k] = False
        else:
            starts[k], texts[k] = found
    lost = _rows_losing_a_span(examples, keep)
    mended = _keep_answers(replace(examples, answer_text=texts, answer_start=starts), keep, lost)
    names = {k: name(owners[k]) for k in bad.tolist()}
    all_of_it = "all answers" if examples.answer_span is None else "all answers, or all of one of their spans"
    counts = {
        ("answer", "moved to where the text stands"): [each for k, each in names.items() if keep[k]],
        ("answer", "left out"): [each for k, each in names.items() if not keep[k]],
        ("question", f"left out, having lost {all_of_it}"): list(map(name, lost)),
    }
    said = "; ".join(f"{counted(len(ids), what)} {done} ({listed(ids)})" for (what, done), ids in counts.items() if ids)
    warnings.warn(DataWarning(f"{where}: bad_answers: {policy}: {said}"), stacklevel=2)
    if len(lost) == len(examples):
        raise DataError("no question is left: all answers are bad", where=where, fix="correct the data")
    return mended.take(np.setdiff1d(np.arange(len(examples)), lost)) if lost else mended


def _rows_losing_a_span(examples: Examples, keep: Bool) -> list[int]:
    """The questions that have no answer left, or none of one of the spans that are due."""
    owners = examples.answer_owners
    span = np.zeros(len(owners), np.int32) if examples.answer_span is None else examples.answer_span
    begins = ragged.begins(owners, span)
    # A running count of where spans begin numbers them.
    number = np.cumsum(begins) - 1
    left = np.bincount(number[keep], minlength=int(begins.sum()))
    return sorted(set(owners[begins][left == 0].tolist()))


def _keep_answers(examples: Examples, keep: Bool, lost: Sequence[int]) -> Examples:
    """Those answers only; of questions that are lost, none."""
    keep = keep & ~np.isin(examples.answer_owners, lost)
    offsets = ragged.offsets_of(np.bincount(examples.answer_owners[keep], minlength=len(examples)))
    kept = np.flatnonzero(keep).tolist()
    texts = [examples.answer_text[k] for k in kept]
    return replace(
        examples,
        answer_offsets=offsets,
        answer_text=texts,
        answer_start=examples.answer_start[kept],
        answer_span=None if examples.answer_span is None else examples.answer_span[kept],
    )


def nearest_place(context: str, text: str, start: int) -> tuple[int, str] | None:
    """Where a text stands nearest to ``start``, and as what; the earlier place of two equally near; ``None``: nowhere.

    Places within words are taken where there are no others. Where it does not stand letter by letter, other blanks,
    case, quotes and dashes will do, and last another form of Unicode.
    """
    if not text.strip():
        return None
    start = min(max(start, 0), len(context))
    if (place := nearest_start(text, context, start)) is not None:
        return place, text
    return _loosely(context, text, start) or _in_other_form(context, text, start)


def _loosely(context: str, text: str, start: int) -> tuple[int, str] | None:
    words, among = text.translate(_ALIKE).split(), context.translate(_ALIKE)
    lower = among.lower()
    if not all(word.lower() in lower for word in words):
        return None  # soon told, while an expression takes long to make
    loose = re.compile(r"\s+".join(map(re.escape, words)), re.IGNORECASE)
    found = [match.span() for match in loose.finditer(among)]
    begin, end = min(found, key=lambda span: (cuts_word(context, *span), abs(span[0] - start)), default=(0, 0))
    return (begin, context[begin:end]) if found else None


def _in_other_form(context: str, text: str, start: int) -> tuple[int, str] | None:
    whole, wanted = _mended(context), mended_text(text).text
    if (whole.text, wanted) == (context, text):
        return None
    found = nearest_place(whole.text, wanted, whole.begin(start))
    if found is None:
        return None
    begin, end = whole.was(found[0], found[0] + len(found[1]))
    return begin, context[begin:end]


_mended = lru_cache(maxsize=4)(mended_text)
"""The last contexts: each of their answers that stands nowhere is looked for in the same one."""

_ALIKE = str.maketrans(
    {**dict.fromkeys("\u2018\u2019\u02bc\u00b4`", "'"), **dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb", '"')}
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-")
)
"""Quotes and dashes that people write for each other, one character for one."""

BadAnswers = Literal["error", "keep", "skip", "fix"]
"""What to do about answers that are not at their start; see :func:`checked`."""
