"""Which windows go together, and how they are padded into a :class:`qatk.api.Batch`."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from qatk.api import BackboneSpec, Batch, Features
from qatk.types import Int64, pad_windows, ragged, ragged_rows
from qatk_builtin.trainers.pytorch.packing import PackedBatch

POOL = 50
"""Training batches among which windows are sorted by length: enough for little padding, few enough to stay random."""


def training_batches(lengths: Int64, batch_size: int, seed: int, epoch: int) -> list[Int64]:
    """An epoch's batches: every window once, windows of like length together, ``batch_size`` in all but one.

    The windows are shuffled, sorted by length inside pools of ``POOL`` batches, and the batches shuffled again;
    the order depends on ``seed`` and ``epoch`` alone.
    """
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(lengths))
    pool = POOL * batch_size
    pools = [order[i : i + pool] for i in range(0, len(order), pool)]
    ordered = np.concatenate([p[np.argsort(lengths[p], kind="stable")] for p in pools])
    batches = [ordered[i : i + batch_size] for i in range(0, len(ordered), batch_size)]
    return [batches[i] for i in rng.permutation(len(batches))]


def make_batch(
    features: Features, rows: Int64, spec: BackboneSpec, device: torch.device, *, packing: bool = False
) -> Batch:
    """Pad some windows to the longest of them, on the side that the tokenizer pads.

    With ``packing`` the batch also says where its tokens lie: a :class:`PackedBatch`. A GPU gets it from pinned memory,
    without waiting.
    """
    windows = pad_windows(features, rows, left=spec.padding_side == "left", least=1, most=spec.max_length)

    def send(values: NDArray[np.generic]) -> torch.Tensor:
        tensor = torch.from_numpy(values)
        return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)

    def spans() -> torch.Tensor | None:
        if features.span_offsets is None or features.span_start is None or features.span_end is None:
            return None
        among, begins = ragged_rows(features.span_offsets, rows)
        row = ragged.owners(begins)
        shift = windows.shift[row]
        return send(np.stack([row, features.span_start[among] + shift, features.span_end[among] + shift], axis=1))

    columns = windows.inputs(features, pad_id=spec.pad_id, has_type_ids=spec.has_type_ids)
    inputs = {name: send(column) for name, column in columns.items()}
    batch = Batch(
        context_mask=inputs.pop("context_mask"),
        null_index=inputs.pop("null_index"),
        inputs=inputs,
        token_mask=send(windows.token_mask),
        start_target=None if (starts := features.start_target) is None else send(windows.place(starts)),
        end_target=None if (ends := features.end_target) is None else send(windows.place(ends)),
        span_target=spans(),
    )
    if not packing:
        return batch
    return PackedBatch(
        **vars(batch),
        places=send(np.flatnonzero(windows.token_mask)),
        positions=send(ragged.positions(windows.offsets)),
        offsets=send(windows.offsets.astype(np.int32)),
        longest=int(np.diff(windows.offsets).max()),
    )


def shift_of(batch: Batch) -> torch.Tensor:
    """int64[B]: the columns of padding on the left of each window."""
    return batch.token_mask.int().argmax(1)  # the first that is a token


def probe_batch(tokens: int, spec: BackboneSpec, device: torch.device) -> PackedBatch:
    """Three windows of different lengths, of a vocabulary of so many tokens: packing must give what padding does."""
    lengths = [min(length, spec.max_length) for length in (5, 11, 8)]
    zeros = np.zeros(sum(lengths), np.int32)
    ids = np.arange(sum(lengths), dtype=np.int32) * 37 % tokens
    ids[ids == spec.pad_id] = spec.null_id
    windows = Features(
        example_index=np.arange(3, dtype=np.int32),
        token_offsets=np.cumsum([0, *lengths]),
        input_ids=ids,
        type_ids=zeros.astype(np.int8),
        char_start=zeros,
        char_end=zeros,
        null_index=np.zeros(3, np.int32),
    )
    batch = make_batch(windows, np.arange(3), spec, device, packing=True)
    assert isinstance(batch, PackedBatch)
    return batch


def shares(rows: Int64, process: int, processes: int, parts: int) -> list[tuple[Int64, float]]:
    """The parts of a step's windows that one process computes, each with its share of the step's windows.

    All processes have as many. Where nothing is left for one, it is a window of share 0: each must take part in every
    exchange of gradients, and of weights that are cut.
    """
    # Every n-th: processes get windows of like lengths, the first one of the most.
    number = min(parts, len(rows[::processes]))
    split = np.array_split(rows[process::processes], number)
    return [(part, len(part) / len(rows)) if len(part) else (rows[:1], 0.0) for part in split]
