"""A small model that scores windows, for exporters and runtimes. Imports torch: only their checks load this."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from qatk.plugins.model_types import BackboneSpec, Batch, SpanLogits
from qatk.types import Features, Int64, SpanScores, pad_windows

SPEC = BackboneSpec("testing", 8, 128, "right", pad_id=0, null_id=2, has_type_ids=True)
"""What its windows look like."""
LENGTHS = (14, 40, 20, 9, 33, 90)
"""Tokens of the six windows."""


class Small(nn.Module):
    """Scores tokens by a table of their ids, made the same each time."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        with torch.random.fork_rng(devices=[]):
            self.table, self.layer = nn.Embedding(100, 8), nn.Linear(8, 2)
        with torch.no_grad():
            self.table.weight.copy_(torch.randn(100, 8, generator=generator))
            self.layer.weight.copy_(torch.randn(2, 8, generator=generator))
            self.layer.bias.zero_()

    def forward(self, batch: Batch) -> SpanLogits:
        """Start and end scores of the context's tokens; "no answer" is the span of the null position."""
        states = self.table(batch.inputs["input_ids"]) + batch.inputs["token_type_ids"][..., None]
        start, end = self.layer(states).unbind(-1)
        null = batch.null_index[:, None]
        hidden = ~(batch.context_mask | (torch.arange(start.shape[1]) == null))
        both: Tensor = (start.gather(1, null) + end.gather(1, null)).squeeze(1)
        return SpanLogits(start.masked_fill(hidden, -torch.inf), end.masked_fill(hidden, -torch.inf), both)


def small_features() -> Features:
    """Six windows of six examples: ``[CLS] question [SEP] context [SEP]``."""
    tokens = sum(LENGTHS)
    place = np.concatenate([np.arange(length) for length in LENGTHS]).astype(np.int32)
    length = np.repeat(LENGTHS, LENGTHS)
    context = (place >= 5) & (place < length - 1)
    return Features(
        example_index=np.arange(len(LENGTHS), dtype=np.int32),
        token_offsets=np.cumsum([0, *LENGTHS]),
        input_ids=np.random.default_rng(1).integers(3, 100, tokens).astype(np.int32),
        type_ids=(place >= 5).astype(np.int8),
        char_start=np.where(context, place, -1).astype(np.int32),
        char_end=np.where(context, place + 1, -1).astype(np.int32),
        null_index=np.zeros(len(LENGTHS), np.int32),
    )


@torch.inference_mode()
def scores_of(module: nn.Module, features: Features) -> SpanScores:
    """What a module gives for windows, one by one."""
    null = np.zeros(len(features), np.float32)
    start, end = (np.zeros(len(features.input_ids), np.float32) for _ in range(2))
    for row in range(len(features)):
        rows: Int64 = np.array([row])
        windows = pad_windows(features, rows, left=False)
        columns = windows.inputs(features, pad_id=SPEC.pad_id, has_type_ids=SPEC.has_type_ids)
        inputs = {name: torch.from_numpy(column) for name, column in columns.items()}
        mask = torch.from_numpy(windows.token_mask)
        found = module(Batch(inputs, inputs.pop("context_mask"), mask, inputs.pop("null_index")))
        null[row] = float(found.null[0])
        start[windows.positions] = found.start[mask].numpy()
        end[windows.positions] = found.end[mask].numpy()
    return SpanScores(null, start, end)
