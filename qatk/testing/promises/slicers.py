"""Promises of slicers: see :class:`qatk.api.Slicer`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from qatk.plugins.optional import AnswerSlicer
from qatk.plugins.protocols import Slicer
from qatk.testing.inputs.questions import answers_to, questions
from qatk.testing.inputs.snapshots import unchanged
from qatk.testing.promise import Subject, expect, given, promise
from qatk.types import Bool, Examples


def _masks(slicer: Slicer, examples: Examples) -> dict[str, Bool]:
    found = slicer.masks(examples)
    expect(isinstance(found, Mapping), f"masks returned {type(found).__name__}, not a mapping of names to columns")
    if not isinstance(slicer, AnswerSlicer):
        return dict(found)
    whole = questions()
    rows = np.array([list(whole.id).index(name) for name in examples.id], np.int64)
    more = slicer.masks_of_answers(examples, answers_to(whole).take(rows))
    expect(isinstance(more, Mapping), f"masks_of_answers returned {type(more).__name__}, not a mapping")
    return {**found, **more}


@promise("masks returns bool[n] for each name")
def masks_have_the_right_form(subject: Subject) -> None:
    """The core refuses others."""
    examples = questions()
    for what, some in (("7 questions", examples), ("one question", examples.take([3])), ("none", examples.take([]))):
        with given(what):
            for name, mask in _masks(subject.build(), some).items():
                expect(isinstance(name, str) and name, f"the name {name!r}")
                expect(isinstance(mask, np.ndarray), f"{name!r} is {type(mask).__name__}, not an array")
                seen = f"{mask.dtype}{list(mask.shape)}"
                expect(
                    mask.dtype == np.bool_ and mask.shape == (len(some),), f"{name!r} is {seen}, not bool[{len(some)}]"
                )


@promise("no group is empty")
def no_group_is_empty(subject: Subject) -> None:
    """Reports show means."""
    for what, some in (("7 questions", questions()), ("one question", questions().take([3]))):
        with given(what):
            empty = [name for name, mask in _masks(subject.build(), some).items() if not mask.any()]
            expect(not empty, f"empty groups: {', '.join(map(repr, empty))}")


@promise("the order of questions does not matter")
def row_order_does_not_matter(subject: Subject) -> None:
    """Rows in reverse and shuffled; a group without questions may be left out."""
    examples = questions()
    with given(f"{len(examples)} questions"):
        whole = _masks(subject.build(), examples)
    for what, order in (("in reverse", np.arange(len(examples))[::-1]), ("shuffled", np.array([3, 0, 6, 2, 5, 1, 4]))):
        with given(f"the questions {what}"):
            found = _masks(subject.build(), examples.take(order))
            for name in [*whole, *found]:
                none = np.zeros(len(examples), np.bool_)
                due, seen = whole.get(name, none)[order], found.get(name, none)
                ids = [examples.id[order[k]] for k in np.flatnonzero(due != seen)]
                expect(not ids, f"the group {name!r} changed for {', '.join(ids)}")


@promise("the same questions give the same groups, and are not changed")
def is_deterministic(subject: Subject) -> None:
    """By one slicer twice, and by a new one."""
    examples = questions()
    with given(f"{len(examples)} questions"), unchanged(examples):
        slicer = subject.build()
        first, *others = (_masks(s, examples) for s in (slicer, slicer, subject.build()))
        for other in others:
            expect(list(other) == list(first), f"the groups {list(first)} at first, then {list(other)}")
            expect(
                all(np.array_equal(other[n], mask) for n, mask in first.items()), "the groups differ when asked again"
            )
