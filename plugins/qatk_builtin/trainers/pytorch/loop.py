"""The loop of a training: a generator that reads from top to bottom, and can stop between any two steps."""

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
from accelerate.utils import gather_object, set_seed

from qatk.api import Features, SpanScores, TrainEvent, UsageError, advance, pause_requested
from qatk_builtin.trainers.pytorch.batches import make_batch, training_batches
from qatk_builtin.trainers.pytorch.checkpoint import Interrupted
from qatk_builtin.trainers.pytorch.course import Totals, generator_states, restore_generators
from qatk_builtin.trainers.pytorch.dev_metrics import dev_metrics
from qatk_builtin.trainers.pytorch.device import Engine
from qatk_builtin.trainers.pytorch.hooks import TrainingHooks
from qatk_builtin.trainers.pytorch.model import QAModel
from qatk_builtin.trainers.pytorch.optimizer import Schedule
from qatk_builtin.trainers.pytorch.prefetch import prepared
from qatk_builtin.trainers.pytorch.sharding import shards_of
from qatk_builtin.trainers.pytorch.state import TrainingState
from qatk_builtin.trainers.pytorch.step import Step

Predict = Callable[[QAModel, Features], SpanScores]
Kind = Literal["step", "epoch", "pause"]
_ASK_EVERY = 4
"""Steps after which several processes on GPUs ask each other for a pause."""


class Paused(Exception):
    """Raised out of a prediction between two epochs: a pause is requested, and the epoch's end can be made again."""


