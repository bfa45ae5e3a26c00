"""Texts of answers as slices of their contexts, and predictions put together out of parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from qatk.types.arrays import Int32, Int64
from qatk.types.examples import Examples
from qatk.types.mapped import Spool, TextColumn
from qatk.types.predictions import NBest, Predictions, Spans
from qatk.types.ragged import offsets_of, owners_at, ragged_range

CHUNK = 4096
"""Examples whose texts are made together."""


class Slices(TextColumn):
    """Slices of the contexts of examples, made when they are asked for: a million n-best lists need no strings.

    Args:
        examples: n examples.
        offsets: int64[n + 1] into the slices; ``None`` where each example has one.
        char_start, char_end: int32[k], end exclusive; of each slice in its example's context.
    """

    def __init__(self, examples: Examples, offsets: Int64 | None, char_start: Int32, char_end: Int32) -> None:
        self._contexts, self._context_index = examples.context, examples.context_index
        self._offsets, self._start, self._end = offsets, char_start, char_end

    def __len__(self) -> int:
        return len(self._start)

    def at(self, index: int) -> str:
        """The slice at an index from 0 on."""
        example = index if self._offsets is None else int(owners_at(self._offsets, index))
        context = self._contexts[int(self._context_index[example])]
        return context[self._start[index] : self._end[index]]

    def __iter__(self) -> Iterator[str]:
        for low in range(0, len(self._context_index), CHUNK):
            context, among = self._context_index[low : low + CHUNK], slice(low, low + CHUNK)
            if self._offsets is not None:
                among, offsets = ragged_range(self._offsets, low, low + CHUNK)
                context = np.repeat(context, np.diff(offsets))
            ranges = zip(context.tolist(), self._start[among].tolist(), self._end[among].tolist(), strict=True)
            yield from [self._contexts[index][start:end] for index, start, end in ranges]


def join_predictions(examples: Examples, parts: Sequence[Predictions]) -> Predictions:
    """The predictions of all parts, in order; texts are cut out of the contexts when they are asked for.

    Args:
        examples: all n of them, in the order of the parts.
        parts: predictions of consecutive examples, with n-best lists if all have them.
    """
    if len(parts) == 1:
        return parts[0]
    numbers = _columns(parts, ("char_start", "char_end", "score", "null_score"))
    text = Slices(examples, None, numbers["char_start"], numbers["char_end"])
    nbest = several = None
    if all(part.nbest is not None for part in parts):
        found = [part.nbest for part in parts if part.nbest is not None]
        offsets = offsets_of(np.concatenate([np.diff(best.offsets) for best in found]))
        columns = _columns(found, ("char_start", "char_end", "score", "probability"))
        nbest = NBest(offsets, Slices(examples, offsets, columns["char_start"], columns["char_end"]), **columns)
    if any(part.several is not None for part in parts):
        each = [part.several or _none(len(part)) for part in parts]
        offsets = offsets_of(np.concatenate([np.diff(spans.offsets) for spans in each]))
        texts = [text for spans in each for text in spans.text]
        several = Spans(offsets, texts, **_columns(each, ("char_start", "char_end", "score")))
    return Predictions(text, nbest=nbest, several=several, **numbers)


def _columns(parts: Sequence[object], names: Sequence[str]) -> dict[str, Any]:
    """Columns of these names, of all parts together; mapped where they are many."""
    columns = {name: Spool[Any](getattr(parts[0], name).dtype.type) for name in names}
    for part in parts:
        for name, column in columns.items():
            column.append(getattr(part, name))
    return {name: column.column() for name, column in columns.items()}


def _none(rows: int) -> Spans:
    nothing = np.zeros(0, np.int32)
    return Spans(np.zeros(rows + 1, np.int64), [], nothing, nothing, np.zeros(0, np.float32))
