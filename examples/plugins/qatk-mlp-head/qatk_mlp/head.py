"""The ``mlp`` head. Only this module imports torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from qatk.api import BackboneSpec, Batch, SpanLogits
from qatk_mlp import MlpOptions


class Mlp:
    """Start and end scores for every context token and for the null position."""

    def __init__(self, options: MlpOptions) -> None:
        self.options = options

    def build(self, spec: BackboneSpec) -> MlpModule:
        """A new module for states of ``spec.hidden_size``."""
        return MlpModule(spec.hidden_size, self.options)


class MlpModule(nn.Module):
    """See :class:`Mlp`."""

    def __init__(self, hidden_size: int, options: MlpOptions) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(hidden_size, options.width), nn.GELU(), nn.Dropout(options.dropout), nn.Linear(options.width, 2)
        )

    def forward(self, states: Tensor, batch: Batch) -> SpanLogits:
        """Score states [B, L, H]; "no answer" is a span of the null position alone."""
        start, end = self.layers(states).float().unbind(-1)
        null = batch.null_index[:, None]
        hidden = (~batch.context_mask).scatter(1, null, False)
        return SpanLogits(
            start=start.masked_fill(hidden, -torch.inf),
            end=end.masked_fill(hidden, -torch.inf),
            null=(start.gather(1, null) + end.gather(1, null)).squeeze(1),
        )

    def loss(self, output: SpanLogits, batch: Batch) -> Tensor:
        """Mean of the cross entropies of start and end."""
        start, end, _ = batch.targets()
        return (cross_entropy(output.start, start) + cross_entropy(output.end, end)) / 2
