"""The training stage: real EM/F1 after each epoch, a state to resume from, the best epoch kept."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qatk.calibration.calibrate import check_can_calibrate
from qatk.errors import TrainingDiverged, UsageError
from qatk.evaluation.metrics import judge
from qatk.files import replacing
from qatk.plugins.registered import expect
from qatk.recipes.compose import Pipeline
from qatk.recipes.recipe import Recipe
from qatk.run_folder.folder import RunFolder
from qatk.runs.prediction import decode
from qatk.runs.stages import Stages
from qatk.runs.trackers import Trackers
from qatk.types import Examples, Features, SpanScores, TrainEvent


@dataclass
class Training:
    """What the training stage works with. ``checkpoints/last`` resumes, ``checkpoints/best`` becomes ``model/``."""

    recipe: Recipe
    parts: Pipeline
    folder: RunFolder
    trackers: Trackers
    dev: Examples
    dev_features: Features

    def run(self, model: Any, features: Features, stages: Stages) -> None:
        """Train the model, and leave it with the weights of ``model/``.

        Raises:
            TrainingDiverged: with the place of the weights from before the step that failed.
        """
        last, best = self.folder / "checkpoints" / "last", self.folder / "checkpoints" / "best"
        resume = last if last.exists() else None
        with stages.stage("train") as counts, self.parts.trainer.during("training") as trainer:
            self._rehearse(model)
            try:
                for event in trainer.fit(model, features, self.dev_features, seed=self.recipe.seed, resume=resume):
                    counts |= {"steps": event.step, "windows_per_second": event.examples_per_second}
                    self.trackers.tell("event", self._end_epoch(model, event) if event.kind == "epoch" else event)
            except TrainingDiverged as error:
                self._keep_before_divergence(trainer, model, error)
                raise
            if best.exists():
                trainer.load(model, best)
            with replacing(self.folder / "model") as new:
                trainer.save(model, new, state=False)
        shutil.rmtree(self.folder / "checkpoints", ignore_errors=True)

    def _rehearse(self, model: Any) -> None:
        """Decode and judge a few examples before training: what fails there should not cost an epoch first."""
        few = self.dev.take(range(min(8, len(self.dev))))
        windows = self.dev_features.take(np.flatnonzero(self.dev_features.example_index < len(few)))
        if getattr(self.parts.decoder.instance, "calibrated", False):
            check_can_calibrate(self.dev)
        scores = expect(self.parts.trainer.instance.predict(model, windows), SpanScores)
        scores.check(windows)
        predictions = decode(self.parts.decoder, few, windows, scores, rehearsal=True)
        self._check_keep_best(judge(few, predictions, self.parts.metrics, self.parts.slicers).metrics)

    def _check_keep_best(self, metrics: Mapping[str, float]) -> None:
        key = self.recipe.scalars["keep_best"]
        if key is not None and key not in metrics:
            raise UsageError(f"keep_best names {key!r}, which no metric gives", fix=f"known: {', '.join(metrics)}")

    def _end_epoch(self, model: Any, event: TrainEvent) -> TrainEvent:
        metrics = dict(event.metrics)
        if event.scores is not None:
            predictions = decode(self.parts.decoder, self.dev, self.dev_features, event.scores)
            metrics |= judge(self.dev, predictions, self.parts.metrics).metrics
        trainer = self.parts.trainer.instance
        if self._is_best(metrics):
            with replacing(self.folder / "checkpoints" / "best") as new:
                trainer.save(model, new, state=False)
        self.folder.save()
        with replacing(self.folder / "checkpoints" / "last") as new:
            trainer.save(model, new, state=True)
        return replace(event, metrics=metrics, scores=None)

    def _is_best(self, metrics: Mapping[str, float]) -> bool:
        key = self.recipe.scalars["keep_best"]
        if key is None:
            return False
        best = self.folder.manifest.get("best")
        if best is not None and best["value"] >= metrics[key]:
            return False
        self.folder.manifest["best"] = {"metric": key, "value": metrics[key]}
        return True

    def _keep_before_divergence(self, trainer: Any, model: Any, error: TrainingDiverged) -> None:
        place = self.folder / "checkpoints" / "before-divergence"
        with replacing(place) as new:
            trainer.save(model, new, state=False)
        error.fix = f"{error.fix}; the weights before that step are in {place}"
