"""The ``torch`` trainer: a loop that reads from top to bottom, on accelerate."""

from __future__ import annotations

import math
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from accelerate.utils import set_seed
from torch import Tensor

from qatk.api import Backbone, BackboneSpec, Batch, Features, Head, QatkWarning, SpanScores, TrainEvent, advance
from qatk.types import Int64
from qatk_builtin.trainers import TorchOptions
from qatk_builtin.trainers.pytorch.batches import make_batch, prediction_batches, shares, training_batches
from qatk_builtin.trainers.pytorch.checkpoint import (
    load_model,
    load_training,
    save_model,
    save_training,
    saved_form,
    take_over,
)
from qatk_builtin.trainers.pytorch.dev_metrics import dev_metrics
from qatk_builtin.trainers.pytorch.device import Engine
from qatk_builtin.trainers.pytorch.model import QAModel
from qatk_builtin.trainers.pytorch.packing import PackedBatch, find_packing, kernel_for
from qatk_builtin.trainers.pytorch.prefetch import Guard, prepared
from qatk_builtin.trainers.pytorch.scores import Collected

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

    @cached_property
    def reads_late(self) -> bool:
        """Whether to prepare batches in another thread and to read losses only when an event is due, as a GPU wants."""
        return self.engine.device.type == "cuda"

    def assemble(self, backbone: Backbone, head: Head, *, seed: int) -> QAModel:
        """The model with the checkpoint's weights; the head's too, where head and checkpoint fit."""
        set_seed(seed)
        spec = backbone.spec()
        encoder = backbone.encoder()
        module: Any = head.build(spec)
        state = backbone.head_state()
        taken_over = bool(state) and take_over(module, state)
        if state and not taken_over:
            held = f"{', '.join(list(state)[:4])}{f' and {len(state) - 4} more' if len(state) > 4 else ''}"
            what = f"{type(module).__name__} cannot take over the head of {spec.name} ({held})"
            warnings.warn(f"{what}: it starts untrained", QatkWarning, stacklevel=2)
        model = QAModel(encoder, module, backbone.tokenizer(), spec).to(self.engine.device)
        learnt = any(True for _ in module.parameters())
        model.head_begins = "checkpoint" if taken_over else "untrained" if learnt else "without weights"
        kernel = kernel_for(self.engine.device, self.engine.precision)
        if self.options.attention == "auto" and kernel is not None:
            model.eval()
            with torch.inference_mode(), self.engine.autocast():
                model.packing = find_packing(encoder, kernel, self._probe(encoder, spec), model.padded_states)
        return model

    def _probe(self, encoder: Any, spec: BackboneSpec) -> PackedBatch:
        """Three windows of different lengths, on which packing must give what padding does."""
        tokens = encoder.get_input_embeddings().num_embeddings
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
        batch = make_batch(windows, np.arange(3), spec, self.engine.device, packing=True)
        assert isinstance(batch, PackedBatch)
        return batch

    def describe(self, model: QAModel) -> dict[str, Any]:
        """Device, precision, size, and whether the head began untrained, for the manifest."""
        return {
            "device": self.engine.name,
            "precision": self.engine.precision,
            "processes": self.engine.accelerator.num_processes,
            "threads": torch.get_num_threads(),
            "attention": "padded" if model.packing is None else "varlen",
            "parameters": sum(p.numel() for p in model.parameters()),
            "head": model.head_begins,
            "saved_as": saved_form(model),
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
        deferred = self.reads_late and not scaler.is_enabled()
        guard = Guard(engine.device, step, norms=not scaler.is_enabled())
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
            steps = training_batches(train.lengths, o.batch_size, seed, epoch)[done : done + total - step]
            began = time.perf_counter()
            for rows, parts in prepared(steps, partial(self._parts, model, train), threaded=deferred):
                rate = o.learning_rate * rate_factor(step, round(o.warmup * total), total)
                for group in optimizer.param_groups:
                    group["lr"] = rate
                loss = self._backward(network, model, parts, scaler)
                scaler.unscale_(optimizer)
                norm = torch.nn.utils.clip_grad_norm_(model.parameters(), o.max_grad_norm)
                guard.add(loss, norm, len(rows))
                losses = [] if deferred else guard.read()
                if deferred:
                    optimizer.found_inf = guard.stopped  # type: ignore[attr-defined]
                scaler.step(optimizer)
                scaler.update()
                optimizer.zero_grad(set_to_none=True)
                step += 1
                due = step % o.log_every == 0
                if deferred and (due or step == total or step % per_epoch == 0):
                    losses = guard.read()
                for meter in meters.values():
                    meter.add(losses, len(rows), time.perf_counter() - began)
                began = time.perf_counter()
                advance("training", step, total)
                if due:
                    yield event("step")
                    began = time.perf_counter()
            self._training = {"optimizer": optimizer, "scaler": scaler, "step": step}
            yield event("epoch", None if dev is None else self.predict(model, dev))
        self._training = None
        engine.accelerator.free_memory()  # it keeps every model it ever prepared

    def _parts(self, model: QAModel, train: Features, rows: Int64) -> list[tuple[Batch, float]]:
        """This process's batches of a step, each with its share of the step's windows."""
        engine, accelerator = self.engine, self.engine.accelerator
        parts = shares(rows, accelerator.process_index, accelerator.num_processes, self.options.gradient_accumulation)
        packing = model.packing is not None
        return [(make_batch(train, part, model.spec, engine.device, packing=packing), weight) for part, weight in parts]

    def _backward(self, network: Any, model: QAModel, parts: Sequence[tuple[Batch, float]], scaler: Any) -> Tensor:
        """Leave the gradients of a step's windows in the parameters; the mean loss over them, on the device."""
        engine, accelerator = self.engine, self.engine.accelerator
        total = torch.zeros((), device=engine.device)
        for index, (batch, weight) in enumerate(parts):
            last = index == len(parts) - 1
            with nullcontext() if last else accelerator.no_sync(network):
                with engine.autocast():
                    output = network(batch)
                loss = model.loss(output, batch) * weight
                scaler.scale(loss * accelerator.num_processes).backward()  # gradients are averaged over processes
            total += loss.detach()
        return engine.sum(total)

    @torch.inference_mode()
    def predict(self, model: QAModel, features: Features) -> SpanScores:
        """Scores of every window, in the order of the windows; see :class:`qatk.api.Trainer`."""
        engine, accelerator = self.engine, self.engine.accelerator
        model.eval()
        collected = Collected(features, engine)
        budget = self.options.batch_tokens or (2048 if engine.device.type == "cpu" else 32768)
        for first in range(0, len(features), STRETCH):
            lengths = np.diff(features.token_offsets[first : first + STRETCH + 1])
            batches = prediction_batches(lengths, budget)[accelerator.process_index :: accelerator.num_processes]
            done = first
            mine = [first + rows for rows in batches]
            make = partial(
                make_batch, features, spec=model.spec, device=engine.device, packing=model.packing is not None
            )
            for rows, batch in prepared(mine, make, threaded=self.reads_late):
                with engine.autocast():
                    output = model(batch)
                collected.add(rows, batch, output)
                done = min(done + len(rows) * accelerator.num_processes, len(features))
                advance("predicting", done, len(features))
            features.release()
            collected.end_stretch()
        return collected.scores()

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
        self.loss, self.known, self.windows, self.seconds = 0.0, 0, 0, 0.0

    def add(self, losses: Sequence[tuple[float, int]], windows: int, seconds: float) -> None:
        """Take a step's windows and seconds, and the losses that have become known, each of so many windows."""
        self.loss += sum(loss * number for loss, number in losses)
        self.known += sum(number for _, number in losses)
        self.windows += windows
        self.seconds += seconds

    def read(self) -> tuple[float, float]:
        found = self.loss / max(1, self.known), self.windows / max(1e-9, self.seconds)
        self.__init__()  # type: ignore[misc]
        return found
