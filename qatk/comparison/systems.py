"""Systems read for a comparison: run folders or prediction files, over the same questions in the same order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qatk.comparison.alignment import align, refuse_other_metrics, refuse_too_few, shared_ids
from qatk.comparison.names import Source, T, distinct_names, names_of_groups
from qatk.errors import UsageError
from qatk.evaluation.evaluate import evaluate_examples, read_data
from qatk.evaluation.metrics import take
from qatk.evaluation.prediction_files import check_null_odds, read_null_odds, read_predictions
from qatk.evaluation.prediction_rows import Said
from qatk.results.comparison import System, facts_of
from qatk.results.evaluation import Evaluation
from qatk.results.run import RunResult
from qatk.run_folder.load import load_run
from qatk.types import Bool, Examples, Int64

if TYPE_CHECKING:
    from qatk.plugins.host import PluginHost


def read_systems(
    sources: Sequence[Source],
    null_odds: Sequence[Source | None] = (),
    *,
    data: Source | Examples | None = None,
    names: Sequence[str] | None = None,
    group_seeds: bool = False,
    common: bool = False,
    cluster: str | None = None,
    nbest: bool = True,
    on: str = "dev",
    host: PluginHost | None = None,
) -> list[System]:
    """Systems from run folders, from prediction files beside them, or from prediction files alone.

    Args:
        sources: finished runs and prediction files (question id to text or texts, plain or .gz); the first is the
            baseline. Files are scored and sliced on the data, or without it on that of the first run.
        null_odds: the odds file of each predictions file, ``None`` where it has none; nothing at all for none.
        data: the examples with gold, or the SQuAD file, that the prediction files belong to; ``None`` where a run
            brings its own.
        names: the system that each source belongs to: runs of one name are seeds of one system. ``None`` makes a
            system of each, named after what distinguishes its path.
        group_seeds: without names, make one system of runs whose recipes differ in nothing but their seed.
        common: where they share only some questions, go on with those.
        cluster: a column to read of a data file, for :func:`qatk.comparison.compare.compare_systems`.
        nbest: read the best spans of each question too; comparing needs none.
        on: the evaluation set of the runs to compare on.
        host: the plugins that read the data and group its questions.

    Raises:
        RunFolderError: where a folder is no run, or an unfinished one.
        PredictionsError: where two share no question or, without ``common``, only some; for scores or odds of NaN;
            where odds and predictions do not belong together.
        DataError: where a file holds something else, or the data has no gold.
        UsageError: for a run without the evaluation set; for fewer than two systems, neither run nor data, data beside
            a run, or another number of odds than of prediction files; where the data or the metrics of two differ;
            where a file cannot be opened.
    """
    refuse_too_few(len(sources))
    of = dict(zip(distinct_names(sources), sources, strict=True))
    runs = {name: load_run(source, nbest=nbest, on=on) for name, source in of.items() if not Path(source).is_file()}
    _refuse_no_data_or_two(sources, runs, data)
    answers = _read_answers({name: source for name, source in of.items() if name not in runs}, null_odds)
    refuse_other_metrics(_metrics(runs, answers))
    found = {name: result.evaluation for name, result in runs.items()}
    if answers:
        ids = {name: list(answers[name].texts) if name in answers else found[name].examples.id for name in of}
        if data is None:
            examples, masks = _shared_with_run(next(iter(found.values())), ids, common=common)
        else:
            asked = read_data(data, host, cluster=cluster)
            examples, masks = _shared_with_data(asked, _name_of(data), ids, host, common=common)
        found |= {name: answer.evaluate(examples, masks) for name, answer in answers.items()}
    digests = {name: result.manifest.get("data", {}).get(on, {}).get("digest") for name, result in runs.items()}
    evaluations = align(list(of), [found[name] for name in of], [digests.get(name) for name in of], common=common)
    if names is None:
        names = names_of_groups(of, runs) if group_seeds else list(of)
    return _grouped(names, evaluations, [runs.get(name) for name in of], sources)


def _grouped(
    names: Sequence[str],
    evaluations: Sequence[Evaluation],
    results: Sequence[RunResult | None],
    sources: Sequence[Source],
) -> list[System]:
    """A system of each name, of all its evaluations in order."""
    members = {name: [i for i, owner in enumerate(names) if owner == name] for name in dict.fromkeys(names)}
    refuse_too_few(len(members), len(sources))
    return [
        System(
            name=name,
            evaluations=[evaluations[i] for i in group],
            seeds=[None if (run := results[i]) is None else run.manifest.get("recipe", {}).get("seed") for i in group],
            sources=[str(sources[i]) for i in group],
            facts=_mean([{} if (run := results[i]) is None else facts_of(run) for i in group]),
        )
        for name, group in members.items()
    ]


@dataclass(frozen=True)
class _Answers:
    """What a predictions file says, and its null odds."""

    texts: Mapping[str, Said]
    odds: Mapping[str, float] | None

    def evaluate(self, examples: Examples, masks: Mapping[str, Mapping[str, Bool]]) -> Evaluation:
        """Scored on examples that it answers, and maybe others beside them."""
        odds = None if self.odds is None else _only(self.odds, examples.id)
        scored = evaluate_examples(examples, _only(self.texts, examples.id), odds)
        return replace(scored, masks=masks)


def _read_answers(files: Mapping[str, Source], null_odds: Sequence[Source | None]) -> dict[str, _Answers]:
    """What prediction files say, by the name of each, with the odds files in their order."""
    if null_odds and len(null_odds) != len(files):
        raise UsageError(
            f"{len(null_odds)} files of null odds for {len(files)} of predictions", fix="give one for each"
        )
    answers = {}
    for (name, file), odds_file in zip(files.items(), null_odds or [None] * len(files), strict=True):
        texts = read_predictions(file)
        odds = None if odds_file is None else read_null_odds(odds_file)
        if odds is not None:
            check_null_odds(texts, odds, where=name)
        answers[name] = _Answers(texts, odds)
    return answers


def _metrics(runs: Mapping[str, RunResult], answers: Mapping[str, _Answers]) -> dict[str, str]:
    """What each was scored by, in words that tell two apart. Files are scored by ``squad``, whatever else runs have."""
    scored = {}
    for name, run in runs.items():
        chosen = run.manifest.get("recipe", {}).get("metrics") or []
        plain = bool(answers) and any(metric["use"].split("/")[-1] == "squad" for metric in chosen)
        figures = ", ".join(sorted(run.evaluation.per_question))
        scored[name] = "squad" if plain else f"{figures} of {json.dumps(chosen, sort_keys=True)}"
    return scored | dict.fromkeys(answers, "squad")


def _mean(facts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each fact that all runs of a system know."""
    known = [name for name in facts[0] if all(name in each for each in facts)]
    return {name: sum(each[name] for each in facts) / len(facts) for name in known}


