"""The training stage: real EM/F1 after each epoch, a state to resume from, the best epoch kept."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qatk.calibration.calibrate import check_can_calibrate, cross_fit
from qatk.errors import TrainingDiverged, UsageError
from qatk.evaluation.metrics import judge
from qatk.files import replacing
from qatk.plugins.registered import Part, expect
from qatk.recipes.compose import Pipeline
from qatk.recipes.recipe import Recipe
from qatk.run_folder.folder import RunFolder
from qatk.stages import Stages, Trackers
from qatk.types import Examples, Features, Float32, Int32, Predictions, SpanScores, TrainEvent


def decode(
    decoder: Part, examples: Examples, features: Features, scores: SpanScores, *, rehearsal: bool = False
) -> Predictions:
    """Predictions of a live decoder, one an example.

    Where the decoder is to be ``calibrated``, each question is answered by a null threshold that was fitted on other
    articles; not in a rehearsal, whose few examples cannot be halved.
    """
    with decoder.during("decoding") as instance:
        predictions: Predictions = expect(instance.decode(examples, features, scores), Predictions)
        if len(predictions) != len(examples):
            raise ValueError(f"{len(predictions)} predictions for {len(examples)} examples")
    if scores.verifier is not None:
        verifier = of_least_null(scores.verifier, features.example_index, scores.null, len(examples))
        predictions = replace(predictions, verifier=verifier)
    if getattr(instance, "calibrated", False) and not rehearsal:
        return cross_fit(examples, predictions)[0]
    return predictions


def of_least_null(column: Float32, example_index: Int32, null: Float32, count: int) -> Float32:
    """float32[count]: of a column over windows, its value where the null score of an example is least; else 0."""
    order = np.lexsort((null, example_index))
    examples, first = np.unique(example_index[order], return_index=True)
    found = np.zeros(count, np.float32)
    found[examples] = column[order[first]]
    return found


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
