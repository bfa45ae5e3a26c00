"""Training and prediction as users run them today, written from its description: the yardstick for speed.

Windows are padded to the maximum length, batches are random, and the model of transformers computes its own loss in
float32. The sterner reference for training pads to the longest of each batch, and computes in bf16 by autocast.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import get_linear_schedule_with_warmup

from qatk.types import Features

LENGTH = 384
Inputs = dict[str, Tensor]


def collate(features: Features, rows: Sequence[int], pad_id: int, width: int | None = LENGTH) -> Inputs:
    """The windows ``rows`` as a padded batch with labels; ``width=None`` pads to the longest of them."""
    parts = [slice(features.token_offsets[row], features.token_offsets[row + 1]) for row in rows]
    width = width or max(part.stop - part.start for part in parts)
    batch = {name: torch.zeros(len(rows), width, dtype=torch.long) for name in ("attention_mask", "token_type_ids")}
    batch["input_ids"] = torch.full((len(rows), width), pad_id)
    for row, part in enumerate(parts):
        length = part.stop - part.start
        batch["input_ids"][row, :length] = torch.from_numpy(features.input_ids[part].astype(np.int64))
        batch["token_type_ids"][row, :length] = torch.from_numpy(features.type_ids[part].astype(np.int64))
        batch["attention_mask"][row, :length] = 1
    if features.start_target is not None and features.end_target is not None:
        batch["start_positions"] = torch.tensor([int(features.start_target[row]) for row in rows])
        batch["end_positions"] = torch.tensor([int(features.end_target[row]) for row in rows])
    return batch


def random_batches(windows: int, size: int, seed: int) -> Iterator[list[int]]:
    """Each window once."""
    order = np.random.default_rng(seed).permutation(windows).tolist()
    for begin in range(0, windows, size):
        yield order[begin : begin + size]


def train(
    model: nn.Module,
    features: Features,
    pad_id: int,
    *,
    rate: float,
    batch_size: int = 16,
    seed: int = 0,
    width: int | None = LENGTH,
    bf16: bool = False,
) -> list[float]:
    """An epoch of fused AdamW with clipping and a rate that falls to 0; the losses of its steps."""
    batches = list(random_batches(len(features), batch_size, seed))
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0, fused=True)
    schedule = get_linear_schedule_with_warmup(optimizer, 0, len(batches))
    model.train()
    losses = []
    for rows in batches:
        batch = collate(features, rows, pad_id, width)
        with torch.autocast("cpu", torch.bfloat16) if bf16 else nullcontext():
            loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses.append(loss.detach())
    return [float(loss) for loss in losses]


@torch.no_grad()
def predict(
    model: nn.Module, features: Features, pad_id: int, *, batch_size: int = 8, width: int = LENGTH
) -> tuple[Any, Any]:
    """Start and end scores, float32[F, width] each, in batches of Trainer's default size."""
    model.eval()
    starts, ends = [], []
    for begin in range(0, len(features), batch_size):
        rows = range(begin, min(begin + batch_size, len(features)))
        batch = collate(features, rows, pad_id, width)
        output = model(**{name: batch[name] for name in ("input_ids", "attention_mask", "token_type_ids")})
        starts.append(output.start_logits.numpy())
        ends.append(output.end_logits.numpy())
    return np.concatenate(starts), np.concatenate(ends)
