"""Promises of decoders: see :class:`qatk.api.Decoder`. Only numpy is needed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

import numpy as np

from qatk.errors import UsageError
from qatk.plugins.protocols import Decoder
from qatk.testing.inputs.decoding import Problem, as_candidates, decoding_problems, examples_of, with_windows
from qatk.testing.inputs.randomness import seeded
from qatk.testing.inputs.snapshots import unchanged
from qatk.testing.promise import Subject, Unkept, expect, given, promise
from qatk.types import Float32, NBest, Predictions, Spans, ragged

_CLEARLY = -5.0
"""Clear answers stand at least so far above "no answer": a null_threshold below this may drop them."""
_EPSILON = 1e-4
"""Scores of the same spans may differ by so much where another order of windows adds them in another order."""


def decode(decoder: Decoder, problem: Problem) -> Predictions:
    """Decode; what is not even predictions for these examples is an error at once."""
    found = decoder.decode(problem.examples, problem.features, problem.scores)
    expect(isinstance(found, Predictions), f"decode returned {type(found).__name__}, not qatk.api.Predictions")
    expect(len(found) == len(problem.examples), f"{len(found)} predictions for {len(problem.examples)} examples")
    return found


def decode_seeded(decoder: Decoder, problem: Problem, seed: int) -> Predictions:
    """The same with the global random generators seeded."""
    with seeded(seed):
        return decode(decoder, problem)


def _due(subject: Subject, problem: Problem) -> list[str | None]:
    """The only sensible answers, as far as the options that the caller gave allow them."""
    longest, threshold = subject.values.get("max_answer_length", 30), subject.values.get("null_threshold", 0.0)
    lenient = threshold == "never" or (isinstance(threshold, int | float) and threshold >= _CLEARLY)
    most = longest if isinstance(longest, int) else 0
    allowed = [not answer or (lenient and len(answer.split()) <= most) for answer in problem.answer]
    return [answer if fits else None for answer, fits in zip(problem.answer, allowed, strict=True)]


def same(one: Predictions, other: Predictions, names: tuple[str, str]) -> None:
    """Expect equal answers, and scores that are equal but for rounding."""
    for row, (a, b) in enumerate(zip(one.text, other.text, strict=True)):
        expect(a == b, f"example {row} was answered {a!r} {names[0]}, and {b!r} {names[1]}")
    for column in ("char_start", "char_end", "score", "null_score"):
        a, b = getattr(one, column), getattr(other, column)
        close = np.isclose(a, b, rtol=_EPSILON, atol=_EPSILON, equal_nan=True)
        expect(close.all(), f"{column} is {a.tolist()} {names[0]}, and {b.tolist()} {names[1]}")


@promise("every example gets one prediction, for any input")
def one_prediction_an_example(subject: Subject) -> None:
    """Row by row, and of the right types."""
    for problem in decoding_problems():
        with given(problem.name):
            decode(subject.build(), problem)


@promise("an answer's text is the non-empty slice of its context from char_start to char_end")
def texts_are_slices(subject: Subject) -> None:
    """Of the answers, of the n-best and of answers of several spans."""
    for problem in decoding_problems():
        with given(problem.name):
            found = decode(subject.build(), problem)
            for row, text in enumerate(found.text):
                _check_slice(problem, row, text, int(found.char_start[row]), int(found.char_end[row]))
            for name, spans in (("n-best", found.nbest), ("spans", found.several)):
                if spans is not None:
                    _check_slices(problem, name, spans)


def _check_slices(problem: Problem, name: str, spans: NBest | Spans) -> None:
    owner = ragged.owners(spans.offsets)
    for k, row in enumerate(owner.tolist()):
        expect(spans.text[k] != "", f"the {name} of example {row} has an empty text")
        _check_slice(problem, row, spans.text[k], int(spans.char_start[k]), int(spans.char_end[k]))


def _check_slice(problem: Problem, row: int, text: str, start: int, end: int) -> None:
    if text == "":
        return expect(start == end == -1, f"example {row} is not answered, but has the characters {start} to {end}")
    due = problem.examples.context_of(row)[max(start, 0) : max(end, 0)]
    return expect(start >= 0 and text == due, f"{text!r}, but the context has {due!r} at characters {start} to {end}")


@promise("the spans of an answer are in the order of the context and do not overlap")
def spans_are_in_order(subject: Subject) -> None:
    """Where answers have several; all of them together are the answer."""
    for problem in decoding_problems():
        with given(problem.name):
            found = decode(subject.build(), problem)
            for row in range(len(found)):
                spans = found.spans(row)
                apart = all(one.char_end <= other.char_start for one, other in pairwise(spans))
                expect(apart, f"example {row} has spans at {[(span.char_start, span.char_end) for span in spans]}")


@promise("an answer starts and ends with context tokens of its example that are scored above -inf")
def answers_are_spans_of_scored_tokens(subject: Subject) -> None:
    """Neither the question, nor a masked token, nor another example's window."""
    for problem in decoding_problems():
        with given(problem.name):
            found = decode(subject.build(), problem)
            for row in np.flatnonzero(found.char_start >= 0).tolist():
                for edge, scores in (("char_start", problem.scores.start), ("char_end", problem.scores.end)):
                    place = int(getattr(found, edge)[row])
                    open_places = _open_places(problem, row, edge, scores)
                    expect(place in open_places, f"{found.text[row]!r}: {edge} {place} is not among {open_places}")


