"""The loop of a training: a generator that reads from top to bottom."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from accelerate.utils import set_seed

from qatk.api import Features, SpanScores, TrainEvent, advance
from qatk_builtin.trainers.pytorch.batches import training_batches
from qatk_builtin.trainers.pytorch.dev_metrics import dev_metrics
from qatk_builtin.trainers.pytorch.device import Engine
from qatk_builtin.trainers.pytorch.hooks import TrainingHooks
from qatk_builtin.trainers.pytorch.model import QAModel
from qatk_builtin.trainers.pytorch.optimizer import Schedule
from qatk_builtin.trainers.pytorch.prefetch import prepared
from qatk_builtin.trainers.pytorch.state import TrainingState, load_weights
from qatk_builtin.trainers.pytorch.step import Step

Predict = Callable[[QAModel, Features], SpanScores]


class Loop:
    """Trains one model.

    Attributes:
        state: what to save for resuming: there while the consumer looks at an ``"epoch"`` event, and no longer.

    Args:
        hooks: what the trainer does in its own way.
        engine: device, precision and the other processes.
        predict: gives the scores of the dev windows.
        late: whether to prepare batches ahead and to read losses only when an event is due.
    """

    def __init__(self, hooks: TrainingHooks, engine: Engine, predict: Predict, *, late: bool) -> None:
        self.hooks, self.engine, self.predict, self.late = hooks, engine, predict, late
        self.state: TrainingState | None = None

    def events(
        self, model: QAModel, train: Features, dev: Features | None, *, seed: int, resume: Path | None
    ) -> Iterator[TrainEvent]:
        """Train in place; see :meth:`TorchTrainer.fit`."""
        o, engine = self.hooks.options, self.engine
        per_epoch = math.ceil(len(train) / o.batch_size)
        total = min(math.ceil(o.epochs * per_epoch - 1e-9), o.max_steps or sys.maxsize)
        state, schedule = self._begin(model, total, seed, resume)
        step = Step(self.hooks, engine, state, late=self.late)
        meters = {"step": _Meter(), "epoch": _Meter()}

        def event(kind: Literal["step", "epoch"], scores: SpanScores | None = None) -> TrainEvent:
            loss, speed = meters[kind].read()
            metrics = {} if dev is None or scores is None else dev_metrics(dev, scores)
            return TrainEvent(kind, state.step, total, state.step / per_epoch, loss, rate, speed, metrics, scores)

        while state.step < total:
            epoch, done = divmod(state.step, per_epoch)
            set_seed(_mix(seed, epoch, engine.accelerator.process_index))
            model.train()
            batches = training_batches(train.lengths, o.batch_size, seed, epoch)[done : done + total - state.step]
            began = time.perf_counter()
            for rows, parts in prepared(batches, partial(step.parts, train), threaded=step.deferred):
                rate = schedule.set(state.step)
                losses = step.take(parts, len(rows))
                due, ended = state.step % o.log_every == 0, state.step == total or state.step % per_epoch == 0
                if step.deferred and (due or ended):
                    losses = step.read()
                for meter in meters.values():
                    meter.add(losses, len(rows), time.perf_counter() - began)
                began = time.perf_counter()
                advance("training", state.step, total)
                if due:
                    yield event("step")
                    began = time.perf_counter()
            with torch.no_grad():
                state.swap_in(self.hooks.weights(model))
            self.state = state
            yield event("epoch", None if dev is None else self.predict(model, dev))
            self.state = None
            if state.step < total:  # in the end, the weights that were evaluated stay
                state.swap_back()
        engine.accelerator.free_memory()  # it keeps every model it ever prepared

    def _begin(self, model: QAModel, total: int, seed: int, resume: Path | None) -> tuple[TrainingState, Schedule]:
        """The state that training begins from, or goes on from; what hooks draw at random comes from the seed."""
        set_seed(seed)
        saved = None if resume is None else load_weights(model, resume)
        objects = self.hooks.on_start(model)
        state = TrainingState(model, self.hooks.optimizer(model), self.engine.scaler(), objects)
        # the peaks are those of a new optimizer: one that is restored has the rates of its last step
        schedule = Schedule(state.optimizer, round(self.hooks.options.warmup * total), total)
        if saved is not None and resume is not None:
            state.restore(saved, resume)
        return state, schedule


def _mix(*numbers: int) -> int:
    """One seed out of several numbers, for all generators."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


class _Meter:
    """Mean loss and windows a second since the last reading."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self.loss, self.known, self.windows, self.seconds = 0.0, 0, 0, 0.0

    def add(self, losses: Sequence[tuple[float, int]], windows: int, seconds: float) -> None:
        """Take a step's windows and seconds, and the losses that have become known, each of so many windows."""
        self.loss += sum(loss * number for loss, number in losses)
        self.known += sum(number for _, number in losses)
        self.windows += windows
        self.seconds += seconds

    def read(self) -> tuple[float, float]:
        """Both figures; begins anew."""
        found = self.loss / max(1, self.known), self.windows / max(1e-9, self.seconds)
        self._reset()
        return found
