"""Promises of featurizers: see :class:`qatk.api.Featurizer`. Needs tokenizers and transformers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import numpy as np

from qatk.errors import UsageError
from qatk.plugins.model_types import BackboneSpec
from qatk.plugins.protocols import Featurizer, Tokenizer
from qatk.testing.inputs.decoding import examples_of
from qatk.testing.inputs.randomness import seeded
from qatk.testing.inputs.snapshots import changed, snapshot, unchanged
from qatk.testing.inputs.tokenizers import tokenizers_to_try
from qatk.testing.promise import Subject, expect, given, promise
from qatk.types import Examples, Features

_NARROW = 40
"""Fewer tokens than featurizers fill a window with where nobody says otherwise."""
_MILL = "The mill of Arlen was built in 1843 by Ada Lovelace, and sold in 1901."
_LONG = " ".join(f"w{i % 10} the mill" for i in range(600)) + " stands on the river Orr"


def questions() -> Examples:
    """A short context, one of many windows, several answers, none, no context, other scripts, many blanks."""
    contexts = [_MILL, _LONG, _MILL, _MILL, "", "東京都 naïve café Ångström", "   in  1843 \n\n it was   built "]
    answers = [["1843"], ["the river Orr"], [], ["Ada Lovelace", "Lovelace"], [], ["café"], ["1843"]]
    return examples_of(contexts, answers)


def _bare(examples: Examples) -> Examples:
    return replace(examples, answer_offsets=None, answer_text=(), answer_start=np.zeros(0, np.int32), answer_span=None)


def cases(subject: Subject) -> Iterator[tuple[str, Featurizer, Tokenizer, BackboneSpec]]:
    """Name, featurizer, tokenizer and spec, with few tokens a window where the featurizer lets them be chosen."""
    small = {"max_length": 48} if subject.takes("max_length") else {}
    small |= {"doc_stride": 8} if subject.takes("doc_stride") else {}
    for name, tokenizer, spec in tokenizers_to_try():
        yield name, subject.build(**small), tokenizer, spec
    if small:
        name, tokenizer, spec = tokenizers_to_try()[0]
        yield f"{name}, default lengths", subject.build(), tokenizer, spec


def windows_of(
    featurizer: Featurizer, examples: Examples, tokenizer: Tokenizer, spec: BackboneSpec, targets: bool
) -> Features:
    """The windows that a featurizer makes, which must be features."""
    found = featurizer.featurize(examples, tokenizer, spec, targets=targets)
    expect(isinstance(found, Features), f"featurize returned {type(found).__name__}, not qatk.api.Features")
    return found


def _window(features: Features, window: int) -> slice:
    return slice(int(features.token_offsets[window]), int(features.token_offsets[window + 1]))


@promise("windows belong to existing examples and are not longer than the backbone allows")
def windows_fit(subject: Subject) -> None:
    """With and without targets."""
    examples = questions()
    for name, featurizer, tokenizer, spec in cases(subject):
        for targets in (False, True):
            with given(f"{name}, targets={targets}"):
                found = windows_of(featurizer, examples, tokenizer, spec, targets)
                rows = found.example_index
                expect(len(rows) and 0 <= rows[0] <= rows[-1] < len(examples), f"example_index {rows[:5].tolist()} ...")
                expect(
                    found.lengths.max() <= spec.max_length,
                    f"{found.lengths.max()} tokens, but at most {spec.max_length} are allowed",
                )
                expect(found.lengths.min() > 0, "a window without tokens")
    name, tokenizer, spec = tokenizers_to_try()[0]
    with given(f"{name}, a backbone of at most {_NARROW} tokens"):
        try:
            narrow = replace(spec, max_length=_NARROW)
            found = windows_of(subject.build(), examples, tokenizer, narrow, False)
        except UsageError:
            return  # it says that its own max_length is too much
        expect(found.lengths.max() <= _NARROW, f"a window of {found.lengths.max()} tokens")


@promise("type_ids are those of the tokenizer, and 0 for a backbone without them")
def type_ids_are_right(subject: Subject) -> None:
    """Models that know them were trained with them: question and context would be one text without."""
    examples = questions()
    for name, featurizer, tokenizer, spec in cases(subject):
        found = windows_of(featurizer, examples, tokenizer, spec, False)
        own = [_own_types(tokenizer, spec, examples, row) for row in range(len(examples))]
        for window in range(len(found)):
            row, tokens = int(found.example_index[window]), _window(found, window)
            with given(f"{name}, window {window} of example {row}"):
                types = found.type_ids[tokens]
                if not spec.has_type_ids:
                    expect(not types.any(), f"{types[types != 0][:1].tolist()}, which the backbone does not accept")
                    continue
                due, inside = own[row], found.char_start[tokens] >= 0
                wrong = types[inside][types[inside] != due[1]]
                expect(not len(wrong), f"{wrong[:1].tolist()} for a token of the context, expected {due[1]}")
                if len(outside := types[~inside].tolist()) == len(due[0]):
                    expect(outside == due[0], f"{outside} outside the context, expected {due[0]}")


def _own_types(tokenizer: Tokenizer, spec: BackboneSpec, examples: Examples, row: int) -> tuple[list[int], int]:
    """Type ids that the tokenizer gives to question and special tokens, in their order, and to the context."""
    texts, context = [examples.question[row], examples.context_of(row)], 1
    if spec.padding_side == "left":
        texts, context = texts[::-1], 0
    (encoding,) = tokenizer([texts[0]], [texts[1]]).encodings
    pairs = list(zip(encoding.type_ids, encoding.sequence_ids, strict=True))
    return [kind for kind, part in pairs if part != context], next((k for k, part in pairs if part == context), 0)


@promise("no window of an example occurs twice")
def windows_are_different(subject: Subject) -> None:
    """Doubled windows cost twice, and count twice in training."""
    examples = questions()
    for name, featurizer, tokenizer, spec in cases(subject):
        for targets in (False, True):
            found, seen = windows_of(featurizer, examples, tokenizer, spec, targets), set()
            for window in range(len(found)):
                row, tokens = int(found.example_index[window]), _window(found, window)
                with given(f"{name}, targets={targets}, window {window} of example {row}"):
                    key = row, found.input_ids[tokens].tobytes(), found.char_start[tokens].tobytes()
                    expect(key not in seen, "it occurs twice")
                    seen.add(key)


@promise("without targets, the windows of an example together cover its whole context, except whitespace")
def windows_cover_the_context(subject: Subject) -> None:
    """What no window covers can never be an answer."""
    examples = questions()
    for name, featurizer, tokenizer, spec in cases(subject):
        found = windows_of(featurizer, examples, tokenizer, spec, False)
        for row in range(len(examples)):
            with given(f"{name}, example {row}"):
                context = examples.context_of(row)
                covered = np.zeros(len(context), np.bool_)
                for window in np.flatnonzero(found.example_index == row).tolist():
                    tokens = _window(found, window)
                    for start, end in zip(found.char_start[tokens], found.char_end[tokens], strict=True):
                        covered[max(start, 0) : max(end, 0)] = True
                missed = [k for k, there in enumerate(covered) if not there and not context[k].isspace()]
                expect(not missed, f"characters {missed[:5]} ... of {len(context)} are in no window")


@promise("the context tokens of a window are consecutive tokens of the context")
def tokens_make_a_round_trip(subject: Subject) -> None:
    """Their ids in order are a stretch of the tokenizer's own; their characters lie inside the context."""
    examples = questions()
    for name, featurizer, tokenizer, spec in cases(subject):
        found = windows_of(featurizer, examples, tokenizer, spec, False)
        for window in range(len(found)):
            row, tokens = int(found.example_index[window]), _window(found, window)
            with given(f"{name}, window {window} of example {row}"):
                inside = found.char_start[tokens] >= 0
                start, end = found.char_start[tokens][inside], found.char_end[tokens][inside]
                context = examples.context_of(row)
                expect(
                    (start <= end).all() and (not len(end) or end.max() <= len(context)),
                    "characters outside the context",
                )
                expect((np.diff(start) >= 0).all(), f"char_start decreases: {start.tolist()}")
                own = _own_ids(tokenizer, context)
                ids = found.input_ids[tokens][inside].tolist()
                expect(
                    _is_stretch(ids, own), f"the ids {ids[:8]} ... are not consecutive in the context's {own[:8]} ..."
                )


