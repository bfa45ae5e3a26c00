"""Promises of decoders: what their scores, null scores and probabilities mean. Only numpy is needed."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from qatk.plugins.optional import FittedDecoder
from qatk.testing.inputs.decoding import (
    INF,
    TEXT,
    WORDS,
    Problem,
    Window,
    decoding_problems,
    examples_of,
    peak,
    with_null,
)
from qatk.testing.inputs.decoding import problem as make_problem
from qatk.testing.promise import Subject, Unkept, expect, given, promise, skip
from qatk.testing.promises.decoders import decode, same
from qatk.types import Float64, Predictions

_CLOSE = 1e-3


@promise("a higher null score never turns 'no answer' into an answer")
def null_scores_are_monotone(subject: Subject) -> None:
    """All null scores raised together, step by step."""
    for problem in decoding_problems():
        answered: set[int] | None = None
        for rise in (-50.0, -2.0, 0.0, 2.0, 50.0):
            raised = with_null(problem, problem.scores.null + np.float32(rise), f"null scores raised by {rise:g}")
            with given(raised.name):
                now = {k for k, text in enumerate(decode(subject.build(), raised).text) if text}
                expect(
                    answered is None or now <= answered,
                    f"examples {sorted(now - (answered or set()))} are now answered",
                )
                answered = now


@promise("a null score far above every span gives 'no answer'; one far below gives an answer if a span is valid")
def null_scores_decide(subject: Subject) -> None:
    """Where an option ``null_threshold`` is; "no answer" is scored by ``scores.null`` alone."""
    subject.needs("null_threshold")
    for problem in decoding_problems():
        for value in (-1000.0, 1000.0):
            given_null = with_null(problem, np.full_like(problem.scores.null, value), f"null scores {value:g}")
            with given(given_null.name):
                found = decode(subject.build(null_threshold=0.0), given_null)
                for row, text in enumerate(found.text):
                    due = value < 0 and found.score[row] > -np.inf
                    expect((text != "") == due, f"example {row} got {text!r}")


@promise("a higher null_threshold never removes an answer, and changes no score")
def null_threshold_is_monotone(subject: Subject) -> None:
    """For decoders with an option of this name: a threshold sweep must be right without decoding again."""
    subject.needs("null_threshold")
    for problem in decoding_problems():
        last: Predictions | None = None
        for threshold in (-20.0, -1.0, 0.0, 1.0, 20.0):
            with given(f"{problem.name}, null_threshold {threshold:g}"):
                now = decode(subject.build(null_threshold=threshold), problem)
                if last is not None:
                    lost = [k for k, (a, b) in enumerate(zip(last.text, now.text, strict=True)) if a and not b]
                    expect(not lost, f"examples {lost} lost their answers")
                    expect(np.array_equal(last.null_odds, now.null_odds, equal_nan=True), "null_odds changed")
                last = now


@promise("there is an answer exactly if a span is valid and null_odds is at most null_threshold")
def answers_follow_from_the_odds(subject: Subject) -> None:
    """Where an option ``null_threshold`` is: ``calibrate`` and every report rely on it."""
    subject.needs("null_threshold")
    for problem in decoding_problems():
        for threshold in (0.0, 1.5, -3.0):
            with given(f"{problem.name}, null_threshold {threshold:g}"):
                found = decode(subject.build(null_threshold=threshold), problem)
                due = (found.score > -np.inf) & (found.null_odds <= threshold)
                for row in np.flatnonzero(found.answered != due)[:1].tolist():
                    raise Unkept(f"the answer {found.text[row]!r} with null odds {found.null_odds[row]:g}")


@promise("no answer has more than max_answer_length tokens, and one with exactly that many can be found")
def max_answer_length_is_kept(subject: Subject) -> None:
    """For decoders with an option of this name."""
    subject.needs("max_answer_length")
    never = {"null_threshold": 1000.0} if subject.takes("null_threshold") else {}
    for longest in (1, 2, 3):
        for one in decoding_problems():
            with given(f"{one.name}, max_answer_length {longest}"):
                found = decode(subject.build(max_answer_length=longest), one)
                for row in np.flatnonzero(found.char_start >= 0).tolist():
                    size = _tokens_in(one, found, row)
                    expect(size <= longest, f"{found.text[row]!r} has {size} tokens")
        clear = make_problem("", [TEXT], [Window(0, WORDS, *peak((0, longest - 1), len(WORDS)), -9.0)])
        due = " ".join(TEXT.split()[:longest])
        with given(f"a clear answer of {longest} tokens, max_answer_length {longest}"):
            text = decode(subject.build(max_answer_length=longest, **never), clear).text[0]
            expect(text == due, f"{text!r}, expected {due!r}")


def _tokens_in(one: Problem, found: Predictions, row: int) -> int:
    """How many different tokens with characters lie in an answer."""
    features, start, end = one.features, found.char_start[row], found.char_end[row]
    mine = np.repeat(features.example_index, features.lengths) == row
    mine &= (features.char_start >= start) & (features.char_end <= end) & (features.char_end > features.char_start)
    return len({*zip(features.char_start[mine].tolist(), features.char_end[mine].tolist(), strict=True)})


def _odds(subject: Subject, one: Problem) -> Float64:
    return decode(subject.build(), one).null_odds


def _moved(subject: Subject, before: Problem, after: Problem, by: float, what: str) -> None:
    """Expect null odds to move by so much from one input to another, where there are any."""
    one, two = _odds(subject, before), _odds(subject, after)
    for row in np.flatnonzero(np.isfinite(one)).tolist():
        seen = two[row] - one[row]
        expect(
            abs(seen - by) < _CLOSE, f"{what} changed the null odds of example {row} by {seen:.4g} instead of {by:g}"
        )


@promise("span scores and null scores are on the same scale: null odds change by as much as either of them")
def scores_are_on_one_scale(subject: Subject) -> None:
    """Null odds are compared with thresholds, calibrated, and put into curves: half of a score would do harm there."""
    for one in [one for one in decoding_problems() if len(one.scores.null)]:
        raised = with_null(one, one.scores.null + np.float32(3), "null scores raised by 3")
        with given(raised.name):
            _moved(subject, one, raised, 3.0, "adding 3 to null scores")
        start, end = one.scores.start, one.scores.end
        assert start is not None
        assert end is not None
        for name, more in (("start", (2, 0)), ("end", (0, 2)), ("start and end", (1, 1))):
            a, b = (np.where(s > -INF, s + np.float32(m), s) for s, m in zip((start, end), more, strict=True))
            other = replace(one, scores=replace(one.scores, start=a, end=b))
            with given(f"{one.name}, {name} scores raised"):
                _moved(subject, one, other, -2.0, "adding 2 to span scores")


@promise("an example's null score is the minimum over its windows")
def null_is_the_minimum(subject: Subject) -> None:
    """A window without the answer says "no answer", and is right."""
    for one in [one for one in decoding_problems() if len(one.scores.null)]:
        index, null = one.features.example_index, np.full_like(one.scores.null, 1.0)
        first = np.diff(index, prepend=-1) > 0
        flat = with_null(one, null, "null scores 1")
        sole = np.bincount(index, minlength=len(one.examples))[index] == 1
        for name, values, by in (
            ("but 9 in the first of several windows", np.where(first & ~sole, 9.0, 1.0), 0.0),
            ("but 9 in all windows after the first", np.where(first, 1.0, 9.0), 0.0),
            ("but -3 in the first window", np.where(first, -3.0, 1.0), -4.0),
        ):
            with given(f"{flat.name}, {name}"):
                _moved(subject, flat, with_null(one, values.astype(np.float32), name), by, "it")


@promise("probabilities of the n-best list are between 0 and 1, and their sum is at most 1")
def probabilities_are_fractions(subject: Subject) -> None:
    """Where an n-best is given."""
    for one in decoding_problems():
        with given(one.name):
            found = decode(subject.build(), one)
            if (best := found.nbest) is None:
                continue
            wrong = best.probability[~((best.probability >= 0) & (best.probability <= 1))]
            expect(not len(wrong), f"the probabilities {wrong[:3].tolist()}")
            for row in range(len(found)):
                total = float(best.probability[best.offsets[row] : best.offsets[row + 1]].sum())
                expect(total <= 1 + _CLOSE, f"the probabilities of example {row} add up to {total:.4g}")


@promise("the result of fit can be stored as JSON, and another decoder that restores it gives the same answers")
def parameters_are_restored(subject: Subject) -> None:
    """For decoders with parameters of their own; see :class:`qatk.api.FittedDecoder`."""
    if not isinstance(subject.build(), FittedDecoder):
        skip("it fits no parameters")
    for one in [one for one in decoding_problems() if len(one.scores.null)]:
        contexts = [one.examples.context_of(row) for row in range(len(one.examples))]
        gold = replace(one, examples=examples_of(contexts, [[c[:3]] if c else [] for c in contexts]))
        with given(f"{one.name}, with gold"):
            first, second = subject.build(), subject.build()
            state = first.fit(gold.examples, gold.features, gold.scores)
            kept = json.loads(json.dumps(state, allow_nan=False))
            for decoder in (first, second):
                decoder.restore(kept)
            same(decode(first, one), decode(second, one), ("by the one that fitted", "by another"))
