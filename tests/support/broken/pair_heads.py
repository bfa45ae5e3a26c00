"""Heads that score whole spans, and break one promise each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from broken.heads import Spans, head
from qatk.plugins.model_types import Batch, PairLogits, SpanLogits


@dataclass(frozen=True, eq=False)
class Pairs(PairLogits):
    tokens: SpanLogits


class PairSpans(Spans):
    """The same scores, of the best eight spans."""

    def forward(self, states: Tensor, batch: Batch) -> Any:
        tokens = super().forward(states, batch)
        width = states.shape[1]
        inside = batch.context_mask[:, :, None] & batch.context_mask[:, None]
        table = tokens.start[:, :, None] + tokens.end[:, None]
        table = table.masked_fill(~inside.triu(), -torch.inf)
        score, place = table.flatten(1).topk(8)
        first, last = self.edges(place // width, place % width, batch)
        return Pairs(null=tokens.null, first=first, last=last, score=self.rated(score, first, width), tokens=tokens)

    def edges(self, first: Tensor, last: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        return first, last

    def rated(self, score: Tensor, first: Tensor, width: int) -> Tensor:
        return score

    def loss(self, output: Any, batch: Batch) -> Tensor:
        return super().loss(output.tokens, batch)


@head
class Good(PairSpans):
    """Right, and scores spans as a whole."""


@head
class Swapped(PairSpans):
    """Takes the last token for the first."""

    def edges(self, first: Tensor, last: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        return last, first


@head
class InWindow(PairSpans):
    """Counts positions from the window's first token, not in the padded batch."""

    def edges(self, first: Tensor, last: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        shift = batch.token_mask.int().argmax(1, keepdim=True)
        return first - shift, last - shift


@head
class Wide(PairSpans):
    """Span scores that depend on the place in the padded batch."""

    def rated(self, score: Tensor, first: Tensor, width: int) -> Tensor:
        return score + first / width


@head
class Noisy(PairSpans):
    """Span scores with noise."""

    def rated(self, score: Tensor, first: Tensor, width: int) -> Tensor:
        return score + torch.randn_like(score)


BROKEN = {
    Swapped: "spans-lie-in-the-context",
    InWindow: "spans-lie-in-the-context",
    Wide: "padding-width-has-no-influence",
    Noisy: "is-deterministic",
}
