"""The ``torch`` trainer: a loop that reads from top to bottom, on accelerate."""

from __future__ import annotations

import math
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from accelerate.utils import set_seed

from qatk.api import Backbone, Features, Head, SpanScores, TrainEvent, TrainingDiverged, advance
from qatk.errors import QatkWarning
from qatk.spool import release, zeros
from qatk.types import Float32, Int64, ragged_rows
from qatk_builtin.torch_trainer import TorchOptions
from qatk_builtin.torch_trainer.batches import make_batch, prediction_batches, shares, training_batches
from qatk_builtin.torch_trainer.checkpoint import load_model, load_training, save_model, save_training
from qatk_builtin.torch_trainer.dev import dev_metrics
from qatk_builtin.torch_trainer.device import Engine
from qatk_builtin.torch_trainer.model import QAModel

STRETCH = 1 << 13
"""Windows of a prediction among which those of like length are put together; mapped columns are read and written in
one place at a time, and their memory is given back after each stretch."""


class TorchTrainer:
    """AdamW with linear warm-up and decay, clipping, mixed precision, batches of like length, several processes.

    Several processes (``accelerate launch``, ``torchrun``) each run everything; they share the windows of each step
    and of each prediction, and all end with the same weights and scores.
    """

    def __init__(self, options: TorchOptions) -> None:
        self.options = options
        self._training: dict[str, Any] | None = None

    @cached_property
    def engine(self) -> Engine:
        """Device, precision and the other processes."""
        return Engine(self.options)

    def assemble(self, backbone: Backbone, head: Head, *, seed: int) -> QAModel:
        """The model with the checkpoint's weights; the head's too, where head and checkpoint fit."""
        set_seed(seed)
        spec = backbone.spec()
        encoder = backbone.encoder()
        module: Any = head.build(spec)
        if state := backbone.head_state():
            load = getattr(module, "load_checkpoint", None)
            if load is None or not load(state):
                what = f"{type(module).__name__} cannot take over the head of {spec.name} ({', '.join(state)})"
                warnings.warn(f"{what}: it starts untrained", QatkWarning, stacklevel=2)
        return QAModel(encoder, module, backbone.tokenizer(), spec).to(self.engine.device)

    def describe(self, model: QAModel) -> dict[str, Any]:
        """Device, precision and size, for the manifest."""
        return {
            "device": self.engine.name,
            "precision": self.engine.precision,
            "processes": self.engine.accelerator.num_processes,
            "threads": torch.get_num_threads(),
            "parameters": sum(p.numel() for p in model.parameters()),
        }

    def fit(
        self, model: QAModel, train: Features, dev: Features | None, *, seed: int, resume: Path | None = None
    ) -> Iterator[TrainEvent]:
        """Train in place; see :class:`qatk.api.Trainer`.

        What an epoch draws at random depends on ``seed``, the epoch and the process alone, so training that resumes
        at an epoch's end gives the same weights, bit for bit, as training that never stopped.
        """
        o, engine = self.options, self.engine
        per_epoch = math.ceil(len(train) / o.batch_size)
        total = min(math.ceil(o.epochs * per_epoch - 1e-9), o.max_steps or sys.maxsize)
        fused = engine.device.type in ("cpu", "cuda")
        optimizer = torch.optim.AdamW(model.parameter_groups(o.weight_decay), lr=o.learning_rate, fused=fused)
        scaler = engine.scaler()
        step = 0 if resume is None else _resume(model, optimizer, scaler, resume)
        network = engine.accelerator.prepare_model(model, device_placement=False)
        meters = {"step": _Meter(), "epoch": _Meter()}

        def event(kind: Literal["step", "epoch"], scores: SpanScores | None = None) -> TrainEvent:
            loss, speed = meters[kind].read()
            metrics = {} if dev is None or scores is None else dev_metrics(dev, scores)
            return TrainEvent(kind, step, total, step / per_epoch, loss, rate, speed, metrics, scores)

        while step < total:
            epoch, done = divmod(step, per_epoch)
            set_seed(_mix(seed, epoch, engine.accelerator.process_index))
            model.train()
            for rows in training_batches(train.lengths, o.batch_size, seed, epoch)[done : done + total - step]:
                began = time.perf_counter()
                rate = o.learning_rate * rate_factor(step, round(o.warmup * total), total)
                for group in optimizer.param_groups:
                    group["lr"] = rate
                loss = self._backward(network, model, train, rows, scaler)
                if not math.isfinite(loss):
                    raise TrainingDiverged(step + 1, loss)
                scaler.unscale_(optimizer)
                norm = torch.nn.utils.clip_grad_norm_(model.parameters(), o.max_grad_norm)
                if not scaler.is_enabled() and not math.isfinite(norm):
                    raise TrainingDiverged(step + 1, float(norm), "norm of the gradients")
                scaler.step(optimizer)
                scaler.update()
                optimizer.zero_grad(set_to_none=True)
                step += 1
                for meter in meters.values():
                    meter.add(loss, len(rows), time.perf_counter() - began)
                advance("training", step, total)
                if step % o.log_every == 0:
                    yield event("step")
            self._training = {"optimizer": optimizer, "scaler": scaler, "step": step}
            yield event("epoch", None if dev is None else self.predict(model, dev))
        self._training = None
        engine.accelerator.free_memory()  # it keeps every model it ever prepared

    def _backward(self, network: Any, model: QAModel, train: Features, rows: Int64, scaler: Any) -> float:
        """Leave the gradients of a step's windows in the parameters; the mean loss over them."""
        engine, accelerator = self.engine, self.engine.accelerator
        parts = shares(rows, accelerator.process_index, accelerator.num_processes, self.options.gradient_accumulation)
        total = torch.zeros((), device=engine.device)
        for index, (part, weight) in enumerate(parts):
            batch = make_batch(train, part, model.spec, engine.device)
            last = index == len(parts) - 1
            with nullcontext() if last else accelerator.no_sync(network):
                with engine.autocast():
                    output = network(batch)
                loss = model.loss(output, batch) * weight
                scaler.scale(loss * accelerator.num_processes).backward()  # gradients are averaged over processes
            total += loss.detach()
        return float(engine.sum(total))

    @torch.inference_mode()
    def predict(self, model: QAModel, features: Features) -> SpanScores:
        """Scores of every window, in the order of the windows; see :class:`qatk.api.Trainer`."""
        engine, accelerator = self.engine, self.engine.accelerator
        model.eval()
        tokens = len(features.input_ids)
        start, end, null = zeros(tokens, np.float32), zeros(tokens, np.float32), zeros(len(features), np.float32)
        budget = self.options.batch_tokens or (2048 if engine.device.type == "cpu" else 32768)
        for first in range(0, len(features), STRETCH):
            lengths = np.diff(features.token_offsets[first : first + STRETCH + 1])
            batches = prediction_batches(lengths, budget)[accelerator.process_index :: accelerator.num_processes]
            done = first
            for rows in (first + rows for rows in batches):
                batch = make_batch(features, rows, model.spec, engine.device)
                with engine.autocast():
                    output = model(batch)
                places = ragged_rows(features.token_offsets, rows)[0]
                start[places] = output.start[batch.token_mask].float().cpu().numpy()
                end[places] = output.end[batch.token_mask].float().cpu().numpy()
                null[rows] = output.null.float().cpu().numpy()
                done = min(done + len(rows) * accelerator.num_processes, len(features))
                advance("predicting", done, len(features))
            features.release()
            release(start, end)
        return SpanScores(start=self._gather(start), end=self._gather(end), null=self._gather(null))

    def _gather(self, scores: Float32) -> Float32:
        """All processes' scores: each has zeros where another process computed."""
        if self.engine.accelerator.num_processes == 1:
            return scores
        found: Float32 = self.engine.sum(torch.from_numpy(scores).to(self.engine.device)).cpu().numpy()
        return found

    def save(self, model: QAModel, folder: Path, *, state: bool) -> None:
        """Write the model; with ``state``, right after an ``"epoch"`` event, also what :meth:`fit` resumes from.

        Every process writes, each into the folder it is given. Raises :class:`StorageError`.
        """
        save_model(model, folder)
        if not state:
            return
        if self._training is None:
            raise RuntimeError("there is a state to save only right after an 'epoch' event of fit")
        kept = {name: self._training[name].state_dict() for name in ("optimizer", "scaler")}
        save_training(folder, {**kept, "step": self._training["step"]})

    def load(self, model: QAModel, folder: Path) -> None:
        """Take over the weights that :meth:`save` wrote. Raises :class:`ModelError` where they do not fit."""
        load_model(model, folder)


def rate_factor(step: int, warmup: int, total: int) -> float:
    """Share of the peak learning rate at a step (from 0): up over ``warmup`` steps, then down; never 0."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return (total - step) / (total - warmup)


def _mix(*numbers: int) -> int:
    """One seed out of several numbers, for all generators."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def _resume(model: QAModel, optimizer: Any, scaler: Any, folder: Path) -> int:
    """Put back what :meth:`TorchTrainer.save` wrote; the steps that were done."""
    load_model(model, folder)
    state = load_training(folder)
    optimizer.load_state_dict(state["optimizer"])
    scaler.load_state_dict(state["scaler"])
    return int(state["step"])


class _Meter:
    """Mean loss and windows a second since the last reading."""

    def __init__(self) -> None:
        self.loss, self.windows, self.seconds = 0.0, 0, 0.0

    def add(self, loss: float, windows: int, seconds: float) -> None:
        self.loss += loss * windows
        self.windows += windows
        self.seconds += seconds

    def read(self) -> tuple[float, float]:
        found = self.loss / max(1, self.windows), self.windows / max(1e-9, self.seconds)
        self.__init__()  # type: ignore[misc]
        return found
