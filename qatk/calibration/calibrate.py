"""A null threshold that was not tuned on what it is scored on, and probabilities that mean what they say.

Thresholds are fitted on the questions of one half of the articles and scored on those of the other, and the halves
swapped, so that every question is scored by a threshold that never saw its article. Letters in shapes: n questions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from qatk.calibration.fitting import Fitted, Questions, fit
from qatk.calibration.risk_control import Ask, Promise, control_risk
from qatk.errors import DataError
from qatk.evaluation.squad import exact_and_f1
from qatk.evaluation.thresholds import best_answers, best_of_abstentions
from qatk.files import write_json
from qatk.languages import DEFAULT, ENGLISH, Normalisation
from qatk.results.evaluation import Evaluation, plain_interval
from qatk.statistics.classification import brier_score, calibration_error, log_loss, reliability
from qatk.statistics.intervals import mean_interval, percent
from qatk.statistics.logistic import no_answer_probability
from qatk.types import Bool, Clusters, Examples, Float64, Int64, Predictions, clusters_of

SPLITS, SEED = 20, 13
TRIES = 20
"""Draws for each way to halve that is asked for: few articles can be halved in few ways."""
FILE = "calibration.json"
HELD_OUT = ("exact", "f1", "calibration_error", "brier", "log_loss")
"""Figures of held-out questions, each with its spread over the ways to halve."""


@dataclass(frozen=True)
class Fold:
    """One half of the articles: how many questions, what was fitted on the other half, EM and F1 in per cent."""

    questions: int
    threshold: float
    exact: float
    f1: float


@dataclass(frozen=True)
class HeldOut:
    """Figures in per cent of all questions, each scored by what was fitted on the other half of the articles.

    Attributes:
        exact, f1: with the fitted thresholds.
        calibration_error: expected calibration error of the fitted probabilities, a fraction.
        brier, log_loss: of them, see :func:`qatk.statistics.classification.brier_score` and ``log_loss``.
        folds: of the two halves.
    """

    exact: float
    f1: float
    calibration_error: float
    brier: float
    log_loss: float
    folds: tuple[Fold, Fold]

    @property
    def thresholds(self) -> tuple[float, float]:
        """By which the questions of either half were answered."""
        return self.folds[0].threshold, self.folds[1].threshold


@dataclass(frozen=True)
class Calibration:
    """What calibrating found.

    Attributes:
        fitted: on all questions, for data to come.
        splits: one for each way to halve the articles, no two alike; the first scores a run.
        seed: of the draws.
        at_zero, oracle: EM and F1 in per cent at threshold 0, and at the one that is best on this very data.
        intervals: 95 % intervals by cluster of EM and F1 ``at_zero`` and ``held_out`` (means over splits), in per cent.
        calibration_error, brier, log_loss: before calibrating: of the plain logistic function of the odds.
        clusters: what was halved: articles, contexts, or what a column says.
        full: whether the best spans of abstentions were known; else thresholds only take answers away.
        promise: the error rate that a threshold keeps, where one was asked for.
        normaliser: by which answers were compared.
        on: the name of the data: an evaluation set of a run, or a file.
    """

    fitted: Fitted
    splits: Sequence[HeldOut]
    seed: int
    at_zero: Mapping[str, float]
    oracle: Mapping[str, float]
    intervals: Mapping[str, Mapping[str, tuple[float, float]]]
    calibration_error: float
    brier: float
    log_loss: float
    clusters: Clusters
    full: bool
    promise: Promise | None = None
    normaliser: str = DEFAULT
    on: str = "dev"

    @property
    def held_out(self) -> dict[str, dict[str, float]]:
        """The figures of :data:`HELD_OUT`: of the ``first`` split, and their ``mean``, ``least`` and ``most``."""
        return {name: _spread([getattr(split, name) for split in self.splits]) for name in HELD_OUT}

    def as_dict(self) -> dict[str, object]:
        """Everything as plain types: what ``calibration.json`` holds."""
        return {
            "threshold": self.fitted.threshold,
            "temperature": self.fitted.temperature,
            "offset": self.fitted.offset,
            "held_out": {**self.held_out, "intervals": self._plain_intervals("held_out")},
            "folds": [asdict(fold) for fold in self.splits[0].folds],
            "thresholds": [list(split.thresholds) for split in self.splits],
            "splits": len(self.splits),
            "seed": self.seed,
            "at_zero": {**self.at_zero, "intervals": self._plain_intervals("at_zero")},
            "oracle": dict(self.oracle),
            "calibration_error": self.calibration_error,
            "brier": self.brier,
            "log_loss": self.log_loss,
            "clusters": self.clusters.as_dict(),
            "full": self.full,
            "normaliser": self.normaliser,
            "on": self.on,
            **({} if self.promise is None else {"promise": self.promise.as_dict()}),
        }

    def _plain_intervals(self, of: str) -> dict[str, list[float] | None]:
        return {name: plain_interval(bounds) for name, bounds in self.intervals[of].items()}


def _spread(of: Sequence[float]) -> dict[str, float]:
    return {"first": of[0], "mean": float(np.mean(of)), "least": min(of), "most": max(of)}


def calibrate(
    examples: Examples,
    predictions: Predictions,
    normalisation: Normalisation = ENGLISH,
    *,
    splits: int = SPLITS,
    seed: int = SEED,
    cluster: str | None = None,
    promise: Ask | None = None,
    on: str = "dev",
) -> Calibration:
    """Fit on one half of the articles, score on the other, swap; for several ways to halve them.

    Args:
        examples: with gold.
        predictions: of them, with null odds.
        normalisation: by which normaliser answers are compared.
        splits: ways to halve, at most.
        seed: of these halves.
        cluster: the column whose questions stay together, see :func:`qatk.types.clusters_of`; ``None`` is the article.
        promise: an error rate to promise, see :func:`qatk.calibration.risk_control.control_risk`.
        on: the name of the data.

    Raises:
        DataError: without null odds; where all questions or none have an answer; for fewer than two articles and
            contexts; where the data cannot promise what is asked.
        UsageError: for a column to cluster by that is not there.
    """
    check_can_calibrate(examples, cluster)
    questions, clusters = _questions(examples, predictions, normalisation), clusters_of(examples, cluster)
    fitted = fit(questions)
    zero, best = questions.scores(0.0), questions.scores(fitted.threshold)
    held = [_held_out(questions, half) for half in distinct_halves(clusters.index, splits, seed)]
    means = np.mean([scores for _, scores in held], axis=0)
    return Calibration(
        fitted=fitted,
        splits=[each for each, _ in held],
        seed=seed,
        at_zero={"exact": percent(zero[0]), "f1": percent(zero[1])},
        oracle={"exact": percent(best[0]), "f1": percent(best[1])},
        intervals={"at_zero": _intervals(zero, clusters), "held_out": _intervals(means, clusters)},
        **_judged(no_answer_probability(questions.odds), questions),
        clusters=clusters,
        full=predictions.nbest is not None,
        promise=None if promise is None else control_risk(questions, clusters, promise, on),
        normaliser=normalisation.name_of(examples),
        on=on,
    )


def answers_of(found: Calibration, examples: Examples, predictions: Predictions) -> Predictions:
    """The predictions with each question answered by the threshold that was fitted on the other half of the articles.

    The halves are those of the first split; scores stay as they are.
    """
    half = halves(found.clusters.index, found.seed)
    return apply_threshold(examples, predictions, np.where(half, *found.splits[0].thresholds))


def apply_threshold(examples: Examples, predictions: Predictions, threshold: Float64 | float) -> Predictions:
    """The answers that other thresholds give: nothing where the null odds are above, else what was answered.

    Where nothing was, it is the best span.

    Args:
        examples: that the predictions are of.
        predictions: of them; where they carry no n-best list, what was not answered stays so.
        threshold: one, or float64[n].
    """
    answers, said = predictions.null_odds <= threshold, list(predictions.text)
    start, end = predictions.char_start.copy(), predictions.char_end.copy()
    if (nbest := predictions.nbest) is not None:
        rows, spans = best_of_abstentions(predictions)
        start[rows], end[rows] = nbest.char_start[spans], nbest.char_end[spans]
        for row in rows.tolist():
            said[row] = examples.context_of(row)[start[row] : end[row]]
    text = [answer if keep else "" for answer, keep in zip(said, answers, strict=True)]
    start[~answers] = end[~answers] = -1
    return replace(predictions, text=text, char_start=start, char_end=end)


def halves(clusters: Int64, seed: int) -> Bool:
    """bool[n]: one half of the clusters, drawn at random so that both have about as many questions."""
    sizes = np.bincount(clusters)
    order = np.random.default_rng(seed).permutation(len(sizes))
    order = order[sizes[order] > 0]
    first = np.zeros(len(sizes), np.bool_)
    weight = [0, 0]
    for cluster in order:
        first[cluster] = lighter = weight[1] <= weight[0]
        weight[lighter] += int(sizes[cluster])
    half: Bool = first[clusters]
    return half


def distinct_halves(clusters: Int64, count: int, seed: int) -> list[Bool]:
    """Up to ``count`` ways to halve, no two alike or each other's swap: those of ``seed`` and the seeds after it."""
    found: dict[bytes, Bool] = {}
    for draw in range(seed, seed + TRIES * count):
        half = halves(clusters, draw)
        found.setdefault((half ^ half[0]).tobytes(), half)
        if len(found) == count:
            break
    return list(found.values())


