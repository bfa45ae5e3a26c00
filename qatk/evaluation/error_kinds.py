"""Kinds of right and wrong answers, determined from texts and positions alone.

Letters in shapes: n questions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from weakref import WeakKeyDictionary

import numpy as np

from qatk.evaluation.squad import exact_and_f1
from qatk.languages import Normalise
from qatk.results.evaluation import Evaluation
from qatk.types import Bool, Int8, Int32, Int64

# fmt: off
KINDS: tuple[str, ...] = (
    "right answer", "right to abstain", "false answer", "false abstention", "too long", "too short", "shifted",
    "another place", "wrong span, right kind", "wrong span", "out of reach",
    "missing spans", "superfluous spans", "some spans right",
)
"""All kinds, right ones first; :func:`error_kinds_of` returns indices into it."""
RIGHT_KINDS = frozenset(KINDS[:2])
"""The right ones among them."""

MEANINGS: dict[str, str] = {
    "right answer": "exact match",
    "right to abstain": "the question has no answer, and none was given",
    "false answer": "an answer to a question that has none",
    "false abstention": "no answer to a question that has one",
    "too long": "contains a gold answer and more",
    "too short": "is part of a gold answer",
    "shifted": "partly overlaps a gold answer",
    "another place": "words of a gold answer at another position",
    "wrong span, right kind": "another position, same type: a date for a date",
    "wrong span": "another position, another type",
    "out of reach": "windows, length limit or tokens rule out gold",
    "missing spans": "all spans given are right, but not all that are due",
    "superfluous spans": "all spans due are given, and others too",
    "some spans right": "spans are missing, and others are wrong",
}
"""A short explanation of each kind."""

_FUNCTION_WORDS = """
a an the of in on at by to for from with and or but nor as is are was were be been being do does did has have had it its
this that these those he she they them his her their we you i who whom whose what which when where why how not no so
than then there into onto over under about after before between during through up down out off if
"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())
"""English words that say nothing about the topic of a text."""
# fmt: on

RIGHT_ANSWER, RIGHT_TO_ABSTAIN, FALSE_ANSWER, FALSE_ABSTENTION = range(4)
"""The codes of the kinds: indices into :data:`KINDS`."""
TOO_LONG, TOO_SHORT, SHIFTED, ANOTHER_PLACE, RIGHT_KIND, WRONG_SPAN, OUT_OF_REACH = range(4, 11)
MISSING, SUPERFLUOUS, SOME_RIGHT = range(11, 14)

_MONTHS = "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
_DATE = re.compile(
    rf"\b(?:(?:{_MONTHS}|nov(?:ember)?|dec(?:ember)?)\.? \d|(?:1\d|20)\d\ds?\b(?!,)|\d+s\b|\d+ ?(?:bce?|ad|ce)\b)"
    r"|\b(?:centur(?:y|ies)|decade|(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b"
    r"|^(?:january|february|march|april|may|june|july|august|september|october|november|december)$",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen"
    r"|(?:twen|thir|for|fif|six|seven|eigh|nine)ty|hundreds?|thousands?|[mbtr]illions?|dozens?|half|third|quarter"
    r"|once|twice|per ?cent|zero)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_][\w'\u2019.-]*")


Words = Callable[[str], frozenset[str]]
"""Finds the content words of a text."""
_FOUND: WeakKeyDictionary[Evaluation, Int8] = WeakKeyDictionary()


