"""What is done where the device's memory is too small: work is split, or an error says what else helps."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size

from qatk.api import Batch, QatkError, QatkWarning
from qatk.types import Int64

Output = TypeVar("Output")
_LESS = "gradient_checkpointing: true, a smaller max_length of the featurizer, or a smaller backbone"


def is_too_small(error: RuntimeError) -> bool:
    """Whether an error says that the device's memory does not suffice."""
    return bool(should_reduce_batch_size(error))


def give_back() -> None:
    """Free what no tensor uses, and give it back to the device."""
    clear_device_cache(garbage_collection=True)


def for_one_window(step: int) -> QatkError:
    """The error of a training that no split helps."""
    return QatkError(f"memory is too small for one window of step {step}", fix=f"use {_LESS}")


def for_one_of_several(step: int, rank: int, parts: int) -> QatkError:
    """The error of one of several processes in the middle of a step, where the others cannot split with it."""
    what = f"memory is too small for a batch of step {step} on rank {rank}"
    fix = f"use gradient_accumulation: {2 * parts}, by which batch_size stays, in a new run; or {_LESS}"
    return QatkError(what, fix=fix)


def in_halves(
    forward: Callable[[Batch], Output], make: Callable[[Int64], Batch], rows: Int64, batch: Batch
) -> Iterator[tuple[Int64, Batch, Output]]:
    """The output of a batch of these windows; where memory is too small, those of its halves, each with its windows.

    Raises:
        QatkError: it is too small for one window.
    """
    try:
        output = forward(batch)
    except RuntimeError as error:
        if not is_too_small(error):
            raise
        if len(rows) == 1:
            what = f"memory is too small to predict a window of {batch.token_mask.shape[1]} tokens"
            raise QatkError(what, fix="use a smaller max_length of the featurizer, or a smaller backbone") from error
    else:
        yield rows, batch, output
        return
    # Here the error, and with it the activations that its traceback holds, is gone.
    give_back()
    what = "memory is too small for some batches of a prediction: they are halved; a smaller trainer.batch_tokens"
    warnings.warn(f"{what} saves their second try", QatkWarning, stacklevel=3)
    for half in np.array_split(rows, 2):
        yield from in_halves(forward, make, half, make(half))
