"""Promises of featurizers that stream: see :class:`qatk.api.StreamingFeaturizer`."""

from __future__ import annotations

import numpy as np

from qatk.plugins.optional import stream_of
from qatk.testing.promise import Subject, expect, given, promise, skip
from qatk.testing.promises.featurizers import cases, questions, windows_of
from qatk.types import FeatureColumns, Features


@promise("what stream yields, if there is one, are the windows of featurize without targets, in their order")
def streams_the_same_windows(subject: Subject) -> None:
    """Predictions read windows from it where it exists."""
    examples = questions()
    for name, featurizer, tokenizer, spec in cases(subject):
        if (stream := stream_of(featurizer)) is None:
            skip("it has no stream of its own")
        with given(name):
            whole = windows_of(featurizer, examples, tokenizer, spec, False)
            columns, last = FeatureColumns(targets=False), 0
            for part in stream(examples, tokenizer, spec):
                expect(isinstance(part, Features) and len(part), f"stream yielded {type(part).__name__}, or no window")
                expect(part.example_index[0] >= last, "example_index decreases from part to part")
                last = int(part.example_index[-1])
                columns.append(part, 0)
            found = columns.features()
            for column in ("example_index", "token_offsets", "input_ids", "type_ids", "char_start", "null_index"):
                expect(np.array_equal(getattr(found, column), getattr(whole, column)), f"{column} differs")
