"""Predictions held against gold: the official EM/F1 of any predictions file. Needs no model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from qatk.errors import DataError, PredictionsError, UsageError
from qatk.evaluation.metrics import Odds, summarise
from qatk.evaluation.prediction_files import (
    Source,
    check_null_odds,
    list_ids,
    read_null_odds,
    read_predictions,
    same_order,
)
from qatk.evaluation.squad import exact_and_f1, official_metrics
from qatk.results.evaluation import Evaluation
from qatk.types import Examples, Predictions

if TYPE_CHECKING:
    from qatk.plugins.host import PluginHost

Missing = Literal["error", "wrong"]
Extra = Literal["error", "ignore"]


def evaluate(
    data: Source | Examples,
    predictions: Source | Mapping[str, str],
    *,
    null_odds: Source | Mapping[str, float] | None = None,
    missing: Missing = "error",
    extra: Extra = "error",
    na_prob_thresh: float | None = None,
    host: PluginHost | None = None,
) -> Evaluation:
    """Score predictions as the official SQuAD v2 script does. They stand as they are, unless a threshold is given.

    Args:
        data: examples with gold, or a SQuAD file (v1.1 or v2, plain or .gz).
        predictions: id to text, ``""`` for "no answer"; a mapping or a JSON file, plain or .gz.
        null_odds: id to null score minus best span score, likewise; adds ``best_*`` and ``pr_*``.
        missing: what to do about questions without a prediction: ``"error"`` lists them, ``"wrong"`` scores them 0,
            unanswerable ones too.
        extra: what to do about predictions of other questions: ``"error"`` lists them, ``"ignore"`` leaves them out, as
            the official script does.
        na_prob_thresh: the official script's option: answers with null odds above it count as "no answer"; ``best_*``
            and ``pr_*`` stay those of the predictions as they are.
        host: the plugins to use; the ``squad`` dataset reads a file.

    Raises:
        PredictionsError: where predictions or odds do not belong to the data: ids missing, left over or double.
        DataError: where a file holds something else, or the data has no gold.
        UsageError: where a file cannot be opened.
    """
    examples = read_data(data, host)
    if not isinstance(predictions, Mapping):
        predictions = read_predictions(predictions)
    if null_odds is not None and not isinstance(null_odds, Mapping):
        null_odds = read_null_odds(null_odds)
    return evaluate_examples(examples, predictions, null_odds, missing, extra, na_prob_thresh)


def read_data(data: Source | Examples, host: PluginHost | None = None, *, cluster: str | None = None) -> Examples:
    """Examples to score by: a SQuAD file is read by the ``squad`` dataset of the host; examples stand as they are.

    Args:
        data: a file, or examples.
        host: the plugins to use.
        cluster: a further column of a file's questions to read, see :func:`qatk.types.clusters_of`.

    Raises:
        DataError: where the file holds something else.
        UsageError: where it cannot be opened.
    """
    if isinstance(data, Examples):
        return data
    from qatk.plugins.host import PluginHost

    columns = [] if cluster in (None, "title", "context") else [cluster]
    # scoring reads texts only, as the official script does
    options = {"path": str(data), "bad_answers": "keep", "columns": columns}
    examples: Examples = (host or PluginHost.discover()).build("dataset", "squad", options).load()
    return examples


def evaluate_examples(
    examples: Examples,
    predictions: Mapping[str, str],
    null_odds: Mapping[str, float] | None = None,
    missing: Missing = "error",
    extra: Extra = "error",
    na_prob_thresh: float | None = None,
) -> Evaluation:
    """Score predictions of these examples; see :func:`evaluate`.

    Returns:
        Figures under the official keys and in the official order, and ``exact`` and ``f1`` of each question. The
        predictions in it stand where their context has their text, next to a gold answer where it has it more than
        once (a file does not say which place was meant), and at -1 where it has not;
        with null odds their score is 0 and their null score the odds, without both are NaN.
    """
    if missing not in ("error", "wrong"):
        raise UsageError(f"missing is {missing!r}", fix="use 'error' or 'wrong'")
    if extra not in ("error", "ignore"):
        raise UsageError(f"extra is {extra!r}", fix="use 'error' or 'ignore'")
    _check_threshold(na_prob_thresh, null_odds)
    if not len(examples):
        raise DataError("there are no questions to score")
    if extra == "ignore":
        known = set(examples.id)
        predictions = {name: text for name, text in predictions.items() if name in known}
        null_odds = null_odds and {name: value for name, value in null_odds.items() if name in known}
    in_order = same_order(predictions, examples.id)
    if not in_order:
        _check_ids(examples.id, predictions, missing)
    if null_odds is not None:
        check_null_odds(predictions, null_odds)
    texts = list(predictions.values()) if in_order else [predictions.get(name, "") for name in examples.id]
    exact, f1 = exact_and_f1(examples, texts)
    if len(predictions) < len(examples):
        given = np.fromiter((name in predictions for name in examples.id), np.bool_, len(examples))
        exact, f1 = exact * given, f1 * given
    per_question = {"exact": exact, "f1": f1}
    located = _locate(examples, texts, null_odds)
    odds = None if null_odds is None else _odds_in_order(examples, null_odds)
    figures = summarise(examples, located, per_question, odds)
    if na_prob_thresh is not None and null_odds is not None:
        above = located.null_odds > na_prob_thresh
        per_question = {name: np.where(above, ~examples.has_answer, values) for name, values in per_question.items()}
        kept = ["" if cut else text for text, cut in zip(texts, above, strict=True)]
        located = _locate(examples, kept, null_odds)
        figures |= official_metrics(per_question["exact"], per_question["f1"], examples.has_answer)
    return Evaluation(examples, located, figures, per_question)


def _check_threshold(threshold: float | None, null_odds: Mapping[str, float] | None) -> None:
    if threshold is None:
        return
    if null_odds is None:
        raise UsageError("a threshold needs null odds", fix="give them: --null-odds FILE (null_odds=)")
    if math.isnan(threshold):
        raise UsageError("the threshold is NaN", fix="give a number on the scale of the null odds")


def _odds_in_order(examples: Examples, null_odds: Mapping[str, float]) -> Odds:
    """The odds in the order of their file, which decides between equal ones in the official script."""
    rows = None
    if not same_order(null_odds, examples.id):
        row = {name: i for i, name in enumerate(examples.id)}
        rows = np.fromiter(map(row.__getitem__, null_odds), np.int64, len(null_odds))
    return np.fromiter(null_odds.values(), np.float64, len(null_odds)), rows


def _locate(examples: Examples, texts: Sequence[str], null_odds: Mapping[str, float] | None) -> Predictions:
    """The predictions as columns, each text where its context has it."""
    places = (_place(examples, row, text) if text else -1 for row, text in enumerate(texts))
    start = np.fromiter(places, np.int32, len(texts))
    lengths = np.fromiter(map(len, texts), np.int32, len(texts))
    if null_odds is not None and same_order(null_odds, examples.id):
        odds = np.fromiter(null_odds.values(), np.float64, len(null_odds))
    else:
        odds = np.array([(null_odds or {}).get(name, math.nan) for name in examples.id], np.float64)
    most = np.finfo(np.float32).max
    null_score = np.clip(odds, -most, most).astype(np.float32)
    score = np.where(np.isnan(null_score), null_score, np.float32(0))
    return Predictions(texts, start, np.where(start >= 0, start + lengths, np.int32(-1)), score, null_score)


def _place(examples: Examples, row: int, text: str) -> int:
    """Where a context has a text: of several places the one nearest to a gold answer; -1 where it has not."""
    context = examples.context_of(row)
    first = place = context.find(text)
    if first < 0 or context.find(text, first + 1) < 0 or not (golds := examples.spans_of(row)):
        return first
    places = []
    while place >= 0:
        places.append(place)
        place = context.find(text, place + 1)
    return min(places, key=lambda at: min(abs(at - start) + abs(at + len(text) - end) for start, end in golds))


def _check_ids(ids: Sequence[str], predictions: Mapping[str, str], missing: Missing) -> None:
    known = set(ids)
    lacking = [name for name in ids if name not in predictions] if missing == "error" else []
    kinds = {"have no prediction": lacking, "are not in the data": [name for name in predictions if name not in known]}
    if any(kinds.values()):
        fixes = ["score missing ones as wrong with missing='wrong' (qatk eval --missing wrong)"] if lacking else []
        fixes += ["check that the predictions are of this data"]
        if kinds["are not in the data"]:
            fixes += ["leave out what is not with extra='ignore' (qatk eval --extra ignore)"]
        raise PredictionsError(list_ids(kinds), fix="; ".join(fixes))
