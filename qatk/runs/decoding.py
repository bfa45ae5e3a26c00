"""Decoding by decoders that fit parameters of their own: never on the questions that they answer with them."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np

from qatk.calibration.calibrate import SEED, halves
from qatk.errors import DataError
from qatk.plugins.live import LiveDecoder
from qatk.plugins.protocols import Plain
from qatk.run_folder.parameters import Parameters
from qatk.types import Bool, Examples, Features, NBest, Predictions, SpanScores, clusters_of
from qatk.types.predictions import Spans

R = TypeVar("R", NBest, Spans)


def decode(
    decoder: LiveDecoder,
    examples: Examples,
    features: Features,
    scores: SpanScores,
    known: Plain | None = None,
    *,
    passing: bool = False,
) -> tuple[Predictions, Parameters | None]:
    """Answers, and the parameters that were fitted for them, or are known, where the decoder has any.

    Args:
        decoder: of the run.
        examples: what is asked.
        features: their windows.
        scores: of the windows.
        known: parameters, which need not be fitted then.
        passing: only the answers are wanted, as after an epoch: nothing is fitted for data to come.

    Raises:
        DataError: where parameters have to be fitted, and there is no gold or only one article and context.
    """
    if not decoder.fitted:
        return decoder.decode(examples, features, scores), None
    if known is not None:
        decoder.restore(known)
        return decoder.decode(examples, features, scores), Parameters(known)
    check_can_fit(examples)
    half = halves(clusters_of(examples).index, SEED)
    fits, parts = [], []
    for part in (half, ~half):
        fits.append(decoder.fit(*_rows(examples, features, scores, ~part)))
        decoder.restore(fits[-1])
        parts.append(decoder.decode(*_rows(examples, features, scores, part)))
    answers = _woven(half, *parts)
    if passing:
        return answers, None
    whole = decoder.fit(examples, features, scores)
    decoder.restore(whole)
    return answers, Parameters(whole, fits)


def check_can_fit(examples: Examples) -> None:
    """Raise :class:`DataError` where parameters cannot be fitted on one part of these examples for the other."""
    if not examples.has_gold:
        raise DataError("the decoder's parameters are fitted on gold answers, and there are none")
    if clusters_of(examples).count < 2:
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


def _woven(half: Bool, one: Predictions, other: Predictions) -> Predictions:
    """The predictions of either half, in the order of all examples."""
    order = np.empty(len(half), np.int64)
    order[half], order[~half] = np.arange(len(one)), len(one) + np.arange(len(other))
    names = ("char_start", "char_end", "score", "null_score")
    numbers = {name: np.concatenate([getattr(one, name), getattr(other, name)]) for name in names}
    nbest = None if one.nbest is None or other.nbest is None else _joined(one.nbest, other.nbest)
    several = None
    if one.several is not None or other.several is not None:
        several = _joined(*(part.several or _none(len(part)) for part in (one, other)))
    together = Predictions([*one.text, *other.text], nbest=nbest, several=several, **numbers)
    return together.take(order)


def _joined(one: R, other: R) -> R:
    offsets = np.concatenate([one.offsets, one.offsets[-1] + other.offsets[1:]])
    names = [name for name in vars(one) if name not in ("offsets", "text")]
    numbers = {name: np.concatenate([getattr(one, name), getattr(other, name)]) for name in names}
    return replace(one, offsets=offsets, text=[*one.text, *other.text], **numbers)


def _none(rows: int) -> Spans:
    nothing = np.zeros(0, np.int32)
    return Spans(np.zeros(rows + 1, np.int64), [], nothing, nothing, np.zeros(0, np.float32))