def error_kinds_of(evaluation: Evaluation) -> Int8:
    """The kind of each question's outcome.

    Exact match decides what is right. Wrong outcomes get the first kind that applies:

    - *out of reach*: no gold answer was possible (:mod:`qatk.evaluation.reachability`); only known for runs.
    - *false answer*: the question has no answer. A missing prediction that was scored as wrong counts here too.
    - *false abstention*: the question has an answer, and the prediction is "no answer".
    - *missing spans*, *superfluous spans*, *some spans right*: several spans are due or given, and some of them are the
      same by the metric's normalisation: all that are given, all that are due, or neither.
    - *too long*, *too short*, *shifted*: the prediction overlaps a gold answer in the context. Of the gold answer with
      the largest overlap, it contains all, is a part, or neither. If a position is unknown, words decide: the
      prediction has all content words of the gold answer, the reverse, or they share some.
    - *another place*: it overlaps no gold answer, but one has all content words of the other.
    - *wrong span, right kind*: it has the same :func:`answer_type` as a gold answer.
    - *wrong span*: none of these.

    Of several spans of which none is right, the best one that is given decides between the kinds of wrong spans.

    Words are those of the metric's normalisation; content words exclude :data:`FUNCTION_WORDS`.

    Returns:
        int8[n], indices into :data:`KINDS`; read-only, because the result is cached for each evaluation.
    """
    kinds = _FOUND.get(evaluation)
    if kinds is None:
        kinds = _FOUND[evaluation] = _find_kinds(evaluation)
        kinds.flags.writeable = False
    return kinds


def _find_kinds(evaluation: Evaluation) -> Int8:
    examples, texts = evaluation.examples, evaluation.predictions.text
    exact = evaluation.per_question.get("exact")
    if exact is None:
        exact, _ = exact_and_f1(examples, texts, evaluation.predictions.several, evaluation.normalisation)
    right = exact == 1
    answered = evaluation.predictions.answered
    has_answer = examples.has_answer
    kinds = np.where(answered, RIGHT_ANSWER, RIGHT_TO_ABSTAIN).astype(np.int8)
    kinds[~right & ~has_answer] = FALSE_ANSWER
    kinds[~right & has_answer & ~answered] = FALSE_ABSTENTION
    spans = np.flatnonzero(~right & has_answer & answered)
    kinds[spans] = _span_kinds(evaluation, spans)
    if examples.answer_span is not None or evaluation.predictions.several is not None:
        for row in spans.tolist():
            kinds[row] = _set_kind(evaluation, row) or kinds[row]
    if (reachable := evaluation.reachable) is not None:
        kinds[~right & has_answer & ~reachable] = OUT_OF_REACH
    return kinds


def right_elsewhere(evaluation: Evaluation) -> int:
    """The number of answers that are right by exact match, but at a position where no gold answer is.

    Such an answer counts as right, although its position may not support it. Questions whose gold answer or prediction
    has an unknown position are not counted.
    """
    examples = evaluation.examples
    answered = evaluation.predictions.char_start >= 0
    rows = np.flatnonzero((error_kinds_of(evaluation) == RIGHT_ANSWER) & examples.has_answer & answered)
    overlap, placed = _overlaps(evaluation, rows)
    return int((placed & (overlap.best == 0)).sum())


class _Overlap:
    """Of each row the gold answer that it shares most characters with: how many (``best``), and its span."""

    def __init__(self, rows: int) -> None:
        self.best = np.zeros(rows, np.int64)
        self.start, self.end = np.zeros(rows, np.int64), np.zeros(rows, np.int64)


def _overlaps(evaluation: Evaluation, rows: Int64) -> tuple[_Overlap, Bool]:
    """The overlaps of the predictions of these rows, and of which rows every place is known."""
    examples, predictions = evaluation.examples, evaluation.predictions
    assert examples.answer_offsets is not None
    found, placed = _Overlap(len(rows)), predictions.char_start[rows] >= 0
    start, end = predictions.char_start[rows], predictions.char_end[rows]
    lengths: Int32 = np.fromiter(map(len, examples.answer_text), np.int32, len(examples.answer_text))
    answer, stop = examples.answer_offsets[rows], examples.answer_offsets[rows + 1]
    while len(left := np.flatnonzero(answer < stop)):
        k = answer[left]
        gold = examples.answer_start[k]
        placed[left] &= gold >= 0
        shared = np.minimum(end[left], gold + lengths[k]) - np.maximum(start[left], gold)
        better = (shared > found.best[left]) & (gold >= 0)
        at = left[better]
        found.best[at], found.start[at] = shared[better], gold[better]
        found.end[at] = (gold + lengths[k])[better]
        answer[left] += 1
    return found, placed