@lru_cache
def _own_ids(tokenizer: Tokenizer, context: str) -> list[int]:
    return list(tokenizer(context, add_special_tokens=False)["input_ids"])


def _is_stretch(ids: list[int], own: list[int]) -> bool:
    places = (k for k, token in enumerate(own) if not ids or token == ids[0])
    return not ids or any(own[k : k + len(ids)] == ids for k in places)


@promise("null_index is the position of the backbone's 'no answer' token")
def null_index_is_right(subject: Subject) -> None:
    """Not always 0: models that pad on the left have it elsewhere."""
    examples = questions()
    for name, featurizer, tokenizer, spec in cases(subject):
        for targets in (False, True):
            with given(f"{name}, targets={targets}"):
                found = windows_of(featurizer, examples, tokenizer, spec, targets)
                inside = (found.null_index >= 0) & (found.null_index < found.lengths)
                expect(inside.all(), f"null_index {found.null_index[~inside][:3].tolist()} outside their windows")
                seen = found.input_ids[found.token_offsets[:-1] + found.null_index]
                wrong = seen[seen != spec.null_id]
                expect(not len(wrong), f"the token {wrong[:1].tolist()} instead of {spec.null_id}")
                expect(
                    (found.char_start[found.token_offsets[:-1] + found.null_index] < 0).all(), "it is a context token"
                )


