"""``qatk.compare``: what the command does, from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from qatk.comparison.answers import Odds
from qatk.comparison.compare import check_figures, compare_systems
from qatk.comparison.systems import read_systems
from qatk.errors import UsageError
from qatk.evaluation.free_text import Aligner
from qatk.evaluation.given import Given
from qatk.plugins.host import PluginHost
from qatk.plugins.normalisers import given_normalisation
from qatk.recipes import is_plan, is_recipe
from qatk.results import Comparison, RunResult
from qatk.results.comparison import System
from qatk.run_folder.remote import here
from qatk.statistics.significance import DRAWS, SEED
from qatk.sweeps.launched import Launched
from qatk.sweeps.overrides import over_values
from qatk.sweeps.plan import plan
from qatk.sweeps.sweep import gather, launched, launcher_of, sweep

Source = str | Path


def compare(
    *sources: Given | RunResult,
    data: object = None,
    null_odds: Sequence[Odds] = (),
    over: Mapping[str, Sequence[object]] | None = None,
    seeds: Sequence[int] | None = None,
    settings: Sequence[str] = (),
    out: Source | None = None,
    limit: int | None = None,
    jobs: int | None = None,
    executor: Launched | Mapping[str, object] | None = None,
    common: bool = False,
    group_seeds: bool = False,
    draws: int = DRAWS,
    seed: int = SEED,
    cluster: str | None = None,
    margin: float | None = None,
    all_pairs: bool = False,
    on: str = "dev",
    use: str | None = None,
    align: Aligner | None = None,
    language: str | None = None,
    language_column: str | None = None,
    host: PluginHost | None = None,
) -> Comparison:
    """Compare systems with the first one, the baseline, question by question; for recipes, make missing runs first.

    Args:
        sources: run folders, URLs or results, predictions (files, mappings), models with ``data``; recipes; a plan.
        data: the data for models to answer, and to score predictions files on, as in :func:`qatk.evaluate`.
        null_odds: the odds of each of the predictions, a file or a mapping, or ``None``.
        over: for recipes: the values to compare by key, such as ``{"backbone.layers": [3, 6]}``.
        seeds: for recipes: the seeds of every system.
        settings: for recipes: ``KEY=VALUE`` texts for all runs.
        out: for recipes: the parent folder of the run folders.
        limit: for recipes: the number of questions to use from each split.
        jobs: for recipes: the number of runs at the same time; on this machine 1 by default.
        executor: for recipes: what runs them elsewhere, or a launcher such as ``{"use": "ray"}``; else the recipe's.
        common: if systems share only some questions, compare on those.
        group_seeds: treat run folders whose recipes differ only in their seed as one system.
        draws: the number of draws of the bootstrap and the randomisation.
        seed: of the draws.
        cluster: the column of clusters, see :func:`qatk.types.clusters_of`; ``None`` uses the runs', or articles.
        margin: the margin in F1, in percentage points, within which a system counts as no worse than the baseline.
        all_pairs: compare every system with every other, not only with the first.
        on: the evaluation set of the runs to compare on.
        use: the dataset that reads ``data``, as in :func:`qatk.evaluate`.
        align: how to align free-text answers of predictions files, as in :func:`qatk.evaluate`.
        language: the normaliser by which answers to ``data`` are compared, as in :func:`qatk.evaluate`.
        language_column: the column of the data that names each question's.
        host: the plugins to use.
    """
    check_figures(draws, seed, margin)
    host, systems = host or PluginHost.discover(), list(map(_named, sources))
    recipes = _recipes_of(systems, data, varied=bool(over) or seeds is not None)
    by = given_normalisation(language, language_column, host)
    made = _made(recipes, over or {}, seeds, settings, out, limit, executor, jobs, host, on, bool(margin))
    read = partial(read_systems, data=data, use=use, cluster=cluster, on=on, host=host, align=align, by=by)
    found = made or _gathered(systems, host, on) or read(systems, null_odds, common=common, group_seeds=group_seeds)
    return compare_systems(found, draws=draws, seed=seed, cluster=cluster, margin=margin, all_pairs=all_pairs)


def _named(source: Given | RunResult) -> Given:
    """What is compared, on this machine."""
    if isinstance(source, list | tuple):
        raise UsageError("systems are given one by one, not in a list", fix="qatk.compare(*systems)")
    return source if isinstance(source, Mapping) else here(source)


def _gathered(sources: Sequence[Given], host: PluginHost, on: str) -> list[System]:
    """The systems of a plan; none where something else is compared."""
    plans = [source for source in sources if not isinstance(source, Mapping) and is_plan(source)]
    return gather(Path(plans[0]), host=host, on=on)[0] if len(sources) == len(plans) == 1 else []


def _recipes_of(sources: Sequence[Given], data: object, *, varied: bool) -> list[Source]:
    """The recipes among what is compared: all of it, or none."""
    recipes = [source for source in sources if not isinstance(source, Mapping) and is_recipe(source)]
    if recipes and (len(recipes) < len(sources) or data is not None):
        raise UsageError("recipes are compared with recipes", fix="compare run folders and prediction files apart")
    if varied and not recipes:
        raise UsageError("over and seeds vary a recipe", fix="name a recipe, a .yaml file")
    return recipes


def _made(
    recipes: Sequence[Source],
    over: Mapping[str, Sequence[object]],
    seeds: Sequence[int] | None,
    settings: Sequence[str],
    out: Source | None,
    limit: int | None,
    executor: Launched | Mapping[str, object] | None,
    jobs: int | None,
    host: PluginHost,
    on: str,
    paired: bool,
) -> list[System]:
    """The systems of recipes, whose missing runs are made; none without recipes."""
    if not recipes:
        return []
    overs = [over_values(key, values) for key, values in over.items()]
    runs = plan(recipes, overs, seeds, host=host, settings=settings, out=out, limit=limit)
    if executor is None or isinstance(executor, Mapping):
        section = launcher_of(runs[0], host) if executor is None else executor
        executor = launched(section, host, jobs=jobs)
    return sweep(runs, executor, lambda event: None, host=host, on=on, paired=paired)[0]
