"""From a model to scored answers; training takes the same path after each epoch as the run does at its end."""

from __future__ import annotations

import time
from dataclasses import dataclass

from qatk.calibration.calibrate import Calibration, answers_of, calibrate
from qatk.evaluation.metrics import judge
from qatk.evaluation.reachability import Reach
from qatk.plugins.live import LiveDecoder
from qatk.plugins.protocols import Model, Plain
from qatk.recipes.compose import Pipeline
from qatk.results.evaluation import Evaluation
from qatk.run_folder.parameters import Parameters
from qatk.runs.context import Context
from qatk.runs.decoding import decode
from qatk.types import Examples, Features, Predictions, SpanScores


def predict(context: Context, model: Model, features: Features) -> SpanScores:
    """Scores of all dev windows."""
    with context.stages.stage("predict") as counts:
        began = time.perf_counter()
        scores = context.parts.trainer.predict(model, features)
        counts.whole["windows_per_second"] = len(features) / (time.perf_counter() - began)
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
    splits: int | None = None,
    known: Plain | None = None,
) -> Answers:
    """Decode, by parameters fitted on other articles where the decoder has any, and calibrate where it asks for it.

    A calibrated decoder's questions are answered by null thresholds that were fitted on other articles.

    Args:
        decoder: of the run.
        examples: what is asked.
        features: their windows.
        scores: of the windows.
        splits: in how many ways the articles are halved; as many as usual where it is not given.
        known: the decoder's parameters, where it need not fit them.
    """
    predictions, parameters = decode(decoder, examples, features, scores, known)
    if not decoder.calibrated:
        return Answers(predictions, parameters=parameters)
    found = calibrate(examples, predictions) if splits is None else calibrate(examples, predictions, splits=splits)
    return Answers(answers_of(found, examples, predictions), found, parameters)


def evaluate(
    parts: Pipeline, examples: Examples, predictions: Predictions, reach: Reach | None = None, *, sliced: bool = True
) -> Evaluation:
    """Hold predictions against gold by the run's metrics and, where asked for, its slicers."""
    return judge(examples, predictions, parts.metrics, parts.slicers if sliced else (), reach)
