"""What lets a GPU never wait: work done ahead in another thread, and losses that stay on the device until read."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor

from qatk.api import TrainingDiverged
from qatk.types import Int64

Item = TypeVar("Item")
Result = TypeVar("Result")
DEPTH = 3
"""How many results are prepared before they are asked for."""


def prepared(items: Iterable[Item], work: Callable[[Item], Result], *, threaded: bool) -> Iterator[tuple[Item, Result]]:
    """Each item with what ``work`` makes of it, in order; ``threaded``: a few ahead, in a thread of their own.

    What ``work`` raises is raised here, in its turn; the thread ends with the iterator.
    """
    if not threaded:
        yield from ((item, work(item)) for item in items)
        return
    pool, pending = ThreadPoolExecutor(1, "qatk-batches"), deque[tuple[Item, Future[Result]]]()
    try:
        for item in items:
            pending.append((item, pool.submit(work, item)))
            if len(pending) > DEPTH:
                first, future = pending.popleft()
                yield first, future.result()
        for first, future in pending:
            yield first, future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class Guard:
    """Losses of steps, and whether training is still sound, without a look at them that waits for the device.

    Attributes:
        stopped: float32, on the device: 1 from the first step on whose loss or gradient norm is not finite. A fused
            optimizer that has it as ``found_inf`` leaves the weights as they were before that step.

    Args:
        device: where losses are.
        step: optimizer steps taken so far.
        norms: whether a norm that is not finite counts; a gradient scaler sees to it itself.
    """

    def __init__(self, device: torch.device, step: int, *, norms: bool) -> None:
        self.stopped = torch.zeros((), device=device)
        self._step, self._norms = step, norms
        self._kept: list[Tensor] = []
        self._windows: list[Int64] = []

    def add(self, loss: Tensor, norm: Tensor, windows: Int64) -> None:
        """Take a step's mean loss over these windows and its gradient norm, scalars."""
        norm = norm if self._norms else torch.zeros_like(loss)
        both = torch.stack([loss.detach().float(), norm.detach().float()])
        self.stopped = torch.maximum(self.stopped, 1 - torch.isfinite(both).all().float())
        self._kept.append(both)
        self._windows.append(windows)

    def read(self) -> list[tuple[float, int]]:
        """The losses since the last call with their windows, which waits for the device.

        Raises:
            TrainingDiverged: with the first step that was not sound.
        """
        kept, windows, self._kept, self._windows = self._kept, self._windows, [], []
        losses = []
        for (loss, norm), rows in zip(torch.stack(kept).tolist() if kept else [], windows, strict=True):
            self._step += 1
            if not math.isfinite(loss):
                raise TrainingDiverged(self._step, loss, windows=rows.tolist())
            if not math.isfinite(norm):
                raise TrainingDiverged(self._step, norm, "norm of the gradients", rows.tolist())
            losses.append((loss, len(rows)))
        return losses
