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
from accelerate.utils import set_seed

from qatk.api import Features, SpanScores, TrainEvent, advance, pause_requested
from qatk_builtin.trainers.pytorch.batches import training_batches
from qatk_builtin.trainers.pytorch.course import Totals, generator_states, restore_generators
from qatk_builtin.trainers.pytorch.dev_metrics import dev_metrics
from qatk_builtin.trainers.pytorch.device import Engine
from qatk_builtin.trainers.pytorch.hooks import TrainingHooks
from qatk_builtin.trainers.pytorch.model import QAModel
from qatk_builtin.trainers.pytorch.optimizer import Schedule
from qatk_builtin.trainers.pytorch.prefetch import prepared
from qatk_builtin.trainers.pytorch.state import TrainingState, load_weights
from qatk_builtin.trainers.pytorch.step import Step

Predict = Callable[[QAModel, Features], SpanScores]
Kind = Literal["step", "epoch", "pause"]


class Paused(Exception):
    """Raised out of a prediction between two epochs: a pause is requested, and the epoch's end can be made again."""


class Loop:
    """Trains one model, once.

    Attributes:
        state: what to save for resuming: there while the consumer looks at an event, and no longer.
        evaluating: whether an epoch's dev windows are being predicted.
        splits: the parts that each part of a batch is split into for want of memory.

    Args:
        hooks: what the trainer does in its own way.
        engine: device, precision and the other processes.
        predict: gives the scores of the dev windows; may raise :class:`Paused`.
        model: to train in place.
        train, dev: windows.
        seed: of everything random.
        late: whether to prepare batches ahead and to read losses only when an event is due.
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
    ) -> None:
        self.hooks, self.engine, self.predict, self.late = hooks, engine, predict, late
        self.model, self.train, self.dev, self.seed = model, train, dev, seed
        self.state: TrainingState | None = None
        self.evaluating, self.splits = False, 1
        options = hooks.options
        self.per_epoch = math.ceil(len(train) / options.batch_size)
        self.total = min(math.ceil(options.epochs * self.per_epoch - 1e-9), options.max_steps or sys.maxsize)

    def events(self, resume: Path | None) -> Iterator[TrainEvent]:
        """Train; see :meth:`TorchTrainer.fit`. It ends after a ``"pause"`` event."""
        state, schedule = self._begin(resume)
        step = Step(self.hooks, self.engine, state, late=self.late)
        meters = {name: _Meter(state.course.meters.get(name)) for name in ("step", "epoch")}
        course = _Standing(self, state, schedule, meters)
        if state.step == self.total and state.course.evaluated:  # all is done: only the weights to save are missing
            with torch.no_grad():
                state.swap_in(self.hooks.weights(self.model))
        try:
            while state.step < self.total or not state.course.evaluated:
                if state.course.evaluated or not course.ended:
                    yield from self._epoch(step, course)
                if not course.paused:
                    yield from self._evaluation(course)
                if course.paused:
                    return
        finally:
            self.engine.accelerator.free_memory()  # it keeps every model it ever prepared

    def _epoch(self, step: Step, course: _Standing) -> Iterator[TrainEvent]:
        """The steps up to the end of an epoch."""
        state, log_every = course.state, self.hooks.options.log_every
        epoch, done = divmod(state.step, self.per_epoch)
        self._seed(state, epoch, done)
        self.model.train()
        batches = training_batches(self.train.lengths, self.hooks.options.batch_size, self.seed, epoch)
        began = time.perf_counter()
        for rows, parts in prepared(
            batches[done : done + self.total - state.step], partial(step.parts, self.train), threaded=step.deferred
        ):
            course.rate = course.schedule.set(state.step)
            losses = step.take(self.train, rows, parts)
            self.splits = state.course.splits
            state.course.evaluated = False
            due, course.paused = state.step % log_every == 0, self.engine.any(pause_requested())
            if step.deferred and (due or course.paused or course.ended):
                losses = step.read()
            for meter in course.meters.values():
                meter.add(losses, len(rows), time.perf_counter() - began)
            advance("training", state.step, self.total)
            if due:
                yield from self._saving(course, course.event("step"))
            if course.paused:
                yield from self._pause(course)
                return
            began = time.perf_counter()

    def _evaluation(self, course: _Standing) -> Iterator[TrainEvent]:
        """The end of an epoch."""
        with torch.no_grad():
            course.state.swap_in(self.hooks.weights(self.model))
        self.evaluating = True
        try:
            scores = None if self.dev is None else self.predict(self.model, self.dev)
        except Paused:
            course.paused = True
        finally:
            self.evaluating = False
        if course.paused:
            course.state.swap_back()
            yield from self._pause(course)
            return
        course.state.course.evaluated = True
        yield from self._saving(course, course.event("epoch", scores))
        if course.state.step < self.total:  # in the end, the weights that were evaluated stay
            course.state.swap_back()

    def _pause(self, course: _Standing) -> Iterator[TrainEvent]:
        """A last event, of which the meters know nothing when training goes on."""
        totals = course.totals()
        yield from self._saving(course, course.event("pause"), totals)

    def _saving(
        self, course: _Standing, event: TrainEvent, totals: dict[str, Totals] | None = None
    ) -> Iterator[TrainEvent]:
        """The event; while its consumer looks at it, there is a state to save."""
        state = course.state
        state.course.meters = course.totals() if totals is None else totals
        state.course.generators = generator_states(self.engine.device)
        self.state = state
        yield event
        self.state = None

    def _seed(self, state: TrainingState, epoch: int, done: int) -> None:
        """What an epoch draws at random depends on the seed, the epoch and the process; its middle goes on with that.

        The generators are saved of the first process. Others draw anew there.
        """
        index = self.engine.accelerator.process_index
        if done and index:
            set_seed(_mix(self.seed, epoch, index, done))
            return
        set_seed(_mix(self.seed, epoch, index))
        if done and state.course.generators:
            restore_generators(state.course.generators, self.engine.device)

    def _begin(self, resume: Path | None) -> tuple[TrainingState, Schedule]:
        """The state that training begins from, or goes on from; what hooks draw at random comes from the seed."""
        set_seed(self.seed)
        saved = None if resume is None else load_weights(self.model, resume)
        objects = self.hooks.on_start(self.model)
        state = TrainingState(self.model, self.hooks.optimizer(self.model), self.engine.scaler(), objects)
        # the peaks are those of a new optimizer: one that is restored has the rates of its last step
        schedule = Schedule(state.optimizer, round(self.hooks.options.warmup * self.total), self.total)
        if saved is not None and resume is not None:
            state.restore(saved, resume)
        return state, schedule


class _Standing:
    """How a training stands between two steps: what makes its events."""

    def __init__(self, loop: Loop, state: TrainingState, schedule: Schedule, meters: dict[str, _Meter]) -> None:
        self.loop, self.state, self.schedule, self.meters = loop, state, schedule, meters
        self.rate = schedule.set(max(0, state.step - 1)) if loop.total else 0.0
        self.paused = False

    @property
    def ended(self) -> bool:
        """Whether an epoch ends here, or the training."""
        return self.state.step >= self.loop.total or self.state.step % self.loop.per_epoch == 0

    def totals(self) -> dict[str, Totals]:
        return {name: meter.totals for name, meter in self.meters.items()}

    def event(self, kind: Kind, scores: SpanScores | None = None) -> TrainEvent:
        """An event of here and now; reads the meter of its kind."""
        loop, step = self.loop, self.state.step
        loss, speed = self.meters["epoch" if kind == "epoch" else "step"].read()
        metrics = {} if loop.dev is None or scores is None else dev_metrics(loop.dev, scores)
        return TrainEvent(kind, step, loop.total, step / loop.per_epoch, loss, self.rate, speed, metrics, scores)


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
