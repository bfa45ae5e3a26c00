"""From a model to scored answers; training takes the same path after each epoch as the run does at its end."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from qatk.calibration.calibrate import SPLITS, Calibration, answers_of, apply_threshold, calibrate
from qatk.evaluation.metrics import judge
from qatk.evaluation.reachability import Reach
from qatk.exports.runtimes import open_trained
from qatk.languages import ENGLISH, Normalisation
from qatk.plugins.live import LiveDecoder
from qatk.plugins.live_exports import LiveExporter
from qatk.plugins.model_types import BackboneSpec
from qatk.plugins.protocols import Model, Plain
from qatk.recipes.compose import Pipeline
from qatk.results.evaluation import Evaluation
from qatk.results.run import EXPORTED, PREDICTING
from qatk.run_folder.parameters import Parameters
from qatk.runs.context import Context, Windows
from qatk.runs.decoding import decode
from qatk.types import Examples, Features, Predictions, SpanScores

SAMPLE = 64
"""Windows of ``dev`` that an exporter gets, where the runtime needs one."""


def predict(context: Context, model: Model, windows: Windows, *, dev: bool = True) -> dict[str, SpanScores]:
    """Scores of all windows of ``dev``, unless it has been answered, and of each further evaluation set."""
    sets = {**({"dev": windows.dev} if dev else {}), **windows.sets}
    parts = context.parts

    def sample(_: LiveExporter) -> tuple[BackboneSpec, Features]:
        return windows.spec, windows.dev.take(np.arange(min(SAMPLE, len(windows.dev))))

    with context.stages.stage("predict") as counts:
        opened = open_trained(parts.runtime, parts.trainer, model, sample, parts.host)
        began = time.perf_counter()
        scores = {name: opened.predict(features) for name, features in sets.items()}
        seconds = time.perf_counter() - began
        counts.whole |= {"windows_per_second": sum(map(len, sets.values())) / seconds, PREDICTING: seconds}
        if opened.exported_bytes is not None:
            counts.whole[EXPORTED] = opened.exported_bytes
    return scores


@dataclass(frozen=True, eq=False)
class Answers:
    """Predictions, how their null threshold was found, and what the decoder fitted, where it asks for that."""

    predictions: Predictions
    calibration: Calibration | None = None
    parameters: Parameters | None = None


def answer(
    decoder: LiveDecoder,
    examples: Examples,
    features: Features,
    scores: SpanScores,
    *,
    passing: bool = False,
    known: Plain | None = None,
    normalisation: Normalisation = ENGLISH,
    cluster: str | None = None,
) -> Answers:
    """Decode, by parameters fitted on other articles where the decoder has any, and calibrate where it asks for it.

    A calibrated decoder's questions are answered by null thresholds that were fitted on other articles.

    Args:
        decoder: of the run.
        examples: what is asked.
        features: their windows.
        scores: of the windows.
        passing: only the answers are wanted, as after an epoch: the articles are halved in one way, and nothing is
            fitted for data to come.
        known: the decoder's parameters, where it need not fit them.
        normalisation: by which normaliser answers are compared to calibrate.
        cluster: the column whose questions stay together; ``None`` is the article.
    """
    predictions, parameters = decode(decoder, examples, features, scores, known, passing=passing, cluster=cluster)
    if not decoder.calibrated:
        return Answers(predictions, parameters=parameters)
    splits = 1 if passing else SPLITS
    found = calibrate(examples, predictions, splits=splits, normalisation=normalisation, cluster=cluster)
    return Answers(answers_of(found, examples, predictions), found, parameters)


def answer_as(
    dev: Answers, decoder: LiveDecoder, examples: Examples, features: Features, scores: SpanScores
) -> Predictions:
    """Answers to another set as ``dev`` decided: by what was fitted on all of its questions."""
    known = None if dev.parameters is None else dev.parameters.whole
    predictions, _ = decode(decoder, examples, features, scores, known)
    if dev.calibration is None:
        return predictions
    return apply_threshold(examples, predictions, dev.calibration.fitted.threshold)


def evaluate(
    parts: Pipeline,
    examples: Examples,
    predictions: Predictions,
    reach: Reach | None = None,
    *,
    sliced: bool = True,
    cluster: str | None = None,
) -> Evaluation:
    """Hold predictions against gold by the run's metrics and, where asked for, its slicers; by clusters."""
    found = judge(examples, predictions, parts.metrics, parts.slicers if sliced else (), reach)
    return replace(found, cluster=cluster)
