"""All spans of a window that are right: the annotated answers, and wherever else the text of one stands."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from qatk.api import Batch, Examples, Features
from qatk.display import places_of
from qatk.types import Int32, Int64, ragged, ragged_rows
from qatk_builtin.trainers.pytorch.batches import shift_of


class GoldSpans:
    """The right spans of all training windows, as positions in the window.

    A window without an answer has its null token as its only span; another always has its target.
    """

    def __init__(self, examples: Examples, windows: Features) -> None:
        assert windows.start_target is not None
        assert windows.end_target is not None
        targets = zip(windows.start_target.tolist(), windows.end_target.tolist(), strict=True)
        places: dict[int, list[tuple[int, int]]] = {}
        found: list[list[tuple[int, int]]] = []
        for row, (example, null, target) in enumerate(
            zip(windows.example_index.tolist(), windows.null_index.tolist(), targets, strict=True)
        ):
            spans = {target}
            if target[0] != null:
                if example not in places:
                    places[example] = sorted(set(right_places(examples, example)))
                spans |= set(_tokens_of(windows, row, places[example]))
            found.append(sorted(spans))
        self._offsets: Int64 = ragged.offsets_of(np.array([len(spans) for spans in found], np.int64))
        self._spans: Int32 = np.array([span for spans in found for span in spans], np.int32).reshape(-1, 2)

    def of(self, rows: Int64, batch: Batch) -> Tensor:
        """int64[S, 3]: the window, first and last token of the spans of some windows, as positions in their batch."""
        among, begins = ragged_rows(self._offsets, rows)
        owner = torch.from_numpy(ragged.owners(begins))
        spans = torch.from_numpy(self._spans[among].astype(np.int64))
        owner, spans = owner.to(batch.token_mask.device), spans.to(batch.token_mask.device)
        return torch.cat([owner[:, None], spans + shift_of(batch)[owner][:, None]], 1)


def right_places(examples: Examples, row: int) -> Iterator[tuple[int, int]]:
    """First character and end of each annotated answer of a question, and of its text elsewhere, as whole words."""
    context = examples.context_of(row)
    for span in examples.spans_of_answer(row):
        for answer in span:
            if answer.start >= 0:
                yield answer.start, answer.start + len(answer.text)
            if answer.text.strip():
                yield from places_of(answer.text, context)


def _tokens_of(windows: Features, row: int, places: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The tokens of the places that lie wholly in a window."""
    begin, stop = windows.token_offsets[row : row + 2]
    first, last = windows.char_start[begin:stop], windows.char_end[begin:stop]
    inside = np.flatnonzero(first >= 0)
    if not len(inside):
        return
    first, last = first[inside], last[inside]
    for low, high in places:
        start, end = int(np.searchsorted(last, low, "right")), int(np.searchsorted(first, high, "left")) - 1
        if first[0] <= low and high <= last[-1] and start <= end:
            yield int(inside[start]), int(inside[end])