@promise("targets mark a gold answer or null_index; every answerable example has a window that marks an answer")
def labels_give_the_answers(subject: Subject) -> None:
    """Answers that begin and end with a token."""
    examples = questions()
    for name, featurizer, tokenizer, spec in cases(subject):
        found = windows_of(featurizer, examples, tokenizer, spec, True)
        with given(name):
            expect(found.start_target is not None and found.end_target is not None, "there are no targets")
        labelled = set()
        for window in range(len(found)):
            row = int(found.example_index[window])
            with given(f"{name}, window {window} of example {row}"):
                text = _labelled_text(found, window, examples.context_of(row))
                answers = examples.answers_of(row)
                expect(
                    text is None or text in answers, f"the targets mark {text!r}, but the gold answers are {answers}"
                )
                labelled |= {row} if text else set()
        with given(name):
            due = set(np.flatnonzero(examples.has_answer).tolist())
            expect(due <= labelled, f"no window of examples {sorted(due - labelled)} marks the answer")


def _labelled_text(found: Features, window: int, context: str) -> str | None:
    assert found.start_target is not None
    assert found.end_target is not None
    start, end, null = int(found.start_target[window]), int(found.end_target[window]), int(found.null_index[window])
    if start == end == null:
        return None
    first = int(found.token_offsets[window])
    expect(
        0 <= start <= end < found.lengths[window],
        f"targets {start} to {end} in a window of {found.lengths[window]} tokens",
    )
    expect(found.char_start[first + start] >= 0, f"the target {start} is not a context token")
    return context[int(found.char_start[first + start]) : int(found.char_end[first + end])]


@promise("every window has the whole question, or its beginning if it is too long, the same in all windows")
def windows_hold_the_question(subject: Subject) -> None:
    """Otherwise the model is asked nothing: the tokens outside of the context are the same in all windows."""
    examples = questions()
    for name, featurizer, tokenizer, spec in cases(subject):
        found = windows_of(featurizer, examples, tokenizer, spec, False)
        first: dict[int, list[int]] = {}
        for window in range(len(found)):
            row, tokens = int(found.example_index[window]), _window(found, window)
            with given(f"{name}, window {window} of example {row}"):
                outside = found.input_ids[tokens][found.char_start[tokens] < 0].tolist()
                due = first.setdefault(row, outside)
                expect(outside == due, f"outside the context it has {outside}, but the first window has {due}")
                own = _own_ids(tokenizer, examples.question[row])
                expect(_is_stretch(own[:3], outside), f"{outside} does not contain the question {own}")


@promise("windows without targets need no gold answers and do not depend on them")
def gold_is_not_needed(subject: Subject) -> None:
    """A prediction has none."""
    examples = questions()
    for name, featurizer, tokenizer, spec in cases(subject):
        with given(name):
            one = windows_of(featurizer, examples, tokenizer, spec, False)
            two = windows_of(featurizer, _bare(examples), tokenizer, spec, False)
            for column in ("example_index", "token_offsets", "input_ids", "char_start", "char_end", "null_index"):
                expect(np.array_equal(getattr(one, column), getattr(two, column)), f"{column} differs without gold")


@promise("an example gets the same windows alone as together with others")
def examples_do_not_touch_each_other(subject: Subject) -> None:
    """Windows are cached and batched: they follow from the example alone."""
    examples = questions()
    for name, featurizer, tokenizer, spec in cases(subject):
        together = windows_of(featurizer, examples, tokenizer, spec, False)
        for row in (0, 1, 5):
            with given(f"{name}, example {row}"):
                alone = windows_of(featurizer, examples.take([row]), tokenizer, spec, False)
                among = together.take(np.flatnonzero(together.example_index == row))
                for column in ("token_offsets", "input_ids", "type_ids", "char_start", "char_end", "null_index"):
                    expect(np.array_equal(getattr(alone, column), getattr(among, column)), f"{column} differs")


@promise("the same examples give the same windows again, and are not changed")
def is_deterministic(subject: Subject) -> None:
    """By the same featurizer and by a new one; with targets too, where some windows may be drawn."""
    examples = questions()
    again = list(cases(subject))
    for (name, featurizer, tokenizer, spec), (_, other, _, _) in zip(cases(subject), again, strict=True):
        for targets in (False, True):
            with given(f"{name}, targets={targets}"), unchanged(examples):
                made = []
                for seed, maker in enumerate((featurizer, featurizer, other)):
                    with seeded(seed):
                        made.append(snapshot(windows_of(maker, examples, tokenizer, spec, targets)))
                first, *others = made
                expect(all(one == first for one in others), f"{changed(first, others[-1]) or 'a column'} differs")
