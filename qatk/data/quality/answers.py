"""What is wrong with answers: where they stand, where they are cut, and what is around them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from difflib import SequenceMatcher
from functools import partial
from typing import NamedTuple

from qatk.data.answers import nearest_place, overlap_of
from qatk.data.quality.findings import Found, short
from qatk.languages import Normalisation
from qatk.types import Answer, RawExamples
from qatk.word_bounds import cuts_word, starts_of

_AHEAD, _BEHIND = ",;:!?)]}\u3002\uff0c", ",;:([{\uff0c"
_OPEN = {"(": ")", "[": "]", "{": "}"}
_CLOSED = {close: opening for opening, close in _OPEN.items()}
_STOP = re.compile(r"(?:[a-z]{4,}|\d{2,})\.\Z")
"""A full stop that ends a sentence: behind a long word in lower case, not an abbreviation."""


class _Place(NamedTuple):
    """An answer: its number, its question, and what stands there."""

    number: int
    row: int
    text: str
    start: int | None
    context: str


def answer_findings(raw: RawExamples, by: Normalisation) -> Iterator[Found]:
    """Finds about answers, one kind after the other."""
    found: dict[str, list[_Place]] = defaultdict(list)
    contexts, rows = raw.context, raw.answer_owners.tolist()
    index = raw.context_index.tolist()
    for number, (row, text, start) in enumerate(zip(rows, raw.answer_text, raw.answer_start, strict=True)):
        context = contexts[index[row]]
        if start is None and raw.ambiguous is not None:
            start = only_place(context, text)
        place = _Place(number, row, text, start, context)
        if (kind := _kind(place)) is not None:
            found[kind].append(place)
        if core(text) != (0, len(text)) and text.strip():
            found["padded-answer"].append(place)
    for number, normal in enumerate(by.answers(raw) if rows else ()):
        if not normal and raw.answer_text[number].strip():
            row = rows[number]
            found["nothing-to-score"].append(
                _Place(number, row, raw.answer_text[number], raw.answer_start[number], contexts[index[row]])
            )
    for kind, places in found.items():
        yield Found(kind, [place.row for place in places], partial(_tell, kind, places))
    if raw.answer_span is not None:
        yield _overlaps(raw)


def _kind(place: _Place) -> str | None:
    """What is wrong with where an answer stands, if anything."""
    _, _, text, start, context = place
    if not text.strip():
        return "blank-answer"
    if start is not None and 0 <= start <= len(context) and context.startswith(text, start):
        return "cut-word" if cuts_word(context, start, start + len(text)) else None
    if text not in context:
        return "absent-answer" if nearest_place(context, text, start or 0) is None else "misspelt-answer"
    if start is not None:
        return "misplaced-answer"
    return "ambiguous-place" if only_place(context, text) is None else "unknown-place"


def only_place(context: str, text: str) -> int | None:
    """Where a text stands in a context, if in one place; those within words count where there are no others."""
    starts = starts_of(text, context)
    return starts[0] if len(starts) == 1 else None


def core(text: str) -> tuple[int, int]:
    """Where an answer begins and ends without the blanks and punctuation that pad it; what is nothing else stays."""
    if text.isalnum():
        return 0, len(text)
    start, end, before = 0, len(text), (-1, -1)
    while (start, end) != before:  # what is cut off at one end may leave a bracket alone at the other
        before = start, end
        while start < end and _pads(text, start, text[start:end], ahead=True):
            start += 1
        while start < end and _pads(text, end - 1, text[start:end], ahead=False):
            end -= 1
    return (start, end) if start < end else (0, len(text))


def _pads(text: str, at: int, part: str, *, ahead: bool) -> bool:
    char = text[at]
    if char.isspace():
        return True
    if char == '"':
        return part.count(char) % 2 == 1 and (ahead or not text[at - 1 : at].isdigit())  # 58.23" are seconds, or inches
    if char in "\u201c\u201d":
        return _unpaired(char, part)
    if char in _OPEN:
        return part.count(_OPEN[char]) < part.count(char)
    if char in _CLOSED:
        return part.count(_CLOSED[char]) < part.count(char)
    if ahead:
        return char in _AHEAD
    return char in _BEHIND or _STOP.search(part) is not None


def _unpaired(quote: str, part: str) -> bool:
    """Whether one of the quotes “ and ” has no partner: “English”, „German“, „Polish” or ”Swedish”."""
    low, upper, lower = (part.count(each) for each in "\u201e\u201c\u201d")
    if low or not (upper and lower):
        return (low + upper + lower) % 2 == 1
    return upper > lower if quote == "\u201c" else lower > upper


def _tell(kind: str, places: list[_Place], number: int) -> str:
    """An answer, and what there is about it."""
    place = places[number]
    at = "" if place.start is None else f" at {place.start}"
    return f"{short(place.text)}{at}{_more(kind, place, places)}"


def _more(kind: str, place: _Place, places: list[_Place]) -> str:
    context, start = place.context, place.start or 0
    if kind in ("misplaced-answer", "misspelt-answer"):
        found = nearest_place(context, place.text, start)
        assert found is not None
        here = short(context[start : start + len(place.text)]) if 0 <= start < len(context) else "nothing"
        has = "" if place.start is None else f", where the context has {here}"
        return f"{has}; nearest is {short(found[1])} at {found[0]}"
    if kind == "absent-answer":
        return f"; most like it is {_most_like(context, place.text)}{_as_others(place, places)}"
    if kind == "cut-word":
        end = start + len(place.text)
        return f", in {short(context[max(start - 15, 0) : end + 15])}"
    if kind == "padded-answer":
        a, b = core(place.text)
        return f", which is {short(place.text[a:b])}"
    if kind == "ambiguous-place":
        return f", which stands {len(starts_of(place.text, context))} times"
    return f", which stands at {only_place(context, place.text)}" if kind == "unknown-place" else ""


def _as_others(place: _Place, places: list[_Place]) -> str:
    """What a text may be that many questions have for an answer, none of which it answers."""
    times = sum(each.text == place.text for each in places)
    if times < 2:
        return ""
    option = "`no_answer` of table and hub reads it so"
    return f"; so absent {times:,} times: if it says that there is no answer, {option}"


def _most_like(context: str, text: str) -> str:
    """The piece of a context that shares the longest run of characters with a text, as long as it."""
    matcher = SequenceMatcher(None, context.lower(), text.lower(), autojunk=False)
    best = matcher.find_longest_match()
    begin = max(best.a - best.b, 0)
    return f"{short(context[begin : begin + len(text)])} at {begin}" if best.size > 2 else "nothing in it"


def _overlaps(raw: RawExamples) -> Found:
    rows, pairs = list[int](), list[tuple[Answer, Answer]]()
    for row in range(len(raw)):
        if (pair := overlap_of(_spans(raw, row))) is not None:
            rows.append(row)
            pairs.append(pair)

    def say(number: int) -> str:
        one, other = pairs[number]
        return f"{short(one.text)} at {one.start} and {short(other.text)} at {other.start}"

    return Found("overlapping-spans", rows, say)


def _spans(raw: RawExamples, row: int) -> list[list[Answer]]:
    spans: dict[int, list[Answer]] = {}
    for k in range(raw.answer_offsets[row], raw.answer_offsets[row + 1]):
        start = raw.answer_start[k]
        number = 0 if raw.answer_span is None else int(raw.answer_span[k])
        spans.setdefault(number, []).append(Answer(raw.answer_text[k], -1 if start is None else start))
    return list(spans.values())
