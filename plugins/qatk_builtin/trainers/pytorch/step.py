"""One optimizer step: gradients, clipping, the update, and whether all of it was sound."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from qatk.api import Batch, Features, QatkWarning, TrainingDiverged
from qatk.types import Int64
from qatk_builtin.trainers.pytorch.batches import make_batch, shares
from qatk_builtin.trainers.pytorch.computing import scores_of_a_layer
from qatk_builtin.trainers.pytorch.device import Engine
from qatk_builtin.trainers.pytorch.hooks import TrainingHooks
from qatk_builtin.trainers.pytorch.memory import for_one_of_several, for_one_window, give_back, is_too_small
from qatk_builtin.trainers.pytorch.optimizer import is_fused
from qatk_builtin.trainers.pytorch.prefetch import Guard
from qatk_builtin.trainers.pytorch.sharding import whole_tensor
from qatk_builtin.trainers.pytorch.state import TrainingState

_IN_A_ROW = 10
"""Batches that are skipped one after the other before a training ends: then the weights themselves are not sound."""
_GENTLER = "try a lower learning_rate, precision: fp32, or a smaller max_grad_norm"


class Parts(NamedTuple):
    """A process's batches of a step, each with its share of the step's windows, and the splits they were made for."""

    batches: Sequence[tuple[Batch, float]]
    splits: int


class Step:
    """Takes the steps of one training.

    Attributes:
        deferred: whether losses stay on the device until they are asked for. A step that is not sound must then leave
            the weights as they are without anybody looking, as fused optimizers can.

    Args:
        hooks: loss, and what else a trainer does at a step.
        engine: device, precision and the other processes.
        state: the model, its optimizer and its scaler.
        late: whether to defer losses where it can be done.
    """

    def __init__(self, hooks: TrainingHooks, engine: Engine, state: TrainingState, *, late: bool) -> None:
        self.hooks, self.engine, self.state = hooks, engine, state
        scaled = state.scaler.is_enabled()
        self.deferred = late and not scaled and is_fused(state.optimizer) and not hooks.options.skip_bad_batches
        self._guard = Guard(engine.device, state.step, norms=not scaled)
        self._skipped = 0
        self._network: nn.Module = state.model
        if engine.several and state.model.shards is None:
            self._network = engine.accelerator.prepare_model(state.model, device_placement=False)

    def parts(self, train: Features, rows: Int64) -> Parts:
        """This process's batches of a step's windows."""
        accelerator, model, splits = self.engine.accelerator, self.state.model, self.state.course.splits
        number = self.hooks.options.gradient_accumulation * splits
        split = shares(rows, accelerator.process_index, accelerator.num_processes, number)
        make = partial(make_batch, train, spec=model.spec, device=self.engine.device, packing=model.packing is not None)
        return Parts([(self.hooks.on_batch(make(part), part), weight) for part, weight in split], splits)

    def take(self, train: Features, rows: Int64, parts: Parts) -> list[tuple[float, int]]:
        """One step over these windows, in these parts; the losses to be had now, each with its windows.

        Parts that were made ahead, before memory was too small for those of another step, are made again.

        Raises:
            TrainingDiverged: as :meth:`Guard.read`; where batches that are not sound are skipped, at ten in a row.
        """
        model, optimizer, scaler = self.state.model, self.state.optimizer, self.state.scaler
        if parts.splits != self.state.course.splits:
            parts = self.parts(train, rows)
        loss = self._gradients_in_memory(train, rows, parts.batches)
        scaler.unscale_(optimizer)
        norm = whole_tensor(torch.nn.utils.clip_grad_norm_(model.parameters(), self.hooks.options.max_grad_norm))
        self._guard.add(loss, norm, rows)
        try:
            losses = [] if self.deferred else self._guard.read()
        except TrainingDiverged as error:
            if not self.hooks.options.skip_bad_batches:
                raise
            self._skip(error)
            return []
        self._skipped = 0
        if self.deferred:
            optimizer.found_inf = self._guard.stopped  # type: ignore[attr-defined]
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            self.hooks.on_step(model)
        self.state.step += 1
        return losses

    def _skip(self, error: TrainingDiverged) -> None:
        """Go on as if the batch had not been there; the schedule counts its step.

        Raises:
            TrainingDiverged: too many were skipped one after the other.
        """
        self._skipped += 1
        if self._skipped == _IN_A_ROW:
            error.fix = f"{_IN_A_ROW} batches in a row were not sound, which is no fault of theirs: {_GENTLER}"
            raise error
        self.state.scaler.update()
        self.state.optimizer.zero_grad(set_to_none=True)
        self.state.step += 1
        what = error.what.removesuffix("; that step was not taken")
        warnings.warn(f"{what}: its batch is skipped", QatkWarning, stacklevel=3)

    def rehearse(self, train: Features) -> None:
        """Split batches, alike in all of several processes, until the longest windows fit into the memory of each.

        In the middle of a step a process could not say so: the others wait for its gradients.

        Raises:
            QatkError: memory is too small for one window.
        """
        if not self.engine.several or self.state.model.shards is not None:
            return
        rows = np.argsort(train.lengths, kind="stable")[-self.hooks.options.batch_size :]
        self.state.model.train()
        while self.engine.any(not self._fits(self.parts(train, rows).batches)):
            self._split(train, rows)

    def _fits(self, parts: Sequence[tuple[Batch, float]]) -> bool:
        """Whether this process has memory for a step of these parts; leaves no gradients."""
        model, optimizer = self.state.model, self.state.optimizer
        trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
        try:
            # Stands for the moments of AdamW, which come with the first step.
            moments = torch.empty(0 if optimizer.state else 2 * trained, device=self.engine.device)
            self._backward(parts, exchange=False)
            del moments
        except RuntimeError as error:
            if not is_too_small(error):
                raise
            return False
        finally:
            optimizer.zero_grad(set_to_none=True)
        return True

    def _gradients_in_memory(self, train: Features, rows: Int64, parts: Sequence[tuple[Batch, float]]) -> Tensor:
        """:meth:`gradients`, in smaller parts if the device's memory is too small for these."""
        while True:
            try:
                return self.gradients(parts)
            except RuntimeError as error:
                if not is_too_small(error):
                    raise
                if self.engine.several:
                    number = self.hooks.options.gradient_accumulation * self.state.course.splits
                    rank = self.engine.accelerator.process_index
                    raise for_one_of_several(self.state.step + 1, rank, number) from error
            # Here the error, and with it the activations that its traceback holds, is gone.
            self.state.optimizer.zero_grad(set_to_none=True)
            parts = self._split(train, rows)

    def _split(self, train: Features, rows: Int64) -> Sequence[tuple[Batch, float]]:
        """Halve the parts of batches from here on; those of these windows. Raises :class:`QatkError` at one window."""
        engine, course, step = self.engine, self.state.course, self.state.step + 1
        number = self.hooks.options.gradient_accumulation * course.splits
        if number * engine.accelerator.num_processes >= len(rows):
            raise for_one_window(step)
        give_back()
        course.splits *= 2
        parts = self.parts(train, rows).batches
        what = f"memory is too small for a batch of step {step}: it goes on in parts of"
        largest = max(len(batch.null_index) for batch, _ in parts)
        warnings.warn(f"{what} {largest}, batch_size stays {len(rows)}", QatkWarning, stacklevel=4)
        return parts

    def read(self) -> list[tuple[float, int]]:
        """The losses that were deferred, each with its windows. Raises :class:`TrainingDiverged`."""
        return self._guard.read()

    def gradients(self, parts: Sequence[tuple[Batch, float]]) -> Tensor:
        """Leave the gradients of a step's windows in the parameters; the mean loss over them, on the device."""
        return self.engine.sum(self._backward(parts, exchange=True))

    def _backward(self, parts: Sequence[tuple[Batch, float]], *, exchange: bool) -> Tensor:
        """The gradients of this process's parts, or with ``exchange`` of all processes'; the loss of these parts."""
        engine, accelerator, model = self.engine, self.engine.accelerator, self.state.model
        total = torch.zeros((), device=engine.device)
        for index, (batch, weight) in enumerate(parts):
            last = exchange and index == len(parts) - 1
            # Gradients that wait for the last part would be whole.
            apart = nullcontext() if last or model.shards is not None else accelerator.no_sync(self._network)
            with apart, engine.attention(scores_of_a_layer(model.encoder, batch)):
                with engine.autocast():
                    output = self._network(batch)
                loss = self.hooks.loss(model, output, batch) * weight
                self.state.scaler.scale(loss * accelerator.num_processes).backward()  # averaged over processes
            total += loss.detach()
        return total
