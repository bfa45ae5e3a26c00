"""Checks of the types and values that components give, so that a wrong one is their error and no wrong figure later on.

What takes time for every question is asked of components from outside alone; qatk's own keep it by their tests. Each
check raises ``ValueError`` or ``TypeError`` with the row or question that shows it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from qatk.errors import counted
from qatk.plugins.model_types import BackboneSpec
from qatk.plugins.protocols import Plain
from qatk.types import Bool, Examples, Features, Float64, Int32, Predictions, SpanScores

T = TypeVar("T")
Kind = TypeVar("Kind", bound=np.generic)


def expect(value: object, kind: type[T]) -> T:
    """A value that a component gave. Raises ``TypeError`` where it is of another type than its protocol says."""
    if not isinstance(value, kind):
        raise _wrong_type(value, kind.__name__)
    return value


def _wrong_type(value: object, due: str) -> TypeError:
    seen = "None" if value is None else f"an object of type {type(value).__name__}"
    return TypeError(f"it returned {seen}, expected {due}")


def columns(found: object, rows: int, dtype: type[Kind]) -> Mapping[str, NDArray[Kind]]:
    """Columns that a component gave, each with one value of the right type a question."""
    if not isinstance(found, Mapping):
        raise _wrong_type(found, "Mapping")
    for name, column in found.items():
        if not isinstance(name, str) or not name:
            raise TypeError(f"{name!r} is no name")
        if not isinstance(column, np.ndarray) or column.dtype != dtype or column.shape != (rows,):
            seen = f"{column.dtype}{list(column.shape)}" if isinstance(column, np.ndarray) else type(column).__name__
            raise TypeError(f"{name!r} should be {np.dtype(dtype)}[{rows}], not {seen}")
    return found


def scores(found: object, features: Features) -> SpanScores:
    """Scores of these windows that a component gave."""
    given = expect(found, SpanScores)
    given.check(features)
    check_scores(given)
    return given


def texts(found: object, count: int) -> Sequence[str]:
    """Texts that a component gave, so many."""
    if not isinstance(found, Sequence) or isinstance(found, str):
        raise _wrong_type(found, "Sequence")
    if len(found) != count:
        raise ValueError(f"{len(found)} texts for {count}")
    if wrong := next((text for text in found if not isinstance(text, str)), ""):
        raise _wrong_type(wrong, "str")
    return found


def column(found: object, rows: int, dtype: type[Kind]) -> NDArray[Kind]:
    """A column that a component gave, of the right type and length."""
    if not isinstance(found, np.ndarray) or found.dtype != dtype or found.shape != (rows,):
        seen = f"{found.dtype}{list(found.shape)}" if isinstance(found, np.ndarray) else type(found).__name__
        raise TypeError(f"it returned {seen}, expected {np.dtype(dtype)}[{rows}]")
    return found


def check_kept(kept: Bool, features: Features, examples: Examples) -> None:
    """Every example that has windows must keep one."""
    with_some = np.unique(features.example_index[kept])
    if len(without := np.setdiff1d(features.example_index, with_some)):
        raise ValueError(f"it keeps no window of {examples.id[int(without[0])]!r}")


def plain(value: Plain) -> Plain:
    """A value as JSON gives it back. Raises ``TypeError`` or ``ValueError`` where JSON cannot hold it."""
    return json.loads(json.dumps(value, allow_nan=False))


def check_examples(examples: Examples, seen: set[str]) -> None:
    """No id may occur twice, nor be among those ``seen`` before, and gold answers with a known place stand there."""
    for row, name in enumerate(examples.id):
        if name in seen:
            raise ValueError(f"the id {name!r} of row {row} occurs twice")
        seen.add(name)
    if examples.answer_offsets is None:
        return
    owner = np.repeat(np.arange(len(examples)), np.diff(examples.answer_offsets))
    answers = zip(examples.answer_text, examples.answer_start.tolist(), owner.tolist(), strict=True)
    for text, start, row in answers:
        if start >= 0 and not examples.context_of(row).startswith(text, start):
            there = examples.context_of(row)[start : start + len(text)]
            what = f"the answer {text!r} to question {examples.id[row]!r} does not stand at its answer_start {start}"
            raise ValueError(f"{what}, where the context has {there!r}; -1 says that the place is unknown")


def check_windows(features: Features, spec: BackboneSpec) -> None:
    """No window may be longer than the backbone takes."""
    longest = int(features.lengths.max(initial=0))
    if longest > spec.max_length:
        raise ValueError(f"a window of {counted(longest, 'token')}, where {spec.name} takes {spec.max_length}")


def check_scores(scores: SpanScores) -> None:
    """Null scores, and those of whole spans and of tokens, must be numbers."""
    scored = {"null": scores.null} | ({"candidates.score": scores.candidates.score} if scores.candidates else {})
    if scores.tokens is not None:
        scored["tokens.inside"] = scores.tokens.inside
    for name, values in scored.items():
        if np.isnan(values).any():
            raise ValueError(f"scores.{name} is NaN in row {int(np.isnan(values).argmax())}")


def check_answers(examples: Examples, found: Predictions) -> None:
    """Texts must be the slices of their contexts that characters name, scores numbers and probabilities from 0 to 1."""
    _check_slices(examples, range(len(found)), found.text, found.char_start, found.char_end, "the answer")
    if np.isnan(found.score).any():
        raise ValueError(f"the score of {examples.id[int(np.isnan(found.score).argmax())]!r} is NaN")
    if (best := found.nbest) is None:
        return
    owner = np.repeat(np.arange(len(found)), np.diff(best.offsets))
    _check_slices(examples, owner.tolist(), best.text, best.char_start, best.char_end, "the n-best")
    if len(wrong := np.flatnonzero(~((best.probability >= 0) & (best.probability <= 1)))):
        name, value = examples.id[int(owner[wrong[0]])], best.probability[wrong[0]]
        raise ValueError(f"the n-best of {name!r} has the probability {value:g}, and none from 0 to 1")


def _check_slices(
    examples: Examples, rows: Iterable[int], texts: Iterable[str], start: Int32, end: Int32, what: str
) -> None:
    for row, text, begin, stop in zip(rows, texts, start.tolist(), end.tolist(), strict=True):
        context = examples.context_of(row)
        if stop > len(context):
            length = counted(len(context), "character")
            raise ValueError(f"{what} of {examples.id[row]!r} ends at {stop}, where the context has {length}")
        due = context[begin:stop] if begin >= 0 else ""
        if text != due:
            place = f"characters {begin} to {stop} are {due!r}" if begin >= 0 else "it has no characters"
            raise ValueError(f"{what} of {examples.id[row]!r} has the text {text!r}, where {place}")


def check_questions(found: Mapping[str, Float64], examples: Examples) -> None:
    """The value of a question must be a fraction."""
    for name, values in found.items():
        if len(wrong := np.flatnonzero(~((values >= 0) & (values <= 1)))):
            what = f"{name!r} is {values[wrong[0]]:g} for question {examples.id[int(wrong[0])]!r}"
            raise ValueError(f"{what}, and no fraction from 0 to 1")


def check_figures(figures: Mapping[str, float]) -> Mapping[str, float]:
    """These figures of a whole set by name, as numbers of Python, which JSON holds; NaN says that there is none."""
    if not isinstance(figures, Mapping):
        raise _wrong_type(figures, "Mapping")
    for name, value in figures.items():
        if not isinstance(name, str) or not isinstance(value, Real) or isinstance(value, bool):
            raise TypeError(f"the figure {name!r} is {value!r}, and no number")
    return {name: value.item() if isinstance(value, np.generic) else value for name, value in figures.items()}