class Loop:
    """Trains one model, once; between two steps it is how the training stands.

    Attributes:
        state: what training goes on from.
        watched: whether the consumer looks at an event: only then may the state be saved.
        evaluating: whether an epoch's dev windows are being predicted.

    Args:
        hooks: what the trainer does in its own way.
        engine: device, precision and the other processes.
        predict: gives the scores of the dev windows; may raise :class:`Paused`.
        model: to train in place.
        train, dev: windows.
        seed: of everything random.
        late: whether to prepare batches ahead and to read losses only when an event is due.
        resume: a state to go on from, whose weights the model has, and its folder.
    """

    def __init__(
        self,
        hooks: TrainingHooks,
        engine: Engine,
        predict: Predict,
        model: QAModel,
        train: Features,
        dev: Features | None,
        *,
        seed: int,
        late: bool,
        resume: tuple[Interrupted, Path] | None,
    ) -> None:
        self.hooks, self.engine, self.predict = hooks, engine, predict
        self.model, self.train, self.dev, self.seed = model, train, dev, seed
        self.watched = self.evaluating = self._paused = False
        options = hooks.options
        self.per_epoch = math.ceil(len(train) / options.batch_size)
        self.total = min(math.ceil(options.epochs * self.per_epoch - 1e-9), options.max_steps or sys.maxsize)
        self.state, self._schedule = self._begin(resume)
        self._check_processes()
        self._rate = self._schedule.set(max(0, self.state.step - 1)) if self.total else 0.0
        self._meters = {name: _Meter(self.state.course.meters.get(name)) for name in ("step", "epoch")}
        if self.total and engine.several and model.shards is None:
            model.freeze_idle(make_batch(train, np.argsort(train.lengths)[:1], model.spec, engine.device))
        self._step = Step(hooks, engine, self.state, late=late)

    def _begin(self, resume: tuple[Interrupted, Path] | None) -> tuple[TrainingState, Schedule]:
        """The state that training begins from, or goes on from; what hooks draw at random comes from the seed."""
        set_seed(self.seed)
        objects = self.hooks.on_start(self.model)
        state = TrainingState(self.model, self.hooks.optimizer(self.model), self.engine.scaler(), objects)
        # the peaks are those of a new optimizer: one that is restored has the rates of its last step
        options = self.hooks.options
        schedule = Schedule(state.optimizer, round(options.warmup * self.total), self.total, options.schedule)
        if resume is not None:
            state.restore(*resume)
        return state, schedule

    def _check_processes(self) -> None:
        """Raise :class:`UsageError` where several processes cannot share the work."""
        number, size = self.engine.accelerator.num_processes, self.hooks.options.batch_size
        if number == 1:
            return
        if number > size:
            fix = "use fewer processes, or a larger batch_size: it counts the windows of all of them"
            raise UsageError(f"{number} processes cannot share a batch of {size}", where="trainer.batch_size", fix=fix)
        steps: list[int] = gather_object([self.state.step])
        if len(set(steps)) > 1:
            rank = next(rank for rank, step in enumerate(steps) if step != steps[0])
            what = f"rank {rank} goes on from step {steps[rank]}, the first process from step {steps[0]}"
            raise UsageError(what, fix="put the run folder where all processes see it, or do not resume")

    def events(self) -> Iterator[TrainEvent]:
        """Train; see :meth:`TorchTrainer.fit`. It ends after a ``"pause"`` event."""
        state = self.state
        if state.step == self.total and state.course.evaluated:  # all is done: only the weights to save are missing
            with torch.no_grad():
                state.swap_in(self.hooks.weights(self.model))
        try:
            if state.step < self.total:
                self._step.rehearse(self.train)
            while state.step < self.total or not state.course.evaluated:
                if state.course.evaluated or not self._epoch_ended:
                    yield from self._epoch()
                if not self._paused:
                    yield from self._evaluation()
                if self._paused:
                    return
        finally:
            if self.engine.several:
                self.engine.accelerator.free_memory()  # it keeps every model it ever prepared

    def _epoch(self) -> Iterator[TrainEvent]:
        """The steps up to the end of an epoch."""
        state, step = self.state, self._step
        epoch, done = divmod(state.step, self.per_epoch)
        self._seed_epoch(epoch, done)
        self.model.train()
        batches = training_batches(self.train.lengths, self.hooks.options.batch_size, self.seed, epoch)
        began = time.perf_counter()
        for rows, parts in prepared(
            batches[done : done + self.total - state.step], partial(step.parts, self.train), threaded=step.deferred
        ):
            self._seed_step()
            self._rate = self._schedule.set(state.step)
            losses = step.take(self.train, rows, parts)
            state.course.evaluated = False
            due = state.step % self.hooks.options.log_every == 0
            if due or self._epoch_ended or self._asks_at_step:
                self._paused = self.engine.any(pause_requested())
            if step.deferred and (due or self._paused or self._epoch_ended):
                losses = step.read()
            for meter in self._meters.values():
                meter.add(losses, len(rows), time.perf_counter() - began)
            advance("training", state.step, self.total)
            if due:
                yield from self._watched(self._event("step"))
            if self._paused:
                yield from self._pause()
                return
            began = time.perf_counter()

    def _evaluation(self) -> Iterator[TrainEvent]:
        """The end of an epoch."""
        state = self.state
        with torch.no_grad():
            state.swap_in(self.hooks.weights(self.model))
        self.evaluating = True
        try:
            scores = None if self.dev is None else self.predict(self.model, self.dev)
        except Paused:
            self._paused = True
        finally:
            self.evaluating = False
        if self._paused:
            state.swap_back()
            yield from self._pause()
            return
        state.course.evaluated = True
        yield from self._watched(self._event("epoch", scores))
        if state.step < self.total:  # in the end, the weights that were evaluated stay
            state.swap_back()

    def _pause(self) -> Iterator[TrainEvent]:
        """A last event, of which the meters know nothing when training goes on."""
        totals = self._totals()
        yield from self._watched(self._event("pause"), totals)

    def _watched(self, event: TrainEvent, totals: dict[str, Totals] | None = None) -> Iterator[TrainEvent]:
        """The event; while its consumer looks at it, the state may be saved."""
        self.state.course.meters = self._totals() if totals is None else totals
        self.state.course.generators = generator_states(self.engine.device)
        self.watched = True
        yield event
        self.watched = False
        if (shards := shards_of(self.model)) is not None:
            shards.attend(self.state.kept)

    def _event(self, kind: Kind, scores: SpanScores | None = None) -> TrainEvent:
        """An event of here and now; reads the meter of its kind."""
        step = self.state.step
        loss, speed = self._meters["epoch" if kind == "epoch" else "step"].read()
        metrics = {} if self.dev is None or scores is None else dev_metrics(self.dev, scores)
        return TrainEvent(kind, step, self.total, step / self.per_epoch, loss, self._rate, speed, metrics, scores)

    @property
    def _epoch_ended(self) -> bool:
        """Whether an epoch ends here, or the training."""
        return self.state.step >= self.total or self.state.step % self.per_epoch == 0

    @property
    def _asks_at_step(self) -> bool:
        """Whether to ask for a pause at a step at which nothing is due.

        Where losses are deferred, the answer of several processes would have each step wait for the device.
        """
        return not (self.engine.several and self._step.deferred) or self.state.step % _ASK_EVERY == 0

    def _totals(self) -> dict[str, Totals]:
        return {name: meter.totals for name, meter in self._meters.items()}

    def _seed_epoch(self, epoch: int, done: int) -> None:
        """What an epoch draws at random depends on the seed and the epoch; its middle goes on with the generators."""
        self.hooks.epoch = epoch
        set_seed(_mix(self.seed, epoch, 0))
        if done and self.state.course.generators:
            restore_generators(self.state.course.generators, self.engine.device)

    def _seed_step(self) -> None:
        """Of several processes, each draws in each step what depends on the seed, the step and its number alone.

        So a state that one of them saves is enough for all to go on from, and for any other number of processes.
        """
        if self.engine.several:
            set_seed(_mix(self.seed, self.state.step, self.engine.accelerator.process_index))


def _mix(*numbers: int) -> int:
    """One seed out of several numbers, for all generators."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


class _Meter:
    """Mean loss and windows a second since the last reading."""

    def __init__(self, totals: Totals | None = None) -> None:
        self.totals = totals or _NOTHING

    def add(self, losses: Sequence[tuple[float, int]], windows: int, seconds: float) -> None:
        """Take a step's windows and seconds, and the losses that have become known, each of so many windows."""
        loss, known, all_windows, all_seconds = self.totals
        loss += sum(loss * number for loss, number in losses)
        known += sum(number for _, number in losses)
        self.totals = loss, known, all_windows + windows, all_seconds + seconds

    def read(self) -> tuple[float, float]:
        """Both figures; begins anew."""
        loss, known, windows, seconds = self.totals
        self.totals = _NOTHING
        return loss / max(1, known), windows / max(1e-9, seconds)


_NOTHING: Totals = (0.0, 0, 0, 0.0)
