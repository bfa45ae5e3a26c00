"""Decoding by decoders that fit parameters of their own: never on the questions that they answer with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qatk.calibration.calibrate import SEED, halves
from qatk.errors import DataError
from qatk.plugins.live import LiveDecoder
from qatk.plugins.protocols import Plain
from qatk.run_folder.parameters import Parameters
from qatk.types import Bool, Examples, Features, Predictions, SpanScores, clusters_of, join_predictions


def decode(
    decoder: LiveDecoder,
    examples: Examples,
    features: Features,
    scores: SpanScores,
    known: Plain | None = None,
    *,
    passing: bool = False,
    cluster: str | None = None,
) -> tuple[Predictions, Parameters | None]:
    """Answers, and the parameters that were fitted for them, or are known, where the decoder has any.

    Args:
        decoder: of the run.
        examples: what is asked.
        features: their windows.
        scores: of the windows.
        known: parameters, which need not be fitted then.
        passing: only the answers are wanted, as after an epoch: nothing is fitted for data to come.
        cluster: the column whose questions stay together; ``None`` is the article.

    Raises:
        DataError: where parameters have to be fitted, and there is no gold or only one article and context.
    """
    if not decoder.fitted:
        return decoder.decode(examples, features, scores), None
    if known is not None:
        decoder.restore(known)
        return decoder.decode(examples, features, scores), Parameters(known)
    check_can_fit(examples, cluster)
    half = halves(clusters_of(examples, cluster).index, SEED)
    fits, parts = [], []
    for part in (half, ~half):
        fits.append(decoder.fit(*_rows(examples, features, scores, ~part)))
        decoder.restore(fits[-1])
        parts.append(decoder.decode(*_rows(examples, features, scores, part)))
    answers = _woven(examples, half, *parts)
    if passing:
        return answers, None
    whole = decoder.fit(examples, features, scores)
    decoder.restore(whole)
    return answers, Parameters(whole, fits)


def check_can_fit(examples: Examples, cluster: str | None) -> None:
    """Raise :class:`DataError` where parameters cannot be fitted on one part of these examples for the other."""
    if not examples.has_gold:
        raise DataError("the decoder's parameters are fitted on gold answers, and there are none")
    if clusters_of(examples, cluster).count < 2:
        what = "all questions are of one article and one context, so that the decoder cannot be fitted on others"
        raise DataError(what, fix="score it on several articles")


def _rows(
    examples: Examples, features: Features, scores: SpanScores, rows: Bool
) -> tuple[Examples, Features, SpanScores]:
    """These examples, bool[n], with their windows and scores."""
    windows, number = np.flatnonzero(rows[features.example_index]), np.cumsum(rows) - 1
    taken = features.take(windows)
    taken = replace(taken, example_index=number[taken.example_index].astype(np.int32))
    return examples.take(np.flatnonzero(rows)), taken, scores.take(features, windows)


def _woven(examples: Examples, half: Bool, one: Predictions, other: Predictions) -> Predictions:
    """The predictions of either half, in the order of all examples."""
    row = np.concatenate([np.flatnonzero(half), np.flatnonzero(~half)])
    # argsort inverts the order: from an example to its place in the halves.
    return join_predictions(examples.take(row), [one, other]).take(np.argsort(row))
