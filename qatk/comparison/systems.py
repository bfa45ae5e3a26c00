"""Systems of a comparison: run folders, prediction files or models, over the same questions in the same order."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qatk.comparison.alignment import (
    align,
    refuse_none,
    refuse_other_metrics,
    refuse_other_normalisers,
    shared_ids,
)
from qatk.comparison.answers import Answers, Found, Odds, check_numbers, read_answers
from qatk.comparison.models import ask_models, runtimes_of
from qatk.comparison.names import names_of, names_of_groups
from qatk.comparison.settings import settings_of
from qatk.errors import UsageError
from qatk.evaluation.evaluate import name_of_data, read_data
from qatk.evaluation.free_text import Aligner
from qatk.evaluation.given import AT_HAND, Given
from qatk.evaluation.metrics import take
from qatk.evaluation.prediction_files import Source
from qatk.files import place_of
from qatk.languages import ENGLISH, Normalisation
from qatk.plugins.normalisers import LANGUAGE_KEYS
from qatk.results.comparison import System, facts_of
from qatk.results.evaluation import Evaluation
from qatk.results.run import RunResult
from qatk.spelling import spelled
from qatk.types import Bool, Examples, Int64

if TYPE_CHECKING:
    from qatk.plugins.host import PluginHost


def read_systems(  # noqa: D417  # two that belong together share a line
    sources: Sequence[Given],
    null_odds: Sequence[Odds] = (),
    *,
    data: object = None,
    names: Sequence[str] | None = None,
    group_seeds: bool = False,
    common: bool = False,
    cluster: str | None = None,
    nbest: bool = True,
    on: str = "dev",
    host: PluginHost | None = None,
    use: str | None = None,
    options: Mapping[str, object] | None = None,
    align: Aligner | None = None,
    by: Normalisation | None = None,
    runtimes: Sequence[str] = (),
    na_prob_thresh: Sequence[float | None] = (),
) -> list[System]:
    """Systems from run folders, from prediction files beside them, or from models and prediction files on some data.

    Args:
        sources: the first is the baseline. Without data, finished runs and predictions (files, mappings by id), scored
            on the data of the first run. With data, models (run folders, hub ids ...) and predictions, also of models.
        null_odds: the odds of each of the predictions, ``None`` where it has none; nothing at all for none.
        data: the examples with gold, rows or a file of them; ``None`` where a run brings its own.
        names: the system of each source; ``None`` makes a system of each, named after what distinguishes its path.
        group_seeds: without names, make one system of runs whose recipes differ in nothing but their seed.
        common: where they share only some questions, go on with those.
        cluster: a column to read of a data file, for ``compare_systems``.
        nbest, on: read the best spans of each question too; the evaluation set of the runs, where no data is given.
        host: the plugins that read the data, answer it and group its questions.
        use: the dataset that reads a data file; ``None`` takes it by the ending.
        options: of that dataset.
        align: how to align free-text answers of files to spans; adds what they cost, and the share not in its context.
        by: the normaliser of answers on the data; ``None`` is that of the models' runs, or ``en``. Runs have their own.
        runtimes: what models predict with (see :func:`qatk.load_model`): one for all, or one for each source in order.
        na_prob_thresh: as in :func:`qatk.evaluate`: one for all prediction files, or one or ``None`` for each in order.

    Raises:
        RunFolderError, ModelError, DataError: for what is no finished run or model; for a file without gold, or other.
        PredictionsError: where two share no question, or only some; for NaN; for odds of other predictions.
        UsageError: for a run without the set; for no system, neither run nor data, or other numbers of odds than of
            files; where data, metrics or normalisers differ; where a file cannot be opened.
    """
    refuse_none(len(sources))
    given = dict(zip(names_of(sources), sources, strict=True))
    of = {name: name if isinstance(source, AT_HAND) else source for name, source in given.items()}
    check_numbers(len(said := _said(given)), null_odds, align, na_prob_thresh)
    by = _by_runs([of[name] for name in of if name not in said], host) if by is None and data is not None else by
    asked = None if data is None else _asked(data, host, use, options, cluster, by)
    answers = read_answers(said, null_odds, align, na_prob_thresh, () if asked is None else asked.id)
    if asked is None:
        _refuse_of_data(by, use)
        found = _of_runs(of, answers, _reader(nbest, on, host), common=common, on=on)
    else:
        found = _on_data(of, answers, asked, data, by or ENGLISH, host, common=common, runtimes=runtimes)
    manifests = {name: each.manifest for name, each in zip(of, found, strict=True) if each.manifest}
    own = names_of_groups(of, manifests, host) if group_seeds else list(of)
    return _grouped(own if names is None else names, found, list(of.values()), host, named=names is not None)


def _by_runs(models: Sequence[Source], host: PluginHost | None) -> Normalisation:
    """That by which the runs of models compared answers."""
    if not models:
        return ENGLISH
    from qatk.inference.sources import normalisation_of_models
    from qatk.plugins.host import PluginHost

    return normalisation_of_models(models, host or PluginHost.discover())


def _asked(
    data: object,
    host: PluginHost | None,
    use: str | None,
    options: Mapping[str, object] | None,
    cluster: str | None,
    by: Normalisation | None,
) -> Examples:
    column = None if by is None else by.column
    return read_data(data, host, use=use, options=options, cluster=cluster, language_column=column)


def _said(given: Mapping[str, Given]) -> dict[str, Given]:
    """The sources that are predictions, not runs or models."""
    return {name: source for name, source in given.items() if isinstance(source, AT_HAND) or Path(source).is_file()}


def _reader(nbest: bool, on: str, host: PluginHost | None) -> Callable[[Source], RunResult]:
    from qatk.run_folder.load import load_run  # with Arrow, which prediction files do not need

    return partial(load_run, nbest=nbest, on=on, host=host)


def _of_runs(
    of: Mapping[str, Source],
    answers: Mapping[str, Answers],
    read: Callable[[Source], RunResult],
    *,
    common: bool,
    on: str,
) -> list[Found]:
    """Runs as they answered, and prediction files on the questions of the first."""
    runs = {name: read(source) for name, source in of.items() if name not in answers}
    if not runs:
        what = f"{next(iter(of.values()))} holds predictions, and no system is a run folder"
        raise UsageError(what, fix=f"prediction files need the data: {spelled('data')}")
    refuse_other_normalisers({name: run.evaluation for name, run in runs.items()})
    refuse_other_metrics(_metrics(runs, answers))
    found = {name: Found(run.evaluation, run.manifest, facts_of(run)) for name, run in runs.items()}
    if answers:
        ids = {
            name: list(answers[name].texts) if name in answers else found[name].evaluation.examples.id for name in of
        }
        first = next(iter(runs.values())).evaluation
        examples, masks = _shared_with_run(first, ids, common=common)
        by = first.normalisation, first.cluster
        found |= {name: answer.evaluate(examples, masks, *by) for name, answer in answers.items()}
    digests = {name: result.manifest.get("data", {}).get(on, {}).get("digest") for name, result in runs.items()}
    each = [found[name] for name in of]
    evaluations = align(list(of), [one.evaluation for one in each], [digests.get(name) for name in of], common=common)
    return _told(each, evaluations, next(iter(runs.values())).evaluation.data)


def _on_data(
    of: Mapping[str, Source],
    answers: Mapping[str, Answers],
    asked: Examples,
    data: object,
    by: Normalisation,
    host: PluginHost | None,
    *,
    common: bool,
    runtimes: Sequence[str],
) -> list[Found]:
    """Prediction files on the data, and models that answer it now."""
    chosen = runtimes_of(of, runtimes)
    ids = {name: list(answer.texts) for name, answer in answers.items()}
    examples, masks = _shared_with_data(asked, name_of_data(data) or "the data", ids, by, host, common=common)
    asking = {name: source for name, source in of.items() if name not in answers}
    found = ask_models(asking, examples, by, host, chosen)
    found = {name: replace(each, evaluation=replace(each.evaluation, masks=masks)) for name, each in found.items()}
    found |= {name: answer.evaluate(examples, masks, by) for name, answer in answers.items()}
    evaluations = align(list(of), [found[name].evaluation for name in of], [None] * len(of))
    return _told([found[name] for name in of], evaluations, name_of_data(data))


def _told(found: Sequence[Found], evaluations: Sequence[Evaluation], data: str) -> list[Found]:
    """What was found, with its evaluations brought onto the same questions, which are of this data."""
    both = zip(found, evaluations, strict=True)
    return [replace(one, evaluation=replace(evaluation, data=data)) for one, evaluation in both]


def _grouped(
    names: Sequence[str], found: Sequence[Found], sources: Sequence[Source], host: PluginHost | None, *, named: bool
) -> list[System]:
    """A system of each name, of all that was found of it in order; names that were given say in what they differ."""
    members = {name: [i for i, owner in enumerate(names) if owner == name] for name in dict.fromkeys(names)}
    return [
        System(
            name=name,
            evaluations=[found[i].evaluation for i in group],
            seeds=[found[i].manifest.get("recipe", {}).get("seed") for i in group],
            sources=[place_of(sources[i]) for i in group],
            facts=_mean([found[i].facts for i in group]),
            settings={} if named else settings_of(found[group[0]], host),
        )
        for name, group in members.items()
    ]


def _metrics(runs: Mapping[str, RunResult], answers: Mapping[str, Answers]) -> dict[str, str]:
    """What each was scored by, in words that tell two apart. Files are scored by ``squad``, whatever else runs have."""
    scored = {}
    for name, run in runs.items():
        listed = run.manifest.get("recipe", {}).get("metrics") or []
        chosen = [{key: value for key, value in each.items() if key not in LANGUAGE_KEYS} for each in listed]
        plain = bool(answers) and any(metric["use"].split("/")[-1] == "squad" for metric in chosen)
        figures = ", ".join(sorted(run.evaluation.per_question))
        scored[name] = "squad" if plain else f"{figures} of {json.dumps(chosen, sort_keys=True)}"
    return scored | dict.fromkeys(answers, "squad")


def _mean(facts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each fact that all runs of a system know."""
    known = [name for name in facts[0] if all(name in each for each in facts)]
    return {name: sum(each[name] for each in facts) / len(facts) for name in known}