def _open_places(problem: Problem, row: int, edge: str, scores: Float32 | None) -> list[int]:
    assert scores is not None
    features = problem.features
    owner = np.repeat(features.example_index, features.lengths)
    mine = (owner == row) & (features.char_start >= 0) & (scores > -np.inf)
    return sorted(set(getattr(features, edge)[mine].tolist()))


@promise("an example without a valid span gets 'no answer' with the score -inf")
def no_valid_span_is_no_answer(subject: Subject) -> None:
    """Also where there is no context, or no window."""
    for problem in decoding_problems():
        for row in [k for k, answer in enumerate(problem.answer) if answer == ""]:
            with given(f"{problem.name}, example {row}"):
                found = decode(subject.build(), problem)
                expect(found.text[row] == "", f"the answer {found.text[row]!r}")
                expect(found.score[row] == -np.inf, f"the score {found.score[row]}")


@promise("a span whose start and end score far above all others is the answer")
def a_clear_answer_is_given(subject: Subject) -> None:
    """What any decoder should find."""
    for problem in decoding_problems():
        for row, answer in enumerate(_due(subject, problem)):
            if answer:
                with given(f"{problem.name}, example {row}"):
                    text = decode(subject.build(), problem).text[row]
                    expect(text == answer, f"{text!r} instead of {answer!r}")


@promise("both forms of scores are accepted, or one is refused with a UsageError")
def both_forms_of_scores(subject: Subject) -> None:
    """Start and end scores, and scored spans."""
    for problem in decoding_problems()[:6]:
        spans = as_candidates(problem)
        with given(spans.name):
            try:
                found = decode(subject.build(), spans)
            except UsageError:
                continue
            for row, answer in enumerate(_due(subject, problem)):
                expect(answer in (None, found.text[row]), f"{found.text[row]!r} instead of {answer!r}")
                _check_slice(spans, row, found.text[row], int(found.char_start[row]), int(found.char_end[row]))


@promise("the order of an example's windows does not matter, even if scores are equal")
def window_order_does_not_matter(subject: Subject) -> None:
    """Windows reversed within each example."""
    for problem in decoding_problems():
        owner = problem.features.example_index
        order = np.lexsort((-np.arange(len(owner)), owner))
        with given(with_windows(problem, order, "windows reversed").name):
            other = with_windows(problem, order, "windows reversed")
            same(decode(subject.build(), problem), decode(subject.build(), other), ("in order", "in reverse"))


