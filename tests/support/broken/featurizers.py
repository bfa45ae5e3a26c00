from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from qatk.api import Examples, Features
from qatk.plugins.model_types import BackboneSpec
from qatk_builtin.featurizers import StrideOptions
from qatk_builtin.featurizers.stride import StrideFeaturizer


class Good(StrideFeaturizer):
    """Right; each of the others breaks one thing of it."""

    def featurize(self, examples: Examples, tokenizer: Any, spec: BackboneSpec, *, targets: bool) -> Features:
        return self.spoil(super().featurize(examples, tokenizer, spec, targets=targets), examples, spec)

    def spoil(self, found: Features, examples: Examples, spec: BackboneSpec) -> Features:
        return found


class TooLong(Good):
    """Takes ``max_length`` for the length of the context, whatever the backbone takes."""

    def featurize(self, examples: Examples, tokenizer: Any, spec: BackboneSpec, *, targets: bool) -> Features:
        longer = StrideFeaturizer(StrideOptions(max_length=spec.max_length + 8, doc_stride=8))
        return longer.featurize(examples, tokenizer, replace(spec, max_length=10_000), targets=targets)


class WholeWindows(Good):
    """Windows of its own size, whatever the backbone takes."""

    def featurize(self, examples: Examples, tokenizer: Any, spec: BackboneSpec, *, targets: bool) -> Features:
        return super().featurize(examples, tokenizer, replace(spec, max_length=512), targets=targets)


class OneType(Good):
    """Question and context as one text."""

    def spoil(self, found: Features, examples: Examples, spec: BackboneSpec) -> Features:
        return replace(found, type_ids=np.zeros_like(found.type_ids))


class AlwaysTypes(Good):
    """Type ids by the place, also for backbones that take none."""

    def spoil(self, found: Features, examples: Examples, spec: BackboneSpec) -> Features:
        return replace(found, type_ids=(found.char_start >= 0).astype(np.int8))


class Doubled(Good):
    """Every window with its neighbour once more."""

    def spoil(self, found: Features, examples: Examples, spec: BackboneSpec) -> Features:
        return found.take(np.repeat(np.arange(len(found)), 2))


class ByState(Good):
    """Drops ids by the global generator, which it leaves as it was."""

    def spoil(self, found: Features, examples: Examples, spec: BackboneSpec) -> Features:
        before = np.random.get_state()
        drawn = np.random.randint(0, 1 << 30, len(found.input_ids)).astype(np.int32)
        np.random.set_state(before)
        return replace(found, input_ids=drawn)


class Shifted(Good):
    """Counts examples from 1."""

    def spoil(self, found: Features, examples: Examples, spec: BackboneSpec) -> Features:
        return replace(found, example_index=found.example_index + np.int32(1))


class Truncated(Good):
    """Keeps the first window of each example only, as a naive tokenizer call does."""

    def spoil(self, found: Features, examples: Examples, spec: BackboneSpec) -> Features:
        return found.take(np.flatnonzero(np.diff(found.example_index, prepend=-1)))


class Unknown(Good):
    """Token ids of something else."""

    def spoil(self, found: Features, examples: Examples, spec: BackboneSpec) -> Features:
        return replace(found, input_ids=np.where(found.char_start >= 0, 7, found.input_ids).astype(np.int32))


class ClsFirst(Good):
    """Takes the first token for the null position, always."""

    def spoil(self, found: Features, examples: Examples, spec: BackboneSpec) -> Features:
        return replace(found, null_index=np.zeros_like(found.null_index))


class OffByOne(Good):
    """End targets one token too far."""

    def spoil(self, found: Features, examples: Examples, spec: BackboneSpec) -> Features:
        if found.end_target is None:
            return found
        end = np.where(found.end_target == found.null_index, found.end_target, found.end_target + 1)
        return replace(found, end_target=end.astype(np.int32))


class NoLabels(Good):
    """Every window without an answer."""

    def spoil(self, found: Features, examples: Examples, spec: BackboneSpec) -> Features:
        if found.start_target is None:
            return found
        return replace(found, start_target=found.null_index, end_target=found.null_index)


class Unasked(Good):
    """The question's tokens are masked."""

    def spoil(self, found: Features, examples: Examples, spec: BackboneSpec) -> Features:
        null = np.zeros(len(found.input_ids), np.bool_)
        null[found.token_offsets[:-1] + found.null_index] = True
        keep = (found.char_start >= 0) | null
        return replace(found, input_ids=np.where(keep, found.input_ids, 1).astype(np.int32))


class NeedsGold(Good):
    """Asks for gold in a prediction."""

    def spoil(self, found: Features, examples: Examples, spec: BackboneSpec) -> Features:
        assert examples.has_answer is not None
        return found


class Batched(Good):
    """Type ids that depend on how many examples there are."""

    def spoil(self, found: Features, examples: Examples, spec: BackboneSpec) -> Features:
        return replace(found, type_ids=np.full_like(found.type_ids, len(examples) > 1))


class Random(Good):
    """Drops ids at random, without a seed."""

    def spoil(self, found: Features, examples: Examples, spec: BackboneSpec) -> Features:
        return replace(found, type_ids=np.random.default_rng().integers(0, 2, len(found.type_ids)).astype(np.int8))


class Strips(Good):
    """Mends the questions it is given, in place."""

    def spoil(self, found: Features, examples: Examples, spec: BackboneSpec) -> Features:
        examples.question[0] += "?"  # type: ignore[index]
        return found


class OneSpan(Good):
    """The first span of each window twice, in place of all of them."""

    def spoil(self, found: Features, examples: Examples, spec: BackboneSpec) -> Features:
        if found.span_start is None or found.span_end is None:
            return found
        first = np.zeros(len(found.span_start), np.int64)
        return replace(found, span_start=found.span_start[first], span_end=found.span_end[first])


class Breaks(Good):
    """Loses a window in each part that it streams."""

    def stream(self, examples: Examples, tokenizer: Any, spec: BackboneSpec) -> Iterator[Features]:
        for part in super().stream(examples, tokenizer, spec):
            yield part.among(0, len(part) - 1)


OPTIONS = StrideOptions
BROKEN = {
    TooLong: "windows-fit",
    WholeWindows: "windows-fit",
    OneType: "type-ids-are-right",
    AlwaysTypes: "type-ids-are-right",
    Doubled: "windows-are-different",
    ByState: "is-deterministic",
    Shifted: "windows-fit",
    Truncated: "windows-cover-the-context",
    Unknown: "tokens-make-a-round-trip",
    ClsFirst: "null-index-is-right",
    OffByOne: "labels-give-the-answers",
    NoLabels: "labels-give-the-answers",
    Unasked: "windows-hold-the-question",
    NeedsGold: "gold-is-not-needed",
    Batched: "examples-do-not-touch-each-other",
    Random: "is-deterministic",
    Strips: "is-deterministic",
    OneSpan: "windows-have-all-spans",
    Breaks: "streams-the-same-windows",
}
