"""Mending what is safe: texts first, then where answers stand, then ids and flags. Each change is listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha1

import numpy as np

from qatk.data.answers import nearest_place
from qatk.data.mending import SURROGATE, Mended, mended_text, unseen
from qatk.data.quality.answers import core, only_place
from qatk.data.quality.texts import first_rows
from qatk.data.strict import contradicts_flag, raw_of
from qatk.types import Examples, RawExamples, ragged


@dataclass(frozen=True)
class Change:
    """What was mended.

    Attributes:
        id: the question, by the id that it had.
        place: where it stands, as of :attr:`RawExamples.place`.
        kind: the kind of finding that it mends.
        before, after: what stood there, and what stands there now; ``None``: it is left out.
    """

    id: str
    place: str
    kind: str
    before: str
    after: str | None


def _change(raw: RawExamples, row: int, kind: str, before: str, after: str | None) -> Change:
    return Change(raw.id[row], raw.place(row), kind, before, after)


def fix(data: Examples | RawExamples) -> tuple[RawExamples, list[Change]]:
    """The data with all mended that :data:`qatk.data.quality.KINDS` promises to mend, and what was changed.

    What is not safe to mend stays as it is: :func:`check` finds it again.

    Args:
        data: as :func:`qatk.data.read` gives it, or examples.
    """
    changes: list[Change] = []
    raw = _with_ids(_with_answers(_with_texts(raw_of(data), changes), changes), changes)
    return raw, changes


def _with_texts(raw: RawExamples, changes: list[Change]) -> RawExamples:
    """Texts without control characters and halves of surrogate pairs, in NFC; answers go with their contexts."""
    contexts = {k: mended for k, text in enumerate(raw.context) if (mended := mended_text(text)).text != text}
    rows = first_rows(raw).tolist()
    for k, mended in contexts.items():
        if rows[k] >= 0:
            _note(changes, raw, rows[k], mended, raw.context[k])
    texts, starts = _moved(raw, contexts, changes)
    context = [contexts[k].text if k in contexts else text for k, text in enumerate(raw.context)]
    made = replace(
        raw,
        question=_plain(raw, raw.question, changes),
        title=_plain(raw, raw.title, changes),
        context=context,
        answer_text=texts,
        answer_start=starts,
        columns={name: _whole(raw, values, changes) for name, values in raw.columns.items()},
    )
    return _one_of_each_context(made) if contexts else made


def _plain(raw: RawExamples, texts: Sequence[str], changes: list[Change]) -> list[str]:
    found = []
    for row, text in enumerate(texts):
        mended = mended_text(text)
        if mended.text != text:
            _note(changes, raw, row, mended, text)
        found.append(mended.text)
    return found


def _whole(raw: RawExamples, texts: Sequence[str], changes: list[Change]) -> list[str]:
    """Texts of which nothing but halves of surrogate pairs is mended: ids and further columns."""
    found = []
    for row, text in enumerate(texts):
        whole = SURROGATE.sub("\ufffd", text)
        if whole != text:
            changes.append(_change(raw, row, "broken-character", text, whole))
        found.append(whole)
    return found


def _note(changes: list[Change], raw: RawExamples, row: int, mended: Mended, before: str) -> None:
    changes.extend(_change(raw, row, kind, before, mended.text) for kind in mended.kinds)


def _moved(raw: RawExamples, contexts: dict[int, Mended], changes: list[Change]) -> tuple[list[str], list[int | None]]:
    """The answers, each the part of its mended context where it stood, else mended by itself."""
    texts, starts = list(raw.answer_text), list(raw.answer_start)
    index = raw.context_index.tolist()
    for k, row in enumerate(raw.answer_owners.tolist()):
        text, start, mended = texts[k], starts[k], contexts.get(index[row])
        alone = mended_text(text)
        if alone.text != text:
            _note(changes, raw, row, alone, text)
        if mended is None or start is None:
            texts[k] = alone.text
        else:
            texts[k], starts[k] = _along(text, start, raw.context[index[row]], mended, alone)
        if texts[k] != text and alone.text == text and mended is not None:
            changes.append(_change(raw, row, mended.kinds[0], text, texts[k]))
    return texts, starts


def _along(text: str, start: int, context: str, mended: Mended, alone: Mended) -> tuple[str, int]:
    """An answer and its start in a mended context; one that stands there stays the same part of it."""
    if not 0 <= start <= len(context):
        return alone.text, start
    end = start + len(text)
    if not text or not context.startswith(text, start):
        return alone.text, mended.begin(start)
    while start < end and unseen(context[start]):
        start += 1
    while start < end and unseen(context[end - 1]):
        end -= 1
    begin, stop = mended.begin(start), mended.end(end)
    return (mended.text[begin:stop], begin) if start < end else ("", begin)


def _one_of_each_context(raw: RawExamples) -> RawExamples:
    """Contexts that became equal stand once."""
    places: dict[str, int] = {}
    index = np.array([places.setdefault(text, len(places)) for text in raw.context], np.int32)
    return replace(raw, context=list(places), context_index=index[raw.context_index])


@dataclass
class _Answers:
    """The answers of a data set while they are mended; those that are not kept have no text."""

    raw: RawExamples
    changes: list[Change]
    texts: list[str] = field(init=False)
    starts: list[int | None] = field(init=False)
    keep: list[bool] = field(init=False)

    def __post_init__(self) -> None:
        self.texts, self.starts = list(self.raw.answer_text), list(self.raw.answer_start)
        self.keep = [True] * len(self.texts)

    def place(self, k: int, row: int) -> None:
        """Cut off what pads an answer, and put it where it stands."""
        if not self.texts[k].strip():
            return
        self._trim(k, row)
        text, start, context = self.texts[k], self.starts[k], self.raw.context_of(row)
        if start is not None and 0 <= start <= len(context) and context.startswith(text, start):
            return
        if start is None and text in context:
            if (only := only_place(context, text)) is not None:
                self._change(k, row, "unknown-place", text, only)
        elif (found := nearest_place(context, text, start or 0)) is not None:
            self._change(k, row, "misplaced-answer" if found[1] == text else "misspelt-answer", found[1], found[0])
            self._trim(k, row)

    def _trim(self, k: int, row: int) -> None:
        text, start = self.texts[k], self.starts[k]
        begin, end = core(text)
        if (begin, end) != (0, len(text)):
            self._change(k, row, "padded-answer", text[begin:end], None if start is None else start + begin)

    def _change(self, k: int, row: int, kind: str, text: str, start: int | None) -> None:
        before, after = (_shown(*each) for each in ((self.texts[k], self.starts[k]), (text, start)))
        self.changes.append(_change(self.raw, row, kind, before, after))
        self.texts[k], self.starts[k] = text, start

    def drop_blanks(self, row: int) -> None:
        """Leave out blank answers where others remain, or it is said that there are none."""
        among = range(self.raw.answer_offsets[row], self.raw.answer_offsets[row + 1])
        blank = [k for k in among if not self.texts[k].strip()]
        if blank and (self._due(row, among, blank) or self.raw.impossible[row] is True):
            for k in blank:
                self.keep[k] = False
                before = _shown(self.texts[k], self.starts[k])
                self.changes.append(_change(self.raw, row, "blank-answer", before, None))

    def _due(self, row: int, among: range, blank: Sequence[int]) -> bool:
        """Whether every span of a question keeps an answer without the blank ones."""
        span = self.raw.answer_span
        left = {0 if span is None else int(span[k]) for k in among if k not in blank}
        return bool(left) and left == {0 if span is None else int(span[k]) for k in among}

    def made(self) -> RawExamples:
        kept = np.array(self.keep, np.bool_)
        owners = self.raw.answer_owners
        places = np.flatnonzero(kept).tolist()
        span = self.raw.answer_span
        return replace(
            self.raw,
            answer_offsets=ragged.offsets_of(np.bincount(owners[kept], minlength=len(self.raw))),
            answer_text=[self.texts[k] for k in places],
            answer_start=[self.starts[k] for k in places],
            answer_span=None if span is None else span[kept],
        )


def _shown(text: str, start: int | None) -> str:
    return repr(text) if start is None else f"{text!r} at {start}"


def _with_answers(raw: RawExamples, changes: list[Change]) -> RawExamples:
    answers = _Answers(raw, changes)
    for k, row in enumerate(raw.answer_owners.tolist()):
        answers.place(k, row)
    for row in range(len(raw)):
        answers.drop_blanks(row)
    return answers.made()


def _with_ids(raw: RawExamples, changes: list[Change]) -> RawExamples:
    """Ids that are whole and stand once, and flags that say what the answers do."""
    flags = list(raw.impossible)
    for row in np.flatnonzero(contradicts_flag(raw)).tolist():
        after = not flags[row]
        changes.append(_change(raw, row, "contradictory-flag", str(flags[row]).lower(), str(after).lower()))
        flags[row] = after
    raw = replace(raw, id=_whole(raw, raw.id, changes), impossible=flags)
    if len(set(raw.id)) == len(raw):
        return raw
    rows, ids = _single_ids(raw, changes)
    return replace(raw.take(rows), id=ids)


def _single_ids(raw: RawExamples, changes: list[Change]) -> tuple[list[int], list[str]]:
    """The rows to keep, and their ids."""
    taken, seen = set(raw.id), Counter[str]()
    known: set[bytes] = set()
    rows, ids = list[int](), list[str]()
    times = Counter(raw.id)
    for row, name in enumerate(raw.id):
        if times[name] > 1:
            content = _content(raw, row)
            if content in known:
                changes.append(_change(raw, row, "duplicate-id", name, None))
                continue
            known.add(content)
        seen[name] += 1
        new = name
        while seen[name] > 1 and (new := f"{name}-{seen[name]}") in taken:
            seen[name] += 1
        if new != name:
            taken.add(new)
            changes.append(_change(raw, row, "duplicate-id", name, new))
        rows.append(row)
        ids.append(new)
    return rows, ids


def _content(raw: RawExamples, row: int) -> bytes:
    """What a row says, as a digest."""
    among = slice(int(raw.answer_offsets[row]), int(raw.answer_offsets[row + 1]))
    span = None if raw.answer_span is None else raw.answer_span[among].tolist()
    said = (raw.id[row], raw.question[row], raw.title[row], raw.context_of(row), raw.impossible[row])
    answers = (list(raw.answer_text[among]), list(raw.answer_start[among]), span, bool(raw.has_gold[row]))
    return sha1(repr((said, answers, [values[row] for values in raw.columns.values()])).encode()).digest()
