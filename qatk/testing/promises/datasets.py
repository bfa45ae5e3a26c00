"""Promises of datasets: see :class:`qatk.api.Dataset`."""

from __future__ import annotations

from collections import Counter

from qatk.data import overlapping_spans
from qatk.plugins.optional import RawDataset, blocks_of
from qatk.testing.inputs.randomness import seeded
from qatk.testing.promise import Subject, expect, given, promise, skip
from qatk.types import Examples, RawExamples


def _load(subject: Subject) -> Examples:
    found: Examples = subject.build().load()
    expect(isinstance(found, Examples), f"load returned {type(found).__name__}, not qatk.api.Examples")
    return found


@promise("load returns at least one example")
def gives_examples(subject: Subject) -> None:
    """A run of none is an error."""
    with given("its options"):
        expect(len(_load(subject)), "no examples")


@promise("ids are unique, non-empty texts")
def ids_are_unique(subject: Subject) -> None:
    """Predictions are stored by id."""
    ids = list(_load(subject).id)
    expect(
        all(isinstance(one, str) and one for one in ids),
        f"ids such as {[i for i in ids if not i or not isinstance(i, str)][:1]}",
    )
    twice = [one for one, count in Counter(ids).items() if count > 1]
    expect(not twice, f"duplicate ids {twice[:3]}")


@promise("questions, titles and contexts are texts")
def columns_are_texts(subject: Subject) -> None:
    """Further columns too."""
    found = _load(subject)
    for name, column in {
        "question": found.question,
        "title": found.title,
        "context": found.context,
        **found.columns,
    }.items():
        wrong = [value for value in column if not isinstance(value, str)]
        expect(not wrong, f"{name} has {wrong[:1]}")


@promise("every answer is non-empty and stands at its answer_start")
def answers_stand_where_they_say(subject: Subject) -> None:
    """answer_start -1 says that the place is unknown."""
    found = _load(subject)
    if found.answer_offsets is None:
        return
    for row in range(len(found)):
        with given(f"example {found.id[row]}"):
            first, stop = found.answer_offsets[row : row + 2]
            for k in range(first, stop):
                text, start = found.answer_text[k], int(found.answer_start[k])
                expect(text, "an empty answer; an unanswerable question must have no answers")
                there = found.context_of(row)[start : start + len(text)]
                expect(start < 0 or there == text, f"the answer {text!r}, but the context has {there!r} there")


@promise("spans of one question do not overlap, because all of them are required; alternatives of one span may")
def spans_do_not_overlap(subject: Subject) -> None:
    """Where ``answer_span`` groups the answers."""
    found = _load(subject)
    if found.answer_span is None:
        return
    for row in range(len(found)):
        with given(f"example {found.id[row]}"):
            pair = overlapping_spans(found, row)
            expect(pair is None, f"the answers {' and '.join(f'{a.text!r} at {a.start}' for a in pair or ())} overlap")


@promise("loading again returns the same examples in the same order")
def is_deterministic(subject: Subject) -> None:
    """A run that is resumed compares digests. By one dataset three times, by new ones, with chance seeded otherwise."""
    dataset, digests = subject.build(), set()
    for seed in range(3):
        with seeded(seed):
            digests |= {dataset.load().digest(), _load(subject).digest()}
    expect(len(digests) == 1, f"{len(digests)} digests")


@promise("every context is stored once and used by a question")
def contexts_are_stored_once(subject: Subject) -> None:
    """They are tokenized and held in memory one by one."""
    found = _load(subject)
    twice = [text for text, count in Counter(found.context).items() if count > 1]
    expect(not twice, f"{len(twice)} contexts are stored more than once, such as {twice[0][:60] if twice else ''!r}")
    unused = set(range(len(found.context))) - set(found.context_index.tolist())
    expect(not unused, f"{len(unused)} contexts without a question")


@promise("raw, where there is such a method, has every question that load returns, word for word")
def raw_has_what_is_loaded(subject: Subject) -> None:
    """``qatk data check`` reads it; what it adds is what load refuses, mends or leaves out."""
    dataset = subject.build()
    if not isinstance(dataset, RawDataset):
        return
    raw, found = dataset.raw(), _load(subject)
    expect(isinstance(raw, RawExamples), f"raw returned {type(raw).__name__}, not qatk.api.RawExamples")
    said = {(raw.id[row], raw.question[row], raw.context_of(row)) for row in range(len(raw))}
    for row in range(len(found)):
        with given(f"example {found.id[row]}"):
            seen = (found.id[row], found.question[row], found.context_of(row))
            expect(seen in said, f"raw does not have the question {found.question[row]!r} with this id and context")


@promise("stream, where there is one, yields what load returns, in its order and in blocks of the size asked for")
def streams_what_is_loaded(subject: Subject) -> None:
    """``qatk predict`` reads questions from it where it exists, more than once."""
    if (stream := blocks_of(subject.build())) is None:
        skip("it has no stream of its own")
    found = _load(subject)
    for size in (1, 5, len(found) + 1):
        if (blocks := stream(size)) is None:
            skip("its source cannot be read in parts")
        first = 0
        for block in blocks:
            expect(isinstance(block, Examples), f"stream yielded {type(block).__name__}, not qatk.api.Examples")
            expect(0 < len(block) <= size, f"a block of {len(block)} where up to {size} are due")
            wrong = [row for row in range(len(block)) if _said(block, row) != _said(found, first + row)]
            expect(not wrong, f"example {first + wrong[0] if wrong else 0} differs in blocks of {size}")
            first += len(block)
        expect(first == len(found), f"{first} examples in blocks of {size}, and {len(found)} from load")


def _said(examples: Examples, row: int) -> tuple[object, ...]:
    """All that is said of a question; nothing of one that is not there."""
    if row >= len(examples):
        return ()
    further = {name: values[row] for name, values in examples.columns.items()}
    texts = examples.id[row], examples.question[row], examples.title[row], examples.context_of(row)
    return (*texts, examples.spans_of_answer(row), further)
