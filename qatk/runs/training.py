"""The training stage: real EM/F1 after each epoch, a state to resume from, the best epoch kept."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from qatk.calibration.calibrate import check_can_calibrate
from qatk.errors import RunFolderError, TrainingDiverged
from qatk.files import replacing
from qatk.plugins.protocols import Model
from qatk.progress import end_epoch, training_event
from qatk.recipes.sections import Interval
from qatk.results import Evaluation
from qatk.run_folder.checkpoints import STATES, Checkpoints, damage_of, step_of, write_checkpoint
from qatk.run_folder.folder import is_first_process
from qatk.run_folder.manifest import Best
from qatk.runs.context import Context, Data, Windows
from qatk.runs.decoding import check_can_fit
from qatk.runs.pause import Pause, pausing_on_signals
from qatk.runs.prediction import answer, evaluate
from qatk.runs.rehearsal import FEW, check_keep_best
from qatk.types import Features, TrainEvent

SHOWN_IDS = 16
"""Ids of examples that the message on a diverging loss names."""


def train(context: Context, model: Model, data: Data, windows: Windows) -> None:
    """Leave the model with the weights of ``model/``: train it, or load what an earlier execution trained.

    Raises:
        TrainingDiverged: with the place of the weights from before the step that failed.
    """
    if windows.train is not None:
        _Training(context, model, data, windows).run(windows.train)
    elif data.train is not None:
        context.stages.skip("train")
        context.parts.trainer.load(model, context.folder / "model")
    elif not context.parts.decoder.fitted:
        _decode_few(context, model, data, windows)


def _decode_few(context: Context, model: Model, data: Data, windows: Windows) -> None:
    """Decode and judge a few examples of each set: what fails there should cost no training and no prediction first."""
    parts = context.parts
    for name, examples in {"dev": data.dev, **data.sets}.items():
        of_set = windows.dev if name == "dev" else windows.sets[name]
        few = examples.take(range(min(FEW, len(examples))))
        asked = of_set.take(np.flatnonzero(of_set.example_index < len(few)))
        scores = parts.trainer.predict(model, asked, stage="training")
        if parts.decoder.fitted and name == "dev":
            parts.decoder.restore(parts.decoder.fit(few, asked, scores))
        evaluate(parts, few, parts.decoder.decode(few, asked, scores))  # uncalibrated: such few articles are not halved


@dataclass(frozen=True)
class _Training:
    """What the training stage works with. The states in ``checkpoints/`` resume, ``best`` becomes ``model/``."""

    context: Context
    model: Model
    data: Data
    windows: Windows

    def run(self, features: Features) -> None:
        trainer = self.context.parts.trainer
        best = self._checkpoints.folder / "best"
        with self.context.stages.stage("train") as counts:
            resume = self._checkpoints.newest()
            if resume is not None and (step := step_of(resume)) is not None:
                counts.whole["steps"] = step  # all of them, where nothing but the model was left to write
            self._rehearse()
            with pausing_on_signals(active=trainer.pauses) as pause:
                event = None
                for event in self._events(features, resume, pause):
                    counts.whole |= {"steps": event.step, "windows_per_second": event.examples_per_second}
            if event is not None and (pause.requested or event.kind == "pause"):
                pause.end(event.step)
            if best.exists():
                self._load_best(best)
            if (described := trainer.describe(self.model)) is not None:  # with what only training shows
                self.context.folder.update(model=described)
            self._save("model")
        shutil.rmtree(self._checkpoints.folder, ignore_errors=True)

    def _events(self, features: Features, resume: Path | None, pause: Pause) -> Iterator[TrainEvent]:
        """The events of the trainer, each logged; the state is saved where it is due."""
        trainer, due = self.context.parts.trainer, _Due(self.context.recipe.save_every)
        seed = self.context.recipe.seed
        assert self.data.train is not None
        trainer.take_examples(self.data.train)
        try:
            dev = self.windows.dev if self.context.recipe.scalars.score_epochs else None
            for event in trainer.fit(self.model, features, dev, seed=seed, resume=resume):
                if event.kind == "epoch":
                    event = self._end_epoch(event)
                if event.kind != "pause":
                    training_event(event.plain())
                    self.context.trackers.event(event)
                if event.kind != "step" or (trainer.pauses and is_first_process() and due.at(event.step)):
                    self._save_state(event.step)
                    due = _Due(self.context.recipe.save_every, event.step)
                yield event
                if pause.requested and event.kind != "step":
                    return
        except TrainingDiverged as error:
            self._explain_divergence(error, features)
            raise

    @property
    def _checkpoints(self) -> Checkpoints:
        folder, keep = self.context.folder / STATES, self.context.recipe.scalars.keep_last
        return Checkpoints(folder, keep, self.context.folder.manifest.identity.model_dump())

    def _load_best(self, best: Path) -> None:
        if (damage := damage_of(best)) is not None:
            fix = "remove the run folder's checkpoints, and the training begins from the start"
            raise RunFolderError(f"the best epoch's weights are damaged: {damage}", where=str(best), fix=fix)
        self.context.parts.trainer.load(self.model, best)

    def _rehearse(self) -> None:
        parts, dev = self.context.parts, self.data.dev
        if parts.decoder.calibrated:
            check_can_calibrate(dev, self.context.recipe.cluster)
        if parts.decoder.fitted:
            check_can_fit(dev, self.context.recipe.cluster)
        _decode_few(self.context, self.model, self.data, self.windows)

    def _end_epoch(self, event: TrainEvent) -> TrainEvent:
        parts, dev = self.context.parts, self.data.dev
        metrics = dict(event.metrics)
        if event.scores is not None:
            by, cluster = parts.normalisation, self.context.recipe.cluster
            windows = self.windows.dev
            found = answer(parts.decoder, dev, windows, event.scores, passing=True, normalisation=by, cluster=cluster)
            evaluation = evaluate(parts, dev, found.predictions, sliced=False, cluster=cluster)
            metrics |= {**evaluation.metrics, **_bounds(evaluation)}
        if (best := self._better(metrics)) is not None:
            write_checkpoint(self._checkpoints.folder / "best", partial(self._save_into, state=False))
            self.context.folder.update(best=best)  # after the weights: where they cannot be written, it stays as it was
        self.context.folder.save()
        end_epoch(event.epoch, metrics)
        return replace(event, metrics=metrics, scores=None)

    def _better(self, metrics: Mapping[str, float]) -> Best | None:
        """What the manifest is to say of these figures; ``None`` where an earlier epoch is as good, or none is kept."""
        key, best = self.context.recipe.scalars.keep_best, self.context.folder.manifest.best
        if key is None:
            return None
        check_keep_best(key, metrics)  # a decoder without null odds has none of the figures that need them
        return None if best is not None and best.value >= metrics[key] else Best(metric=key, value=metrics[key])

    def _explain_divergence(self, error: TrainingDiverged, features: Features) -> None:
        """Keep the weights from before, and name the examples of the batch."""
        place = f"{STATES}/before-divergence"
        self._save(place)
        rows = features.example_index[np.asarray(error.windows, np.int64)].tolist()
        assert self.data.train is not None
        ids = list(dict.fromkeys(self.data.train.id[row] for row in rows))
        of = f"; its examples: {', '.join(ids[:SHOWN_IDS])}{' ...' if len(ids) > SHOWN_IDS else ''}" if ids else ""
        error.what += of
        error.fix = f"{error.fix}; the weights before that step are in {self.context.folder / place}"

    def _save_state(self, step: int) -> None:
        self._checkpoints.write(step, partial(self._save_into, state=True))
        self.context.folder.send()

    def _save(self, place: str) -> None:
        with replacing(self.context.folder / place) as new:
            self._save_into(new, state=False)

    def _save_into(self, folder: Path, *, state: bool) -> None:
        self.context.parts.trainer.save(self.model, folder, state=state)


class _Due:
    """Whether a state is due, since one was saved or the training began."""

    def __init__(self, every: Interval, step: int | None = None) -> None:
        self.every, self.step, self.began = every, step, time.monotonic()

    def at(self, step: int) -> bool:
        """Whether it is due after so many steps."""
        if self.step is None:
            self.step = step - 1
        return step - self.step >= self.every.steps or time.monotonic() - self.began >= self.every.seconds


def _bounds(evaluation: Evaluation) -> dict[str, float]:
    """The ends of the 95 % intervals of EM and F1, where they are known: ``f1_low``, ``f1_high`` ..."""
    every = np.ones(len(evaluation.examples), np.bool_)
    intervals = {name: evaluation.interval(name, every) for name in ("exact", "f1") if name in evaluation.per_question}
    ends = {
        f"{name}_{end}": value for name, of in intervals.items() for end, value in zip(("low", "high"), of, strict=True)
    }
    return {name: value for name, value in ends.items() if not np.isnan(value)}
