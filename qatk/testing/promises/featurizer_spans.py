"""Promises of featurizers: the targets of answers of several spans. Needs tokenizers and transformers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qatk.testing.inputs.decoding import examples_of
from qatk.testing.inputs.tokenizers import tokenizers_to_try
from qatk.testing.promise import Subject, expect, given, promise, skip
from qatk.types import Examples, Features

_SHORT = "Ada Lovelace and Bob Mill came to Arlen."
_LONG = " ".join(["Arlen", *(f"w{i % 10} the mill" for i in range(300)), "Cadiz"])


def _questions() -> Examples:
    """Two spans, the first with two alternatives; two that no window holds both; one span; none."""
    contexts = [_SHORT, _LONG, _SHORT, _SHORT]
    examples = examples_of(contexts, [["Ada Lovelace", "Ada", "Arlen"], ["Arlen", "Cadiz"], ["Bob"], []])
    return replace(examples, answer_span=np.array([0, 0, 1, 0, 1, 0], np.int32))


@promise(
    "if it gives the spans of answers, they are those that lie wholly in the window, one for each span of the gold"
)
def windows_have_all_spans(subject: Subject) -> None:
    """For featurizers that fill ``span_offsets``; without it, heads learn the first span of a window alone."""
    examples = _questions()
    small = {"max_length": 48} if subject.takes("max_length") else {}
    small |= {"doc_stride": 8} if subject.takes("doc_stride") else {}
    for name, tokenizer, spec in tokenizers_to_try():
        with given(name):
            found = subject.build(**small).featurize(examples, tokenizer, spec, targets=True)
            if found.span_offsets is None:
                skip("it gives the first span of each window alone")
            for window in range(len(found)):
                with given(f"window {window}"):
                    _check(examples, found, window)


def _check(examples: Examples, found: Features, window: int) -> None:
    assert found.span_offsets is not None
    assert found.span_start is not None
    assert found.span_end is not None
    row, first = int(found.example_index[window]), int(found.token_offsets[window])
    tokens = slice(first, int(found.token_offsets[window + 1]))
    begin, end = found.char_start[tokens], found.char_end[tokens]
    left, right = begin[begin >= 0].min(initial=2**30), end.max(initial=-1)
    golds = [span[0] for span in examples.spans_of_answer(row)]
    due = [gold.text for gold in golds if left <= gold.start and gold.start + len(gold.text) <= right]
    texts = []
    for k in range(found.span_offsets[window], found.span_offsets[window + 1]):
        edges = int(found.span_start[k]), int(found.span_end[k])
        expect(0 <= edges[0] <= edges[1] < len(begin), f"a span of tokens {edges[0]} to {edges[1]} of {len(begin)}")
        expect(begin[edges[0]] >= 0, f"the span of tokens {edges[0]} to {edges[1]} is not in the context")
        texts.append(examples.context_of(row)[begin[edges[0]] : end[edges[1]]].strip())
    expect(texts == due, f"the spans {texts} instead of {due}")
