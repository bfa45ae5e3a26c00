"""``qatk.compare``: what the command does, from Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from qatk.arguments import list_of, settings_of, whole
from qatk.comparison.answers import Odds
from qatk.comparison.compare import check_figures, compare_systems
from qatk.comparison.fitting import kinds_of, refuse_unfit
from qatk.comparison.systems import read_systems
from qatk.errors import UsageError
from qatk.evaluation.free_text import Aligner
from qatk.evaluation.given import AT_HAND, Given
from qatk.evaluation.prediction_files import Source
from qatk.exports.runtimes import runtime_section
from qatk.plugins.host import PluginHost
from qatk.plugins.normalisers import given_normalisation
from qatk.results import Comparison, RunResult
from qatk.results.comparison import System
from qatk.run_folder.copies import place_named
from qatk.statistics.significance import DRAWS, SEED
from qatk.sweeps.launched import Launched
from qatk.sweeps.overrides import over_values, seed_values
from qatk.sweeps.plan import plan
from qatk.sweeps.sweep import gather, launched, launcher_of, sweep


def compare(  # noqa: D417  # two that belong together share a line
    *sources: Given | RunResult,
    data: object = None,
    runtime: str | Sequence[str] = (),
    null_odds: Sequence[Odds] = (),
    na_prob_thresh: Sequence[float | None] = (),
    over: Mapping[str, Sequence[object]] | None = None,
    seeds: Sequence[int] | None = None,
    settings: Iterable[str] | Mapping[str, object] = (),
    out: Source | None = None,
    limit: int | None = None,
    jobs: int | None = None,
    executor: Launched | Mapping[str, object] | str | None = None,
    common: bool = False,
    group_seeds: bool = False,
    draws: int = DRAWS,
    seed: int = SEED,
    cluster: str | None = None,
    margin: float | None = None,
    all_pairs: bool = False,
    detect: float | None = None,
    on: str | None = None,
    use: str | None = None,
    options: Mapping[str, object] | None = None,
    align: Aligner | None = None,
    language: str | None = None,
    language_column: str | None = None,
    host: PluginHost | None = None,
) -> Comparison:
    """Compare systems with the first one, the baseline, question by question; for recipes, make missing runs first.

    Args:
        sources: run folders, URLs or results, predictions as of :func:`qatk.evaluate`; models, with ``data``; recipes.
        data: the data for models to answer, and to score predictions on, as in :func:`qatk.evaluate`.
        runtime: what models predict ``data`` with, or recipes, such as ``onnx:int8``: one for all, or one for each.
        null_odds: the odds of each of the predictions, a file or a mapping, or ``None``.
        na_prob_thresh: thresholds on the odds, as in :func:`qatk.evaluate`: one for all, or one or ``None`` for each.
        over: for recipes: the values to compare by key, such as ``{"backbone.layers": [3, 6]}``.
        seeds: for recipes: the seeds of every system.
        settings: for recipes: for all runs, as in :func:`qatk.run`.
        out: for recipes: the parent folder of the run folders.
        limit, jobs: for recipes: the numbers of questions to use from each split and of runs at a time (here 1).
        executor: for recipes: a launcher by its name or section, such as ``{"use": "ray"}``; else the recipe's.
        common: if systems share only some questions, compare on those.
        group_seeds: treat run folders whose recipes differ only in their seed as one system.
        draws, seed: the number of draws of the bootstrap and the randomisation, and their seed.
        cluster: the column of clusters, see :func:`qatk.types.clusters_of`; ``None`` uses the runs', or articles.
        margin, detect: in points of F1: within which a system counts as no worse, and what data would find.
        all_pairs: compare every system with every other, not only with the first.
        on: the evaluation set of the runs to compare on; by default that of the results, or ``dev``.
        use, options: the dataset that reads ``data``, and its options, as in :func:`qatk.evaluate`.
        align: how to align free-text answers of predictions files, as in :func:`qatk.evaluate`.
        language, language_column: the normaliser for ``data``, or its column; by default the models' own, or ``en``.
        host: the plugins to use.
    """
    runs = _Runs(over or {}, seeds, settings_of(settings), out, limit, jobs, executor)
    scored = (data, runtime, null_odds, na_prob_thresh, use, options, align, language, language_column)
    asked = draws, seed, margin, detect
    systems = _systems(sources, runs, _Answers(*scored, common, group_seeds, cluster), on, host, asked)
    return _compared(systems, asked, cluster, all_pairs=all_pairs)


_Figures = tuple[int, int, float | None, float | None]
"""The draws, their seed, the margin and the difference to detect."""


def _compared(systems: Sequence[System], asked: _Figures, cluster: str | None, *, all_pairs: bool) -> Comparison:
    draws, seed, margin, detect = asked
    return compare_systems(
        systems, draws=draws, seed=seed, cluster=cluster, margin=margin, all_pairs=all_pairs, detect=detect
    )


@dataclass(frozen=True)
class _Runs:
    """How recipes are varied and run, as :func:`compare` takes it."""

    over: Mapping[str, Sequence[object]]
    seeds: Sequence[int] | None
    settings: Sequence[str]
    out: Source | None
    limit: int | None
    jobs: int | None
    executor: Launched | Mapping[str, object] | str | None


@dataclass(frozen=True)
class _Answers:
    """What runs and predictions are scored on and by, as :func:`compare` takes it."""

    data: object
    runtime: str | Sequence[str]
    null_odds: Sequence[Odds]
    na_prob_thresh: Sequence[float | None]
    use: str | None
    options: Mapping[str, object] | None
    align: Aligner | None
    language: str | None
    language_column: str | None
    common: bool
    group_seeds: bool
    cluster: str | None


def _systems(
    compared: Sequence[Given | RunResult],
    runs: _Runs,
    answers: _Answers,
    on: str | None,
    host: PluginHost | None,
    figures: _Figures,
) -> list[System]:
    """The systems of what is compared, and these figures asked of them.

    Raises:
        UsageError: for options that do not go with it.
    """
    check_figures(*figures)
    sources, host = list(map(_named, compared)), host or PluginHost.discover()
    fix = "one for each of the predictions: "
    odds = list_of(answers.null_odds, "null_odds", f"{fix}null_odds=['odds.json', None]")
    thresholds = list_of(answers.na_prob_thresh, "na_prob_thresh", f"{fix}na_prob_thresh=[1.5, None]")
    chosen = [answers.runtime] if isinstance(answers.runtime, str) else answers.runtime
    runtimes = list_of(chosen, "runtime", "for example runtime='onnx', or runtime=['torch', 'onnx:int8']")
    kinds = kinds_of(sources, varied=bool(runs.over) or runs.seeds is not None, data=answers.data is not None)
    language = answers.language or answers.language_column
    given = {**vars(runs), **vars(answers), "language": language, "on": None if on == "dev" else on}
    refuse_unfit(kinds, given)
    on = on or ("dev" if answers.data is not None else _set_of(compared))
    for name, number in (("limit", runs.limit), ("jobs", runs.jobs)):
        if number is not None:
            whole(number, name, 1)
    by = given_normalisation(answers.language, answers.language_column, host)
    named = [source for source in sources if not isinstance(source, AT_HAND)]
    if "recipes" in kinds:
        runs = replace(runs, settings=[*runs.settings, *_runtime_settings(runtimes)])
        return _made(named, runs, host, on, answers.cluster, paired=any(figures[2:]))
    if "a plan" in kinds:
        return gather(Path(named[0]), host=host, on=on)[0]
    return read_systems(
        sources,
        odds,
        na_prob_thresh=thresholds,
        data=answers.data,
        group_seeds=answers.group_seeds,
        common=answers.common,
        cluster=answers.cluster,
        on=on,
        host=host,
        use=answers.use,
        options=answers.options,
        align=answers.align,
        by=by,
        runtimes=runtimes,
    )


def _runtime_settings(runtimes: Sequence[str]) -> list[str]:
    """The settings of recipes that a runtime stands for. Raises :class:`UsageError` for several."""
    if len(runtimes) > 1:
        raise UsageError("recipes take one runtime", fix="vary it: over={'runtime.use': ['torch', 'onnx']}")
    return [f"runtime.{key}={value}" for name in runtimes for key, value in runtime_section(name).items()]


def _set_of(compared: Sequence[Given | RunResult]) -> str:
    """The evaluation set that results are of. Raises :class:`UsageError` where they are of several."""
    sets = list(dict.fromkeys(source.on for source in compared if isinstance(source, RunResult)))
    if len(sets) > 1:
        raise UsageError(f"results of different evaluation sets: {', '.join(sets)}", fix=f"name one: on={sets[0]!r}")
    return sets[0] if sets else "dev"


def _named(source: Given | RunResult) -> Given:
    """What is compared: of the result of a run, its URL or folder."""
    if isinstance(source, list | tuple):
        raise UsageError("systems are given one by one, not in a list", fix="qatk.compare(*systems)")
    return source if isinstance(source, AT_HAND) else place_named(source)


def _made(
    recipes: Sequence[Source], runs: _Runs, host: PluginHost, on: str, cluster: str | None, *, paired: bool
) -> list[System]:
    """The systems of recipes, whose missing runs are made."""
    if not isinstance(runs.over, Mapping):
        raise UsageError(f"over is {runs.over!r}", fix="map keys to values: over={'decoder.n_best_size': [5, 20]}")
    overs = [over_values(key, values) for key, values in runs.over.items()]
    seeds = None if runs.seeds is None else seed_values(runs.seeds)
    planned = plan(recipes, overs, seeds, host=host, settings=runs.settings, out=runs.out, limit=runs.limit)
    executor = {"use": runs.executor} if isinstance(runs.executor, str) else runs.executor
    if executor is None or isinstance(executor, Mapping):
        section = launcher_of(planned[0], host) if executor is None else executor
        executor = launched(section, host, jobs=runs.jobs)
    if not isinstance(executor, Launched):
        raise UsageError(f"executor is {executor!r}, no launcher", fix="for example executor='local'")
    return sweep(planned, executor, lambda event: None, host=host, on=on, cluster=cluster, paired=paired)[0]
