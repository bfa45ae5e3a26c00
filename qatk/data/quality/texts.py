"""What is wrong with texts, whatever they say: control characters, HTML, forms of Unicode, what was lost."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from html.entities import html5
from itertools import chain

import numpy as np

from qatk.data.mending import CONTROL, SURROGATE
from qatk.data.quality.findings import Found, short
from qatk.types import Int64, RawExamples

_TAGS = (
    "a b br center cite code div em font h1 h2 h3 h4 h5 h6 hr i img li ol p pre ref s small span strong sub sup table "
    "td th tr tt u ul"
)
_TAG = re.compile(rf"</?(?:{_TAGS.replace(' ', '|')})(?:\s[^<>]*)?/?>|<!--", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-fA-F]{1,6}|([A-Za-z][A-Za-z0-9]{1,30}));")
_SIMPLE = re.compile(r"[\t\n\r -%'-;=?-~]*")
"""What has nothing of all that: ASCII without &, < and >."""


def text_findings(raw: RawExamples) -> Iterator[Found]:
    """Finds about texts, one kind after the other; each of an id, a further column, a question ..."""
    found: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
    for row, name, text in _texts(raw):
        if _SIMPLE.fullmatch(text) is None:
            for kind in _kinds(text):
                found[kind].append((row, name, text))
    for kind, finds in found.items():
        yield Found(kind, [row for row, _, _ in finds], partial(_tell, kind, finds))


def _texts(raw: RawExamples) -> Iterator[tuple[int, str, str]]:
    """Each text with the first question that it belongs to, and what it is; ids and further columns if broken."""
    further = ((f"column {name!r}", values) for name, values in raw.columns.items())
    for name, values in chain([("id", raw.id)], further):
        broken = (row for row, text in enumerate(values) if not text.isascii() and SURROGATE.search(text))
        yield from ((row, name, values[row]) for row in broken)
    yield from ((row, "question", text) for row, text in enumerate(raw.question))
    titles = dict[str, int]()
    for row, title in enumerate(raw.title):
        titles.setdefault(title, row)
    yield from ((row, "title", title) for title, row in titles.items())
    yield from ((row, "context", raw.context[k]) for k, row in enumerate(first_rows(raw).tolist()) if row >= 0)
    yield from ((row, "answer", text) for row, text in zip(raw.answer_owners.tolist(), raw.answer_text, strict=True))


def first_rows(raw: RawExamples) -> Int64:
    """int64[c]: the first question asked of each context, -1 where none is."""
    rows = np.full(len(raw.context), -1, np.int64)
    used, first = np.unique(raw.context_index, return_index=True)
    rows[used] = first
    return rows


def _kinds(text: str) -> Iterator[str]:
    if CONTROL.search(text):
        yield "control-characters"
    if html_of(text):
        yield "html-remains"
    if text.isascii():
        return
    if SURROGATE.search(text):
        yield "broken-character"
    if not unicodedata.is_normalized("NFC", text):
        yield "mixed-unicode"
    if "\ufffd" in text:
        yield "replacement-character"


def html_of(text: str) -> str | None:
    """The first tag or entity of HTML in a text."""
    if "<" in text and (tag := _TAG.search(text)):
        return tag.group()
    if "&" in text:
        for entity in _ENTITY.finditer(text):
            if entity[1] is None or f"{entity[1]};" in html5:
                return entity.group()
    return None


def _tell(kind: str, finds: list[tuple[int, str, str]], number: int) -> str:
    _, name, text = finds[number]
    return f"the {name} has {_seen(kind, text)}"


def _seen(kind: str, text: str) -> str:
    if kind == "html-remains":
        return short(html_of(text) or "")
    if kind == "mixed-unicode":
        pairs = (at for at, char in enumerate(text) if unicodedata.combining(char))
        at = next(pairs, next((k for k, c in enumerate(text) if not unicodedata.is_normalized("NFC", c)), 0))
        return f"{_around(text, at)}: {_names(text[max(at - 1, 0) : at + 1])}"
    wanted = {"control-characters": CONTROL, "broken-character": SURROGATE}.get(kind, re.compile("\ufffd"))
    match = wanted.search(text)
    at = match.start() if match else 0
    return f"U+{ord(text[at]):04X} in {_around(text, at)}"


def _around(text: str, at: int) -> str:
    return short(text[max(at - 12, 0) : at + 12])


def _names(text: str) -> str:
    return " + ".join(f"U+{ord(char):04X}" for char in text)