def _shared_with_run(
    first: Evaluation, ids: Mapping[str, Sequence[str]], *, common: bool
) -> tuple[Examples, Mapping[str, Mapping[str, Bool]]]:
    """The questions of a run that all systems have, and the groups that the run made of them."""
    shared = set(shared_ids(list(ids), list(ids.values()), common=common))
    base = take(first, _rows_among(first.examples, shared))
    return base.examples, base.masks


def _refuse_of_data(by: Normalisation | None, use: str | None) -> None:
    """Without data nothing is read, and a run brings the language."""
    if use is not None:
        raise UsageError(
            f"{spelled('use')} goes with {spelled('data')}", fix="add the data that it reads, or remove it"
        )
    if by is not None:
        fix = "a run has the language of its recipe, by which prediction files beside it are scored too: remove it"
        raise UsageError(f"{spelled('language')} goes with {spelled('data')}", fix=fix)


def _shared_with_data(
    examples: Examples,
    name: str,
    ids: Mapping[str, Sequence[str]],
    by: Normalisation,
    host: PluginHost | None,
    *,
    common: bool,
) -> tuple[Examples, Mapping[str, Mapping[str, Bool]]]:
    """The questions of the data that all systems have, and the groups that the default slicers make of them."""
    shared = set(shared_ids([name, *ids], [examples.id, *ids.values()], common=common))
    if len(shared) < len(examples):
        examples = examples.take(_rows_among(examples, shared))
    return examples, _default_masks(examples, by, host)


def _rows_among(examples: Examples, among: Set[str]) -> Int64:
    return np.array([row for row, name in enumerate(examples.id) if name in among], np.int64)


def _default_masks(examples: Examples, by: Normalisation, host: PluginHost | None) -> dict[str, Mapping[str, Bool]]:
    """The groups of questions that a recipe makes which names no slicers."""
    from qatk.evaluation.metrics import slice_masks
    from qatk.plugins.host import PluginHost
    from qatk.plugins.live import LiveSlicer
    from qatk.recipes.compose import default_parts

    return slice_masks(examples, default_parts(LiveSlicer, "slicers", by, host or PluginHost.discover()))
