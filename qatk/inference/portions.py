"""Predictions in portions: windows come, are scored and decoded as a stream, and only answers are kept.

What is held at once is a portion of windows with their scores, and those of a question that the portion has not ended.
Both are mapped to temporary files where they are large, so that memory does not grow with the number of windows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from qatk.errors import DataError
from qatk.exports.runtimes import OpenModel
from qatk.plugins.model_types import BackboneSpec
from qatk.plugins.protocols import Tokenizer
from qatk.recipes.compose import ModelParts
from qatk.types import Examples, FeatureColumns, Features, Predictions, SpanScores, join_predictions, join_scores

PORTION = 1 << 13
"""Windows scored together. As many as the built-in trainer sorts into batches, so that portions change no batch."""


def predict_in_portions(
    parts: ModelParts,
    opened: OpenModel,
    tokenizer: Tokenizer,
    spec: BackboneSpec,
    examples: Examples,
    size: int = PORTION,
) -> Predictions:
    """The answers to all examples, by ``size`` windows at a time.

    Raises:
        DataError: there is no window at all.
    """
    found, unfinished, begin = [], _Unfinished(), 0

    def decode(stop: int) -> Predictions:
        few = examples if stop - begin == len(examples) else examples.take(range(begin, stop))
        return parts.decoder.decode(few, *unfinished.taken(begin, stop))

    windows = parts.featurizer.stream(examples, tokenizer, spec)
    if parts.retriever is not None:
        windows = parts.retriever.stream(examples, windows)
    for portion in portions(windows, size):
        # What is before the first example of this portion has no more windows to come.
        if unfinished and (first := int(portion.example_index[0])) > begin:
            found.append(decode(first))
            begin = first
        unfinished.add(portion, opened.predict(portion))
    if not unfinished:
        raise DataError(f"there is no window for {len(examples)} questions", fix="ask about contexts with text")
    return join_predictions(examples, [*found, decode(len(examples))])


def portions(parts: Iterable[Features], size: int) -> Iterator[Features]:
    """The windows of all parts in portions of ``size``, without targets; the last has what is left."""
    columns, held = FeatureColumns(targets=False), 0
    for part in parts:
        begin = 0
        while begin < len(part):
            stop = min(len(part), begin + size - held)
            columns.append(part.among(begin, stop), 0)
            held += stop - begin
            begin = stop
            if held == size:
                yield columns.features()
                columns, held = FeatureColumns(targets=False), 0
    if held:
        yield columns.features()


class _Unfinished:
    """Scored windows of examples that may have more of them, in order."""

    def __init__(self) -> None:
        self._parts: list[tuple[Features, SpanScores]] = []

    def __bool__(self) -> bool:
        return bool(self._parts)

    def add(self, features: Features, scores: SpanScores) -> None:
        """Add the next windows."""
        self._parts.append((features, scores))

    def taken(self, begin: int, stop: int) -> tuple[Features, SpanScores]:
        """The windows of the examples from ``begin``, the first here, up to ``stop``, counted from it; they go."""
        features, scores = self._parts[-1]
        cut = int(np.searchsorted(features.example_index, stop))
        if cut == len(features) and len(self._parts) == 1 and not begin:
            self._parts = []
            return features, scores
        parts = [*self._parts[:-1], (features.among(0, cut), scores.among(features, 0, cut))]
        rest = features.among(cut, len(features)), scores.among(features, cut, len(features))
        self._parts = [rest] if cut < len(features) else []
        columns = FeatureColumns(targets=False)
        for part, _ in parts:
            columns.append(part, -begin)
        return columns.features(), join_scores(parts)
