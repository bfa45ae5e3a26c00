"""Systems read for a comparison: run folders or prediction files, over the same questions in the same order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qatk.comparison.alignment import align, refuse_other_metrics, refuse_too_few, shared_ids
from qatk.comparison.names import Source, T, distinct_names, names_of_groups
from qatk.errors import UsageError
from qatk.evaluation.evaluate import evaluate_examples, read_data
from qatk.evaluation.metrics import slice_rows, take
from qatk.evaluation.prediction_files import check_null_odds, read_null_odds
from qatk.evaluation.prediction_files import read_predictions as read_texts
from qatk.results.comparison import System
from qatk.results.evaluation import Evaluation
from qatk.results.run import RunResult
from qatk.run_folder.load import load_run
from qatk.types import Bool, Examples

if TYPE_CHECKING:
    from qatk.plugins.host import PluginHost


def read_systems(
    sources: Sequence[Source],
    null_odds: Sequence[Source | None] = (),
    *,
    names: Sequence[str] | None = None,
    group_seeds: bool = False,
    common: bool = False,
    nbest: bool = True,
) -> list[System]:
    """Systems out of run folders, and out of prediction files beside them; the first is the baseline.

    Args:
        sources: finished runs, at least one, and prediction files, which are scored and sliced on the first run's data.
        null_odds: the odds file of each predictions file, ``None`` where it has none; nothing at all for none.
        names: the system that each source belongs to: runs of one name are seeds of one system. ``None`` makes a
            system of each, named after what distinguishes its path.
        group_seeds: without names, make one system of runs whose recipes differ in nothing but their seed.
        common: where they share only some questions, go on with those.
        nbest: read the best spans of each question too; comparing needs none.

    Raises:
        RunFolderError: where a folder is no run, or an unfinished one.
        PredictionsError: where two share no question or, without ``common``, only some; for scores or odds of NaN;
            where odds and predictions do not belong together.
        DataError: where a file holds something else.
        UsageError: for fewer than two systems, no run, or another number of odds than of prediction files; where the
            data or the metrics of two differ.
    """
    refuse_too_few(len(sources))
    of = dict(zip(distinct_names(sources), sources, strict=True))
    runs = {name: load_run(source, nbest=nbest) for name, source in of.items() if not Path(source).is_file()}
    if not runs:
        raise UsageError(f"{sources[0]} is a file, no run folder", fix="prediction files need the data: --data DATA")
    answers = _read_answers({name: source for name, source in of.items() if name not in runs}, null_odds)
    refuse_other_metrics(_metrics(runs, answers))
    found = {name: result.evaluation for name, result in runs.items()}
    if answers:
        first = next(iter(found.values()))
        every = [answers[name].texts if name in answers else found[name].examples.id for name in of]
        shared = set(shared_ids(list(of), [list(ids) for ids in every], common=common))
        base = take(first, np.array([row for row, name in enumerate(first.examples.id) if name in shared], np.int64))
        found |= {name: answer.evaluate(base.examples, base.masks) for name, answer in answers.items()}
    digests = {name: result.manifest.get("data", {}).get("dev", {}).get("digest") for name, result in runs.items()}
    evaluations = align(list(of), [found[name] for name in of], [digests.get(name) for name in of], common=common)
    if names is None:
        names = names_of_groups(of, runs) if group_seeds else list(of)
    members = {name: [i for i, owner in enumerate(names) if owner == name] for name in dict.fromkeys(names)}
    refuse_too_few(len(members))
    results = [runs.get(name) for name in of]
    return [
        System(
            name=name,
            evaluations=[evaluations[i] for i in group],
            seeds=[None if (run := results[i]) is None else run.manifest["recipe"].get("seed") for i in group],
            sources=[str(sources[i]) for i in group],
            facts=_mean([{} if (run := results[i]) is None else run_facts(run) for i in group]),
        )
        for name, group in members.items()
    ]


def run_system(result: RunResult) -> System:
    """One finished run as a system by itself."""
    seed = result.manifest["recipe"].get("seed")
    source = "" if result.folder is None else str(result.folder)
    return System(result.name, [result.evaluation], [seed], [source], run_facts(result))


def run_facts(result: RunResult) -> dict[str, float]:
    """What a run folder knows of ``examples_per_second`` (prediction), ``parameters`` and ``model_bytes``."""
    facts: dict[str, float] = {}
    seconds = result.manifest["stages"].get("predict", {}).get("seconds")
    if seconds:
        facts["examples_per_second"] = len(result.evaluation.examples) / seconds
    if parameters := result.manifest.get("model", {}).get("parameters"):
        facts["parameters"] = parameters
    if result.folder is not None and (result.folder / "model").is_dir():
        facts["model_bytes"] = sum(f.stat().st_size for f in (result.folder / "model").rglob("*") if f.is_file())
    return facts


def read_predictions(
    data: Source | Examples,
    files: Sequence[Source],
    null_odds: Sequence[Source | None] = (),
    *,
    common: bool = False,
    host: PluginHost | None = None,
) -> list[System]:
    """Systems out of prediction files (question id to answer text); the first is the baseline.

    Args:
        data: examples with gold, or a SQuAD file, plain or .gz.
        files: one a system, plain or .gz.
        null_odds: the odds file of each, ``None`` where it has none; nothing at all for none.
        common: where a file lacks questions of the data, or has others, go on with those that all have.
        host: the plugins to use: a dataset reads the data, and the default slicers group the questions.

    Raises:
        PredictionsError: where files and data share no question or, without ``common``, only some; where odds and
            predictions do not belong together.
        DataError: where a file holds something else, or the data has no gold.
        UsageError: for fewer than two files or another number of odds, and where a file cannot be opened.
    """
    refuse_too_few(len(files))
    of = dict(zip(distinct_names(files), files, strict=True))
    answers = _read_answers(of, null_odds)
    examples = read_data(data, host)
    every = [examples.id, *(list(answer.texts) for answer in answers.values())]
    shared = shared_ids([_data_name(data), *of], every, common=common)
    if len(shared) < len(examples):
        among = set(shared)
        examples = examples.take([row for row, name in enumerate(examples.id) if name in among])
    masks = _default_masks(examples, host)
    return [System(name, [answers[name].evaluate(examples, masks)], sources=[str(file)]) for name, file in of.items()]


@dataclass(frozen=True)
class _Answers:
    """What a predictions file says, and its null odds."""

    texts: Mapping[str, str]
    odds: Mapping[str, float] | None

    def evaluate(self, examples: Examples, masks: Mapping[str, Mapping[str, Bool]]) -> Evaluation:
        """Scored on examples that it answers, and maybe others beside them."""
        odds = None if self.odds is None else _only(self.odds, examples.id)
        scored = evaluate_examples(examples, _only(self.texts, examples.id), odds)
        return replace(scored, slices=slice_rows(masks, scored.per_question), masks=masks)


def _read_answers(files: Mapping[str, Source], null_odds: Sequence[Source | None]) -> dict[str, _Answers]:
    """What prediction files say, by the name of each, with the odds files in their order."""
    if null_odds and len(null_odds) != len(files):
        raise UsageError(f"{len(null_odds)} files of null odds for {len(files)} of predictions", fix="one each is due")
    answers = {}
    for (name, file), odds_file in zip(files.items(), null_odds or [None] * len(files), strict=True):
        texts = read_texts(file)
        odds = None if odds_file is None else read_null_odds(odds_file)
        if odds is not None:
            check_null_odds(texts, odds, where=name)
        answers[name] = _Answers(texts, odds)
    return answers


def _metrics(runs: Mapping[str, RunResult], answers: Mapping[str, _Answers]) -> dict[str, str]:
    """What each was scored by, in words that tell two apart. Files are scored by ``squad``, whatever else runs have."""
    scored = {}
    for name, run in runs.items():
        chosen = run.manifest["recipe"].get("metrics") or []
        plain = bool(answers) and any(metric["use"].split("/")[-1] == "squad" for metric in chosen)
        figures = ", ".join(sorted(run.evaluation.per_question))
        scored[name] = "squad" if plain else f"{figures} of {json.dumps(chosen, sort_keys=True)}"
    return scored | dict.fromkeys(answers, "squad")


def _mean(facts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each fact that all runs of a system know."""
    known = [name for name in facts[0] if all(name in each for each in facts)]
    return {name: sum(each[name] for each in facts) / len(facts) for name in known}


def _data_name(data: Source | Examples) -> str:
    return "the data" if isinstance(data, Examples) else Path(data).name


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
