"""The training stage: real EM/F1 after each epoch, a state to resume from, the best epoch kept."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from qatk.calibration.calibrate import check_can_calibrate
from qatk.errors import TrainingDiverged
from qatk.files import replacing
from qatk.plugins.protocols import Model
from qatk.progress import end_epoch
from qatk.results import Evaluation
from qatk.run_folder.manifest import Best
from qatk.runs.context import Context, Data, Windows
from qatk.runs.decoding import check_can_fit
from qatk.runs.prediction import answer, evaluate
from qatk.runs.rehearsal import FEW, check_keep_best
from qatk.types import Features, TrainEvent


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


@dataclass(frozen=True)
class _Training:
    """What the training stage works with. ``checkpoints/last`` resumes, ``checkpoints/best`` becomes ``model/``."""

    context: Context
    model: Model
    data: Data
    windows: Windows

    def run(self, features: Features) -> None:
        folder, trainer = self.context.folder, self.context.parts.trainer
        last, best = folder / "checkpoints" / "last", folder / "checkpoints" / "best"
        resume = last if last.exists() else None
        seed = self.context.recipe.seed
        with self.context.stages.stage("train") as counts:
            self._rehearse()
            try:
                for event in trainer.fit(self.model, features, self.windows.dev, seed=seed, resume=resume):
                    counts.whole |= {"steps": event.step, "windows_per_second": event.examples_per_second}
                    self.context.trackers.event(self._end_epoch(event) if event.kind == "epoch" else event)
            except TrainingDiverged as error:
                self._keep_before_divergence(error)
                raise
            if best.exists():
                trainer.load(self.model, best)
            self._save("model")
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)

    def _rehearse(self) -> None:
        """Decode and judge a few examples before training: what fails there should not cost an epoch first."""
        parts, dev = self.context.parts, self.data.dev
        few = dev.take(range(min(FEW, len(dev))))
        windows = self.windows.dev.take(np.flatnonzero(self.windows.dev.example_index < len(few)))
        if parts.decoder.calibrated:
            check_can_calibrate(dev)
        scores = parts.trainer.predict(self.model, windows, stage="training")
        if parts.decoder.fitted:
            check_can_fit(dev)
            parts.decoder.restore(parts.decoder.fit(few, windows, scores))
        predictions = parts.decoder.decode(few, windows, scores)  # uncalibrated: so few articles cannot be halved
        evaluate(parts, few, predictions)

    def _end_epoch(self, event: TrainEvent) -> TrainEvent:
        parts, dev = self.context.parts, self.data.dev
        metrics = dict(event.metrics)
        if event.scores is not None:
            found = answer(parts.decoder, dev, self.windows.dev, event.scores, passing=True)
            evaluation = evaluate(parts, dev, found.predictions, sliced=False)
            metrics |= {**evaluation.metrics, **_bounds(evaluation)}
        if self._is_best(metrics):
            self._save("checkpoints/best")
        self.context.folder.save()
        self._save("checkpoints/last", state=True)
        end_epoch(event.epoch, metrics)
        return replace(event, metrics=metrics, scores=None)

    def _is_best(self, metrics: Mapping[str, float]) -> bool:
        key, folder = self.context.recipe.keep_best, self.context.folder
        if key is None:
            return False
        check_keep_best(key, metrics)  # a decoder without null odds has none of the figures that need them
        best = folder.manifest.best
        if best is not None and best.value >= metrics[key]:
            return False
        folder.update(best=Best(metric=key, value=metrics[key]))
        return True

    def _keep_before_divergence(self, error: TrainingDiverged) -> None:
        place = "checkpoints/before-divergence"
        self._save(place)
        error.fix = f"{error.fix}; the weights before that step are in {self.context.folder / place}"

    def _save(self, place: str, *, state: bool = False) -> None:
        with replacing(self.context.folder / place) as new:
            self.context.parts.trainer.save(self.model, new, state=state)


def _bounds(evaluation: Evaluation) -> dict[str, float]:
    """The ends of the 95 % intervals of EM and F1, where they are known: ``f1_low``, ``f1_high`` ..."""
    every = np.ones(len(evaluation.examples), np.bool_)
    intervals = {name: evaluation.interval(name, every) for name in ("exact", "f1") if name in evaluation.per_question}
    ends = {
        f"{name}_{end}": value for name, of in intervals.items() for end, value in zip(("low", "high"), of, strict=True)
    }
    return {name: value for name, value in ends.items() if not np.isnan(value)}