def _questions(examples: Examples, predictions: Predictions, normalisation: Normalisation) -> Questions:
    if not len(examples) or np.isnan(predictions.null_odds).any():
        what = "there are no null odds to calibrate, or some are NaN"
        raise DataError(what, fix="give null odds with the predictions, or calibrate a run")
    exact, f1 = exact_and_f1(examples, predictions.text, predictions.several, normalisation)
    given = Evaluation(examples, predictions, {}, {"exact": exact, "f1": f1}, normalisation=normalisation)
    answered, scores = best_answers(given)
    return Questions(predictions.null_odds, examples.has_answer, answered, *scores)


def check_can_calibrate(examples: Examples, cluster: str | None) -> None:
    """Raise :class:`DataError` where no threshold can be fitted on one part of these examples for the other."""
    if len(set(examples.has_answer.tolist())) < 2:
        kind = "every question has an answer" if examples.has_answer.all() else "no question has an answer"
        raise DataError(f"{kind}: there is no null threshold to find", fix="calibrate on questions of both kinds")
    if clusters_of(examples, cluster).count < 2:
        what = "all questions are of one article and one context, so that none can be held out"
        raise DataError(what, fix="calibrate on several articles")


def write_calibration(folder: Path, calibration: Calibration) -> None:
    """Write ``calibration.json`` into a run folder. Raises :class:`qatk.errors.StorageError`."""
    write_json(folder / FILE, calibration.as_dict())


