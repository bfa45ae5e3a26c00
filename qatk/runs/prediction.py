"""From scores to predictions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qatk.calibration.calibrate import cross_fit
from qatk.plugins.registered import Part, expect
from qatk.types import Examples, Features, Float32, Int32, Predictions, SpanScores


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
