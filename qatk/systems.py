"""Systems read for a comparison: run folders or prediction files, over the same questions in the same order."""

from __future__ import annotations

import json
import operator
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from qatk.alignment import align, refuse_other_metrics, shared_ids
from qatk.comparison import refuse_too_few
from qatk.errors import UsageError
from qatk.evaluation import check_null_odds, evaluate_examples, read_data, read_null_odds
from qatk.evaluation import read_predictions as read_texts
from qatk.results import RunResult, System
from qatk.runs import load_run
from qatk.slices import slice_rows
from qatk.types import Bool, Examples

if TYPE_CHECKING:
    from qatk.plugins import PluginHost

Source = str | Path
T = TypeVar("T")


def read_runs(
    folders: Sequence[Source],
    *,
    names: Sequence[str] | None = None,
    group_seeds: bool = False,
    common: bool = False,
    nbest: bool = True,
) -> list[System]:
    """Systems out of run folders; the first is the baseline.

    Args:
        folders: of finished runs.
        names: the system that each run belongs to: runs of one name are seeds of one system. ``None`` makes a system
            of each run, named after what distinguishes its path.
        group_seeds: without names, make one system of runs whose recipes differ in nothing but their seed.
        common: where runs share only some questions, go on with those.
        nbest: read the best spans of each question too; comparing needs none.

    Raises:
        RunFolderError: where a folder is no run, or an unfinished one.
        PredictionsError: where runs share no question or, without ``common``, only some; for scores or odds of NaN.
        UsageError: for fewer than two systems; where the data or the metrics of two runs differ.
    """
    refuse_too_few(len(folders))
    results = [load_run(folder, nbest=nbest) for folder in folders]
    each = distinct_names(folders)
    refuse_other_metrics({name: _metrics(result) for name, result in zip(each, results, strict=True)})
    digests = [result.manifest.get("data", {}).get("dev", {}).get("digest") for result in results]
    evaluations = align(each, [result.evaluation for result in results], digests, common=common)
    if names is None:
        names = _names_of_groups(folders, results) if group_seeds else each
    members = {name: [i for i, owner in enumerate(names) if owner == name] for name in dict.fromkeys(names)}
    refuse_too_few(len(members))
    return [
        System(
            name=name,
            evaluations=[evaluations[i] for i in of],
            seeds=[results[i].manifest["recipe"].get("seed") for i in of],
            sources=[str(folders[i]) for i in of],
            facts=_mean([run_facts(results[i]) for i in of]),
        )
        for name, of in members.items()
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
    if null_odds and len(null_odds) != len(files):
        raise UsageError(f"{len(null_odds)} files of null odds for {len(files)} of predictions", fix="one each is due")
    names = distinct_names(files)
    texts = [read_texts(file) for file in files]
    odds = [None if file is None else read_null_odds(file) for file in null_odds or [None] * len(files)]
    for name, said, given in zip(names, texts, odds, strict=True):
        if given is not None:
            check_null_odds(said, given, where=name)
    examples = read_data(data, host)
    ids = shared_ids([_data_name(data), *names], [examples.id, *map(list, texts)], common=common)
    if len(ids) < len(examples):
        among = set(ids)
        examples = examples.take([row for row, name in enumerate(examples.id) if name in among])
    masks = _default_masks(examples, host)
    found = [
        evaluate_examples(examples, _only(said, ids), None if given is None else _only(given, ids))
        for said, given in zip(texts, odds, strict=True)
    ]
    evaluations = [replace(e, slices=slice_rows(masks, e.per_question), masks=masks) for e in found]
    return [System(n, [e], sources=[str(f)]) for n, e, f in zip(names, evaluations, files, strict=True)]


def distinct_names(paths: Sequence[Source]) -> list[str]:
    """What distinguishes paths, as short names: folders above and below that all share are left out.

    Where more than two parts of a path are left, its end is enough, as long as it still distinguishes. ``.json``,
    ``.json.gz`` and a ``.predictions`` that all end in go too; the same path again gets a number.
    """
    parts = [Path(os.path.abspath(path)).parts[1:] for path in paths]  # noqa: PTH100  resolving would follow links
    parts = [(*p[:-1], re.sub(r"\.json(\.gz)?$", "", p[-1])) if p else ("/",) for p in parts]
    parts = _without_common(parts) if len(set(parts)) > 1 else [p[-1:] for p in parts]
    names = ["/".join(p) for p in parts]
    shorter = [re.sub(r"(?<=.)[._-]pred(iction)?s?$", "", name) for name in names]
    if all(map(operator.ne, names, shorter)) and len(set(shorter)) == len(set(names)):
        names = shorter
    times = [names[:i].count(name) for i, name in enumerate(names)]
    return [f"{name} ({k + 1})" if k else name for name, k in zip(names, times, strict=True)]


def _without_common(parts: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Paths without the parts that all begin with, and those that all end with; at least one part is left of each."""
    shortest = min(map(len, parts))
    begin = next((i for i in range(shortest) if len({p[i] for p in parts}) > 1), shortest - 1)
    room = shortest - begin - 1
    end = next((i for i in range(room) if len({p[-1 - i] for p in parts}) > 1), room)
    kept = [p[begin : len(p) - end] for p in parts]
    longest, different = max(map(len, kept)), len(set(kept))
    ends = [[p[-size:] for p in kept] for size in range(1, longest)] if longest > 2 else []
    return next((short for short in ends if len(set(short)) == different), kept)


def _names_of_groups(folders: Sequence[Source], results: Sequence[RunResult]) -> list[str]:
    """For each run the name of its system, where runs of recipes that differ only in the seed are one system."""
    recipes = [json.dumps(_without_seed(result.manifest), sort_keys=True) for result in results]
    groups: dict[str, list[str]] = {recipe: [] for recipe in recipes}
    for folder, recipe in zip(folders, recipes, strict=True):
        groups[recipe].append(str(folder))
    named = dict(zip(groups, distinct_names([_of_all(group) for group in groups.values()]), strict=True))
    return [named[recipe] for recipe in recipes]


def _without_seed(manifest: Mapping[str, Any]) -> dict[str, Any]:
    apart = ("seed", "reporters", "trackers")
    recipe = {key: value for key, value in manifest["recipe"].items() if key not in apart}
    return {"recipe": recipe, "limit": manifest["identity"].get("limit")}


def _of_all(folders: Sequence[str]) -> str:
    """What the paths of one system's runs begin with, without what leads up to a seed."""
    if len(folders) == 1:
        return folders[0]
    letters = zip(*(os.path.abspath(folder) for folder in folders), strict=False)  # noqa: PTH100  as above
    shared = "".join(same[0] for same in takewhile(lambda same: len(set(same)) == 1, letters))
    return re.sub(r"([-_.=/]+(seed|s)?[-_.=]*|seed[-_.=]*)$", "", shared) or shared


def _metrics(result: RunResult) -> str:
    """What a run was scored by, in words that tell two apart."""
    chosen = json.dumps(result.manifest["recipe"].get("metrics"), sort_keys=True)
    return f"{', '.join(sorted(result.evaluation.per_question))} of {chosen}"


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
    from qatk.judge import slice_masks
    from qatk.options import checked_options
    from qatk.plugins import PluginHost
    from qatk.sections import SECTIONS

    found = host or PluginHost.discover()
    chosen = [found.find("slicer", choice["use"]) for choice in SECTIONS[("slicers",)].default]
    return slice_masks(examples, [slicer.build(checked_options(slicer.component, {})) for slicer in chosen])