def _refuse_no_data_or_two(
    sources: Sequence[Source], runs: Mapping[str, RunResult], data: Source | Examples | None
) -> None:
    """The data comes from the runs, or from the caller."""
    if data is None and not runs:
        raise UsageError(f"{sources[0]} is a file, not a run folder", fix="prediction files need the data: --data DATA")
    if data is not None and runs:
        folder = next(source for source in sources if not Path(source).is_file())
        fix = "a run includes its data, which is used for prediction files too: remove --data (data=)"
        raise UsageError(f"--data goes with prediction files alone, and {folder} is a folder", fix=fix)


def _shared_with_run(
    first: Evaluation, ids: Mapping[str, Sequence[str]], *, common: bool
) -> tuple[Examples, Mapping[str, Mapping[str, Bool]]]:
    """The questions of a run that all systems have, and the groups that the run made of them."""
    shared = set(shared_ids(list(ids), list(ids.values()), common=common))
    base = take(first, _rows_among(first.examples, shared))
    return base.examples, base.masks


def _name_of(data: Source | Examples) -> str:
    return "the data" if isinstance(data, Examples) else Path(data).name


def _shared_with_data(
    examples: Examples, name: str, ids: Mapping[str, Sequence[str]], host: PluginHost | None, *, common: bool
) -> tuple[Examples, Mapping[str, Mapping[str, Bool]]]:
    """The questions of the data that all systems have, and the groups that the default slicers make of them."""
    shared = set(shared_ids([name, *ids], [examples.id, *ids.values()], common=common))
    if len(shared) < len(examples):
        examples = examples.take(_rows_among(examples, shared))
    return examples, _default_masks(examples, host)


def _rows_among(examples: Examples, among: Set[str]) -> Int64:
    return np.array([row for row, name in enumerate(examples.id) if name in among], np.int64)


def _only(values: Mapping[str, T], ids: Sequence[str]) -> Mapping[str, T]:
    """The values of these ids, in the order of the values: that of odds decides between equal ones."""
    if len(values) == len(ids):
        return values
    among = set(ids)
    return {name: value for name, value in values.items() if name in among}


def _default_masks(examples: Examples, host: PluginHost | None) -> dict[str, Mapping[str, Bool]]:
    """The groups of questions that a recipe makes which names no slicers."""
    from qatk.evaluation.metrics import slice_masks
    from qatk.plugins.host import PluginHost
    from qatk.plugins.live import LiveSlicer
    from qatk.recipes.sections import DEFAULTS

    found = host or PluginHost.discover()
    return slice_masks(examples, [found.live(LiveSlicer, "slicer", choice["use"]) for choice in DEFAULTS["slicers"]])