def _span_kinds(evaluation: Evaluation, rows: Int64) -> Int8:
    """The kinds of answers that are wrong though the question has an answer."""
    overlap, placed = _overlaps(evaluation, rows)
    start, end = evaluation.predictions.char_start[rows], evaluation.predictions.char_end[rows]
    kinds = np.full(len(rows), SHIFTED, np.int8)
    kinds[(overlap.start >= start) & (overlap.end <= end)] = TOO_LONG
    kinds[(overlap.start <= start) & (overlap.end >= end)] = TOO_SHORT
    for i in np.flatnonzero(overlap.best == 0).tolist():
        row = int(rows[i])
        said, golds = evaluation.predictions.text[row], evaluation.examples.answers_of(row)
        words = partial(content_words, normalise=partial(evaluation.normalisation.forms, evaluation.examples, row))
        kinds[i] = _elsewhere(said, golds, words) if placed[i] else _unplaced(said, golds, words)
    return kinds


def _set_kind(evaluation: Evaluation, row: int) -> int | None:
    """The kind of a wrong answer some of whose spans are right; ``None`` without several spans, or a right one."""
    due, given = evaluation.examples.spans_of_answer(row), evaluation.predictions.spans(row)
    if len(due) < 2 and len(given) < 2:
        return None
    forms = partial(evaluation.normalisation.forms, evaluation.examples, row)
    said = forms([span.text for span in given]) if given else []
    wanted = [set(forms([answer.text for answer in span])) for span in due]
    right = [any(text in span for span in wanted) for text in said]
    found = [any(text in span for text in said) for span in wanted]
    if not any(right):
        return None
    if all(right) and not all(found):
        return MISSING
    return SUPERFLUOUS if all(found) else SOME_RIGHT


def _elsewhere(said: str, golds: Sequence[str], words_of: Words) -> int:
    """The kind of a wrong answer that overlaps no gold answer."""
    words, wanted = words_of(said), [words_of(gold) for gold in golds]
    if any(words and gold and (words <= gold or gold <= words) for gold in wanted):
        return ANOTHER_PLACE
    return RIGHT_KIND if answer_type(said) in map(answer_type, golds) else WRONG_SPAN


def _unplaced(said: str, golds: Sequence[str], words_of: Words) -> int:
    """The kind of a wrong answer whose place, or whose gold answer's place, is unknown."""
    words, wanted = words_of(said), [words_of(gold) for gold in golds]
    if any(gold and gold <= words for gold in wanted):
        return TOO_LONG
    if any(words and words <= gold for gold in wanted):
        return TOO_SHORT
    return SHIFTED if any(words & gold for gold in wanted) else _elsewhere(said, golds, words_of)


def content_words(text: str, normalise: Normalise) -> frozenset[str]:
    """The words of a text as the metric normalises it, without :data:`FUNCTION_WORDS`."""
    return frozenset(normalise([text])[0].split()) - FUNCTION_WORDS


def answer_type(text: str) -> str:
    """A guess at what sort of thing a text names, by the first rule that holds.

    - ``date``: a year from 1000 to 2099, a decade, a century, a day of the week, a month with a day or alone.
    - ``number``: a digit or a number word.
    - ``name``: every word but :data:`FUNCTION_WORDS` begins with a capital; people and places cannot be told apart
      by such rules.
    - ``phrase``: all else.
    """
    if _DATE.search(text):
        return "date"
    if _NUMBER.search(text):
        return "number"
    words = [word for word in _WORD.findall(text) if word.lower() not in FUNCTION_WORDS]
    return "name" if words and all(word[0].isupper() for word in words) else "phrase"
