"""Promises of retrievers: see :class:`qatk.api.Retriever`."""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np

from qatk.plugins.protocols import Retriever
from qatk.testing.inputs.decoding import examples_of
from qatk.testing.inputs.snapshots import unchanged
from qatk.testing.promise import Subject, expect, given, promise
from qatk.types import Bool, Examples, Features, ragged

_WIDTH, _SHARED = 40, 8
"""Words of a window, and words that two windows share."""


def questions() -> Examples:
    """A context of many windows for three questions, one of a single window, one without text, one without blanks."""
    long = " ".join(f"word{k} the mill" for k in range(300)) + " stands on the river Orr"
    found = examples_of([long, "The mill was built in 1843.", long, "", "水" * 3000, long])
    asked = ["Where is the river Orr?", "When?", "What of word7?", "Who?", "水は?", "  xyzzy  "]
    index = np.array([0, 1, 0, 2, 3, 0], np.int32)
    contexts = list(dict.fromkeys(found.context))
    return Examples(id=found.id, question=asked, title=found.title, context=contexts, context_index=index)


@lru_cache
def _windows() -> Features:
    """Windows of the questions by hand: a token a word, or of a text without blanks a token a character."""
    examples = questions()
    tokens = [_tokens(examples.context_of(row)) for row in range(len(examples))]
    owner: list[int] = []
    spans: list[list[tuple[int, int]]] = []
    for row, of in enumerate(tokens):
        for begin in range(0, max(1, len(of) - _SHARED), _WIDTH - _SHARED):
            owner.append(row)
            spans.append([(-1, -1), *of[begin : begin + _WIDTH], (-1, -1)])
    flat = np.array([pair for window in spans for pair in window], np.int32).reshape(-1, 2)
    return Features(
        example_index=np.array(owner, np.int32),
        token_offsets=ragged.offsets_of(np.array(list(map(len, spans)))),
        input_ids=np.arange(len(flat), dtype=np.int32) % 100,
        type_ids=np.zeros(len(flat), np.int8),
        char_start=flat[:, 0].copy(),
        char_end=flat[:, 1].copy(),
        null_index=np.zeros(len(owner), np.int32),
    )


def _tokens(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(r"\S+" if " " in text else r"\S", text)]


def _kept(retriever: Retriever, examples: Examples, features: Features) -> Bool:
    kept = retriever.keep(examples, features)
    seen = f"{kept.dtype}{list(kept.shape)}" if isinstance(kept, np.ndarray) else type(kept).__name__
    due = f"bool[{len(features)}]"
    expect(
        isinstance(kept, np.ndarray) and kept.dtype == np.bool_ and kept.shape == (len(features),), f"{seen}, not {due}"
    )
    return kept


@promise("keep returns bool[windows], and every question with windows keeps one")
def keeps_a_window_of_every_question(subject: Subject) -> None:
    """A question without a window gets no answer, however good the model is."""
    examples, features = questions(), _windows()
    with given(f"{len(examples)} questions"):
        kept = _kept(subject.build(), examples, features)
        lost = np.setdiff1d(features.example_index, features.example_index[kept])
        expect(not len(lost), f"no window of {', '.join(examples.id[row] for row in lost)} is kept")
    with given("no window"):
        _kept(subject.build(), examples, features.take(np.zeros(0, np.int64)))


@promise("a question's windows are chosen without regard to other questions")
def questions_do_not_touch_each_other(subject: Subject) -> None:
    """Predictions come in portions."""
    examples, features = questions(), _windows()
    together = _kept(subject.build(), examples, features)
    for row in range(len(examples)):
        with given(f"example {row}"):
            among = np.flatnonzero(features.example_index == row)
            alone = _kept(subject.build(), examples, features.take(among))
            expect(np.array_equal(alone, together[among]), "other windows are kept of it alone")


@promise("the same windows give the same choice, and are not changed")
def is_deterministic(subject: Subject) -> None:
    """By one retriever twice, and by a new one."""
    examples, features = questions(), _windows()
    with given(f"{len(examples)} questions"), unchanged(examples, features):
        retriever = subject.build()
        first, *others = (_kept(each, examples, features) for each in (retriever, retriever, subject.build()))
        expect(all(np.array_equal(first, other) for other in others), "the choice differs when asked again")