@promise("an example gets the same answer alone as together with others")
def examples_do_not_touch_each_other(subject: Subject) -> None:
    """No state from one example to the next."""
    for problem in decoding_problems():
        if len(problem.examples) < 2:
            continue
        with given(problem.name):
            together = decode(subject.build(), problem)
        for row in range(len(problem.examples)):
            with given(f"{problem.name}, example {row}"):
                found = decode(subject.build(), _alone(problem, row))
                same(together.take(np.array([row])), found, ("among others", "alone"))


def _alone(problem: Problem, row: int) -> Problem:
    windows = np.flatnonzero(problem.features.example_index == row)
    one = with_windows(problem, windows, "alone")
    features = replace(one.features, example_index=np.zeros(len(windows), np.int32))
    return replace(one, examples=problem.examples.take([row]), features=features, answer=())


@promise("the same input gives the same answers, from the same decoder and from a new one")
def is_deterministic(subject: Subject) -> None:
    """Twice by one object, once by another, whatever the global random generators were seeded with."""
    for problem in decoding_problems():
        with given(problem.name):
            decoder = subject.build()
            first, second, third = (
                decode_seeded(d, problem, seed) for seed, d in enumerate((decoder, decoder, subject.build()))
            )
            same(first, second, ("at first", "when asked again"))
            same(first, third, ("at first", "by a new decoder"))


@promise("examples, features and scores are not changed")
def inputs_are_left_unchanged(subject: Subject) -> None:
    """Read-only views can be undone, so the values are compared."""
    for problem in decoding_problems():
        for form in (problem, as_candidates(problem)):
            held = form.examples, form.features, form.scores
            with given(form.name), unchanged(*held), suppress(UsageError):
                decode(subject.build(), form)


@promise("gold answers have no effect")
def gold_is_ignored(subject: Subject) -> None:
    """Gold is absent in a prediction; where it is there it must not help."""
    for problem in decoding_problems():
        if contexts := [problem.examples.context_of(row) for row in range(len(problem.examples))]:
            gold = replace(problem, examples=examples_of(contexts, [[c[:3]] if c else [] for c in contexts]))
            with given(problem.name):
                found = decode(subject.build(), problem), decode(subject.build(), gold)
                same(*found, ("without gold", "with gold"))


@promise("the n-best list is sorted, has no duplicates, and begins with the answer")
def n_best_is_in_order(subject: Subject) -> None:
    """Where an n-best is given."""
    for problem in decoding_problems():
        with given(problem.name):
            found = decode(subject.build(), problem)
            if (best := found.nbest) is None:
                continue
            for row in range(len(found)):
                among = slice(int(best.offsets[row]), int(best.offsets[row + 1]))
                spans = list(zip(best.char_start[among].tolist(), best.char_end[among].tolist(), strict=True))
                expect(len(set(spans)) == len(spans), f"example {row} has a duplicate span: {spans}")
                expect((np.diff(best.score[among]) <= 0).all(), f"scores {best.score[among].tolist()}")
                if spans and found.text[row]:
                    _check_first(found, row, spans[0])


def _check_first(found: Predictions, row: int, first: tuple[int, int]) -> None:
    answer = int(found.char_start[row]), int(found.char_end[row])
    expect(answer == first, f"the answer has the characters {answer}, but the first of the n-best list has {first}")


@promise("a NaN score raises an error or does not lead to NaN in the predictions")
def nan_does_not_pass(subject: Subject) -> None:
    """Diverged models give NaN."""
    problem = decoding_problems()[0]
    assert problem.scores.start is not None
    start = problem.scores.start.copy()
    start[6] = np.nan
    with given(f"{problem.name}, one start score NaN"):
        try:
            found = decode(subject.build(), replace(problem, scores=replace(problem.scores, start=start)))
        except Unkept:
            raise
        except Exception:
            return  # an error says it too
        expect(not np.isnan(found.score).any(), f"the score {found.score.tolist()}")
