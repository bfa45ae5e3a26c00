"""Promises of decoders that read scores of tokens: see :class:`qatk.api.TokenScores`. Only numpy is needed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from qatk.testing.inputs.decoding import TEXT, WORDS, Problem, Window, as_tokens, with_null, with_windows, word_spans
from qatk.testing.inputs.decoding import problem as make_problem
from qatk.testing.promise import Subject, expect, given, promise, skip
from qatk.testing.promises.decoders import decode, same
from qatk.types import Predictions

_HIGH, _LOW, _NEVER = 9.0, -9.0, float("-inf")


def _problems() -> list[tuple[Problem, list[str]]]:
    """Problems whose tokens are clear, and the only sensible spans of the first example."""
    none, first, five = [_LOW] * 5, [_HIGH, _LOW, _LOW, _LOW, _LOW], [_HIGH] * 5
    begin, apart = [_HIGH, *[_LOW] * 4], [_HIGH, _LOW, _LOW, _HIGH, _LOW]
    two, left = [_HIGH, _LOW, _LOW, _HIGH, _HIGH], [*first[1:], _HIGH]
    words = word_spans(TEXT)
    halves = [Window(0, words[:3], two[:3], begin[:3]), Window(0, words[2:], two[2:], [_LOW] * 3)]
    given_ = [
        (make_problem("two spans", [TEXT], [Window(0, WORDS, two, begin)]), ["Ada", "in 1843."]),
        (make_problem("two spans side by side", [TEXT], [Window(0, WORDS, five, apart)]), ["Ada wrote it", "in 1843."]),
        (make_problem("no token of the answer", [TEXT], [Window(0, WORDS, none, none)]), []),
        (make_problem("no token that could be one", [TEXT], [Window(0, WORDS, [_NEVER] * 5, none)]), []),
        (make_problem("two windows", [TEXT], halves), ["Ada", "in 1843."]),
        (make_problem("the context first", [TEXT], [Window(0, WORDS, left, none, left=True)]), ["1843."]),
        (make_problem("two examples", [TEXT] * 2, [Window(k, WORDS, first, begin) for k in (0, 1)]), ["Ada"]),
        (make_problem("an example without windows", [TEXT] * 2, [Window(1, WORDS, two, begin)]), []),
    ]
    return [(as_tokens(one, begins=True), spans) for one, spans in given_]


def _needs_tokens(subject: Subject) -> None:
    if "tokens" not in subject.registered.component.scores:
        skip("it reads no scores of tokens")


def _texts(found: Predictions, row: int) -> list[str]:
    return [span.text for span in found.spans(row)]


@promise("every run of tokens whose scores are far above the null score is a span of the answer, and nothing else is")
def clear_tokens_are_the_answer(subject: Subject) -> None:
    """For decoders that read scores of tokens: of one span, several, none, and in several windows."""
    _needs_tokens(subject)
    for problem, spans in _problems():
        with given(problem.name):
            found = _texts(decode(subject.build(), problem), 0)
            expect(found == spans, f"{found} instead of {spans}")


@promise("answers of tokens are slices in the order of the context, whatever the order of windows")
def token_answers_are_slices(subject: Subject) -> None:
    """For decoders that read scores of tokens."""
    _needs_tokens(subject)
    for problem, _ in _problems():
        owner = problem.features.example_index
        other = with_windows(problem, np.lexsort((-np.arange(len(owner)), owner)), "windows reversed")
        with given(problem.name):
            found = decode(subject.build(), problem)
            same(found, decode(subject.build(), other), ("in order", "in reverse"))
            for row in range(len(found)):
                spans, context = found.spans(row), problem.examples.context_of(row)
                wrong = [span for span in spans if context[span.char_start : span.char_end] != span.text]
                expect(not wrong, f"the spans {wrong}")
                apart = all(one.char_end <= two.char_start for one, two in pairwise(spans))
                expect(apart, f"spans at {[(span.char_start, span.char_end) for span in spans]}")


@promise("a null score far above all tokens gives 'no answer', one far below gives an answer if any token can be one")
def null_scores_decide_on_tokens(subject: Subject) -> None:
    """For decoders that read scores of tokens; where an option ``null_threshold`` is."""
    _needs_tokens(subject)
    subject.needs("null_threshold")
    for problem, _ in _problems():
        assert problem.scores.tokens is not None
        for value in (-1000.0, 1000.0):
            decided = with_null(problem, np.full_like(problem.scores.null, value), f"null scores {value:g}")
            with given(decided.name):
                found = decode(subject.build(null_threshold=0.0), decided)
                for row, text in enumerate(found.text):
                    due = value < 0 and found.score[row] > _NEVER
                    expect((text != "") == due, f"example {row} got {text!r}")
                inside = problem.scores.tokens.inside[problem.features.char_start >= 0]
                expect(value > 0 or (inside == _NEVER).all() or any(found.text), "no answer at all")