def _intervals(scores: Sequence[Float64], clusters: Clusters) -> dict[str, tuple[float, float]]:
    return {name: mean_interval(each, clusters.index) for name, each in zip(("exact", "f1"), scores, strict=True)}


def _held_out(questions: Questions, half: Bool) -> tuple[HeldOut, tuple[Float64, Float64]]:
    """Fit on either half, score on the other: the figures, and EM and F1 of each question."""
    fits = [fit(questions.take(~part)) for part in (half, ~half)]  # the first is for the questions of ``half``
    scores = questions.scores(np.where(half, *(by.threshold for by in fits)))
    probabilities = [no_answer_probability(questions.odds - by.offset, by.temperature) for by in fits]
    judged = _judged(np.where(half, *probabilities), questions)
    first, second = (_fold(part, by, scores) for part, by in zip((half, ~half), fits, strict=True))
    return HeldOut(percent(scores[0]), percent(scores[1]), **judged, folds=(first, second)), scores


def _fold(part: Bool, by: Fitted, scores: tuple[Float64, Float64]) -> Fold:
    exact, f1 = (percent(score[part]) for score in scores)
    return Fold(int(part.sum()), by.threshold, exact, f1)


def _judged(probability: Float64, questions: Questions) -> dict[str, float]:
    """How far probabilities are from the truth."""
    truth = ~questions.has_answer
    error = calibration_error(reliability(probability, truth))
    return {
        "calibration_error": error,
        "brier": brier_score(probability, truth),
        "log_loss": log_loss(probability, truth),
    }
