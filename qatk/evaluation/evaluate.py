"""Score any predictions file with the official EM and F1. This needs no model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from qatk.arguments import one_of, real
from qatk.errors import DataError, PredictionsError, UsageError
from qatk.evaluation.free_text import ALIGNMENT, Aligner, align_answers
from qatk.evaluation.given import Given, given_examples, given_odds, given_predictions
from qatk.evaluation.locating import locate
from qatk.evaluation.metrics import Odds, summarise
from qatk.evaluation.prediction_files import Source, check_null_odds, same_order
from qatk.evaluation.prediction_rows import Said, list_ids, refuse_double
from qatk.evaluation.squad import exact_and_f1, official_metrics
from qatk.files import place_of
from qatk.languages import ENGLISH, Normalisation
from qatk.plugins.endings import for_scoring, reader_of
from qatk.plugins.normalisers import normalisation_of
from qatk.results.evaluation import Evaluation
from qatk.spelling import commanded, spelled
from qatk.types import ALL_COLUMNS, Examples, clusters_of
from qatk.types.clusters import no_such_cluster
from qatk.types.further import NoColumn

if TYPE_CHECKING:
    from qatk.plugins.host import PluginHost

Missing = Literal["error", "wrong"]
"""What to do about questions without a prediction."""
Extra = Literal["error", "ignore"]
"""What to do about predictions for other questions."""


def evaluate(
    data: object,
    predictions: Given,
    *,
    null_odds: Source | Mapping[str, float] | None = None,
    missing: Missing = "error",
    extra: Extra = "error",
    na_prob_thresh: float | None = None,
    host: PluginHost | None = None,
    use: str | None = None,
    options: Mapping[str, object] | None = None,
    cluster: str | None = None,
    align: Aligner | None = None,
    language: str | None = None,
    language_column: str | None = None,
) -> Evaluation:
    """Score predictions as the official SQuAD v2 script does; without a threshold, they are scored as they are.

    Args:
        data: examples with gold answers, rows of them as :meth:`qatk.Examples.from_rows` reads, or a file, see ``use``.
        predictions: what a model predicts for these examples; a mapping from id to text (``""`` for "no answer") or to
            the list of the answer's spans; or a file, see
            :func:`qatk.evaluation.prediction_files.read_predictions`.
        null_odds: a mapping from id to null score minus best span score, or a file; adds ``best_*`` and ``pr_*``.
            ``None`` takes those of what a model predicts, or in the rows of a predictions file, if all have them.
        missing: what to do about questions without a prediction: ``"error"`` lists them, ``"wrong"`` scores them 0,
            even unanswerable ones.
        extra: what to do about predictions for other questions: ``"error"`` lists them, ``"ignore"`` drops them, as the
            official script does.
        na_prob_thresh: the official script's option: answers with higher null odds become "no answer"; ``best_*`` and
            ``pr_*`` still describe the predictions as they are.
        host: the plugins to use.
        use: the dataset that reads a file; its first required option is the path. ``None`` takes it by the file's
            ending.
        options: further options of that dataset, such as ``{"roles": {"answers": "reply"}}``.
        cluster: the column that defines clusters, see :func:`qatk.types.clusters_of`; ``None`` uses articles.
        align: how to align free-text answers to spans of their contexts before they are scored; adds the groups
            ``alignment`` to the evaluation.
        language: the normaliser by which answers are compared, such as ``de``; ``None`` is ``en``, the script's.
        language_column: the column of the data that names each question's normaliser.

    Raises:
        PredictionsError: if predictions or odds do not match the data: missing, additional or duplicate ids.
        DataError: if the content of a file cannot be used, or the data have no gold answers.
        UsageError: if a file cannot be opened, for an unknown cluster column, or an unknown language.
    """
    normalisation = normalisation_of(language, language_column, host)
    examples = read_data(data, host, cluster=cluster, use=use, options=options, language_column=language_column)
    clusters_of(examples, cluster)
    said, odds = given_predictions(predictions, examples.id), given_odds(null_odds, predictions, examples.id)
    aligned = None if align is None else align_answers(examples, said, align)
    masks = {} if aligned is None else {ALIGNMENT: aligned.masks(examples)}
    answers = said if aligned is None else aligned.said
    found = evaluate_examples(examples, answers, odds, missing, extra, na_prob_thresh, normalisation)
    return replace(found, cluster=cluster, masks=masks, data=name_of_data(data))


def read_data(
    data: object,
    host: PluginHost | None = None,
    *,
    cluster: str | None = None,
    use: str | None = None,
    options: Mapping[str, object] | None = None,
    language_column: str | None = None,
) -> Examples:
    """Examples to score; a file is read by a dataset of the host, and examples are returned unchanged.

    Args:
        data: a file, examples, or rows of them.
        host: the plugins to use.
        cluster: an additional column to read, see :func:`qatk.types.clusters_of`.
        use: the dataset that reads a file; its first required option is the path.
        options: further options of that dataset.
        language_column: a further column to read, see :class:`qatk.languages.Normalisation`.

    Raises:
        DataError: if the content of the file cannot be used, or it has no gold answers.
        UsageError: if it cannot be opened, or the dataset reads no files; for options without a file, and for a cluster
            column that is not there.
    """
    try:
        return _read_data(data, host, cluster, use, options, language_column)
    except NoColumn as error:
        if error.column == cluster:
            raise no_such_cluster(cluster, error.others, where=error.where) from None
        if error.column == language_column:
            error.fix = f"name another column, or leave out {spelled('language_column')}"
        raise


def _read_data(
    data: object,
    host: PluginHost | None,
    cluster: str | None,
    use: str | None,
    options: Mapping[str, object] | None,
    language_column: str | None,
) -> Examples:
    if options and not isinstance(data, str | Path):
        raise UsageError(f"{spelled('options')} is only for data in a file", fix="remove it, or name the file")
    if isinstance(data, Examples):
        return data
    further = [*([cluster] if cluster not in ("title", "context") else []), language_column]
    columns = list(dict.fromkeys(filter(None, further)))
    if not isinstance(data, str | Path):
        return given_examples(data, columns)
    from qatk.plugins.host import PluginHost
    from qatk.plugins.live import LiveDataset

    host = host or PluginHost.discover()
    use, option = reader_of(str(data), use, host)
    given = _with_columns({**(options or {}), option: str(data)}, columns)
    live = host.live(LiveDataset, "dataset", use, for_scoring(use, given, host))
    examples = live.load()
    if not examples.has_gold:
        why, role = live.without_answers(), {"roles": {"answers": "NAME"}}
        named = "--set roles.answers=NAME" if commanded() else spelled("options", role)
        fix = f"{named} says which one" if why else "scores need labelled data"
        raise DataError(f"it has no gold answers{f': {why}' if why else ''}", where=str(data), fix=fix)
    return examples


def name_of_data(data: object) -> str:
    """The name of a file of examples; empty for examples and rows."""
    return place_of(data).rpartition("/")[2] if isinstance(data, str | Path) else ""


def _with_columns(options: dict[str, object], columns: Sequence[str]) -> dict[str, object]:
    """Options of a dataset that read these columns too."""
    named = options.get("columns", [])
    if not columns or not isinstance(named, list | tuple) or ALL_COLUMNS in named:
        return options
    return {**options, "columns": list(dict.fromkeys([*named, *columns]))}


def evaluate_examples(
    examples: Examples,
    predictions: Mapping[str, Said],
    null_odds: Mapping[str, float] | None = None,
    missing: Missing = "error",
    extra: Extra = "error",
    na_prob_thresh: float | None = None,
    normalisation: Normalisation = ENGLISH,
) -> Evaluation:
    """Score predictions of these examples; see :func:`evaluate`.

    Returns:
        Metrics with the official keys in the official order, and ``exact`` and ``f1`` of each question. A prediction is
        located where its context has its text, nearest to a gold answer if it occurs more than once (a file does not
        give the position), and at -1 if it does not occur. With null odds, the score is 0 and the null score the odds;
        without, both are NaN.
    """
    one_of(missing, "missing", get_args(Missing))
    one_of(extra, "extra", get_args(Extra))
    _check_threshold(na_prob_thresh, null_odds)
    if not len(examples):
        raise DataError("there are no questions to score")
    if len(set(examples.id)) < len(examples):
        refuse_double(examples.id, "the data")
    if extra == "ignore":
        known = set(examples.id)
        predictions = {name: text for name, text in predictions.items() if name in known}
        null_odds = null_odds and {name: value for name, value in null_odds.items() if name in known}
    in_order = same_order(predictions, examples.id)
    if not in_order:
        _check_ids(examples.id, predictions, missing)
    if null_odds is not None:
        check_null_odds(predictions, null_odds)
    said = list(predictions.values()) if in_order else [predictions.get(name, "") for name in examples.id]
    located = locate(examples, said, null_odds)
    exact, f1 = exact_and_f1(examples, located.text, located.several, normalisation)
    if len(predictions) < len(examples):
        given = np.fromiter((name in predictions for name in examples.id), np.bool_, len(examples))
        exact, f1 = exact * given, f1 * given
    per_question = {"exact": exact, "f1": f1}
    odds = None if null_odds is None else _odds_in_order(examples, null_odds)
    figures = summarise(examples, located, per_question, odds)
    if na_prob_thresh is not None and null_odds is not None:
        # Of the odds as given: in float32, one that equals the threshold may lie above it.
        above = np.fromiter((null_odds.get(name, math.nan) for name in examples.id), np.float64) > na_prob_thresh
        per_question = {name: np.where(above, ~examples.has_answer, values) for name, values in per_question.items()}
        kept = ["" if cut else text for text, cut in zip(located.text, above, strict=True)]
        start, end = (np.where(above, np.int32(-1), edge) for edge in (located.char_start, located.char_end))
        located = replace(located, text=kept, char_start=start, char_end=end)
        figures |= official_metrics(per_question["exact"], per_question["f1"], examples.has_answer)
    return Evaluation(examples, located, figures, per_question, normalisation=normalisation)


def _check_threshold(threshold: float | None, null_odds: Mapping[str, float] | None) -> None:
    if threshold is None:
        return
    if null_odds is None:
        raise UsageError("a threshold needs null odds", fix=f"add {spelled('null_odds')}")
    fix = "give a number on the scale of the null odds"
    if math.isnan(real(threshold, "na_prob_thresh", fix)):
        raise UsageError("the threshold is NaN", fix=fix)


def _odds_in_order(examples: Examples, null_odds: Mapping[str, float]) -> Odds:
    """The odds in the order of their file, which decides between equal ones in the official script."""
    rows = None
    if not same_order(null_odds, examples.id):
        row = {name: i for i, name in enumerate(examples.id)}
        rows = np.fromiter(map(row.__getitem__, null_odds), np.int64, len(null_odds))
    return np.fromiter(null_odds.values(), np.float64, len(null_odds)), rows


def _check_ids(ids: Sequence[str], predictions: Mapping[str, Said], missing: Missing) -> None:
    known = set(ids)
    lacking = [name for name in ids if name not in predictions] if missing == "error" else []
    kinds = {"have no prediction": lacking, "are not in the data": [name for name in predictions if name not in known]}
    if any(kinds.values()):
        fixes = [f"score missing ones as wrong with {spelled('missing', 'wrong')}"] if lacking else []
        fixes += ["check that the predictions are of this data"]
        if kinds["are not in the data"]:
            fixes += [f"leave out what is not with {spelled('extra', 'ignore')}"]
        raise PredictionsError(list_ids(kinds), fix="; ".join(fixes))
