"""Runs of a recipe with some of its keys varied: what to make, what is there already, what came of it.

Every run is a process of its own, so that one that crashes takes nothing with it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from qatk.errors import Problem, QatkError, RecipeError, RunFolderError, UsageError, suggest
from qatk.files import expanded, url_of
from qatk.plugins.host import PluginHost
from qatk.plugins.live import LiveDataset
from qatk.recipes.recipe import Recipe, plain_digest
from qatk.run_folder.manifest import Identity, read_manifest
from qatk.run_folder.provenance import differing
from qatk.run_folder.recipes import find_recipe, name_of
from qatk.spelling import spelled
from qatk.sweeps.overrides import Over, value_name
from qatk.types import Examples, clusters_of

_LONGEST_NAME = 60


@dataclass(frozen=True)
class Planned:
    """One run of a comparison.

    Attributes:
        system: what to call the system; runs that differ only in their seed share it.
        seed: of the run.
        recipe: the recipe's path.
        settings: ``KEY=VALUE`` texts, the seed among them.
        limit: the first so many questions of each split; ``None`` for all.
        folder: the run folder, whose name follows from recipe, settings and limit; or one that holds this run already.
        data: digest of what the recipe says of its data.
    """

    system: str
    seed: int
    recipe: Path
    settings: Sequence[str]
    limit: int | None
    folder: Path
    data: str

    @property
    def name(self) -> str:
        """The system and the seed."""
        return f"{self.system}, seed {self.seed}"

    @property
    def command(self) -> list[str]:
        """What makes it, behind ``qatk``; also what goes on with it."""
        settings = [word for setting in self.settings for word in ("--set", setting)]
        limit = [] if self.limit is None else ["--limit", str(self.limit)]
        return ["run", str(self.recipe), "--out", str(self.folder), "--resume", "--json", *settings, *limit]

    @property
    def finished(self) -> bool:
        """Whether the folder holds this run, with its scores and answers."""
        return "score" in self._completed() and (self.folder / "examples.parquet").is_file()

    @property
    def begun(self) -> bool:
        """Whether the folder holds a part of this run."""
        return bool(self._completed()) and not self.finished

    def _completed(self) -> Collection[str]:
        """The stages that the folder says are completed."""
        try:
            return read_manifest(self.folder).stages
        except RunFolderError:
            return ()


def plan(
    recipes: Sequence[str | Path],
    overs: Sequence[Over],
    seeds: Sequence[int] | None,
    *,
    host: PluginHost,
    settings: Sequence[str] = (),
    out: str | Path | None = None,
    limit: int | None = None,
) -> list[Planned]:
    """Every run of a comparison: recipes by values by seeds, in that order. Nothing is run or written.

    Args:
        recipes: paths, also of run folders; with several of them a system's name begins with its recipe's.
        overs: each varies one key.
        seeds: of every system; ``None`` takes the recipe's.
        host: the plugins to use.
        settings: ``KEY=VALUE`` texts for all runs.
        out: the folder of the run folders; ``runs/RECIPE-compare`` where it is not given.
        limit: use only the first so many questions of each split; by default all, or as many as the run of a folder.

    Raises:
        RecipeError: with every mistake of every combination.
        UsageError: for a key that is varied twice, for runs that are the same, and where there is only one.
    """
    if double := [key for key, times in Counter(over.key for over in overs).items() if times > 1]:
        raise UsageError(f"{spelled('over')} varies {', '.join(double)} twice", fix="give all values of a key at once")
    if out is not None and (url := url_of(out)) is not None:
        fix = "name a folder that all machines share; qatk run --out URL makes a single run there"
        raise UsageError("the runs of a comparison are made in a folder, not at a URL", where=url, fix=fix)
    choices: Sequence[int | None] = [None] if seeds is None else seeds
    called = {str(path): name_of(path) for path in recipes}
    times = Counter(called.values())
    names = {path: name if times[name] == 1 else path for path, name in called.items()}
    planned: list[tuple[Planned, Recipe]] = []
    problems: list[Problem] = []
    for path, values, seed in product(recipes, product(*(range(len(o.values)) for o in overs)), choices):
        varied = [f"{over.key}={over.values[i]}" for over, i in zip(overs, values, strict=True)]
        given = [*settings, *varied, *([] if seed is None else [f"seed={seed}"])]
        try:
            recipe = find_recipe(path, host, given, importing=True)
        except RecipeError as error:
            problems += [replace(problem, source=_blame(problem.source, varied)) for problem in error.problems]
            continue
        labels = [value_name(over, i) for over, i in zip(overs, values, strict=True)]
        system = ", ".join([*([names[str(path)]] if len(recipes) > 1 or not labels else []), *labels])
        folder = Path(expanded(out or Path("runs") / f"{recipe.name}-compare"))
        planned.append((_planned(system, recipe, given, limit or recipe.limit, folder), recipe))
    if problems:
        raise RecipeError(_merged(problems, overs))
    if len(planned) < 2:
        fix = f"give {spelled('over')} two values or more, give several {spelled('seeds')}, or add another recipe"
        raise UsageError(f"one {'value' if overs else 'recipe'} is only one system", fix=fix)
    _check_all_different([run for run, _ in planned])
    return [_found(run, recipe) for run, recipe in planned]


def _planned(system: str, recipe: Recipe, settings: Sequence[str], limit: int | None, out: Path) -> Planned:
    identity = Identity(recipe=recipe.digest(), limit=limit).model_dump()
    slug = re.sub(r"[^\w.+-]+", "-", f"{system}-seed-{recipe.seed}").strip("-.")[-_LONGEST_NAME:].strip("-.")
    folder = out / f"{slug}-{plain_digest(identity)[:8]}"
    data = plain_digest(recipe.filled()["data"])
    return Planned(system, recipe.seed, Path(recipe.source), tuple(settings), limit, folder, data)


def _found(run: Planned, recipe: Recipe) -> Planned:
    """The run, in the folder that holds it: one of an earlier version, with other options, has another digest."""
    if run.folder.exists():
        return run
    slug = run.folder.name.rpartition("-")[0]
    for folder in sorted(run.folder.parent.glob(f"{slug}-{'[0-9a-f]' * 8}")):
        with suppress(RunFolderError):
            held = read_manifest(folder)
            if held.identity.limit == run.limit and not differing(recipe, held.recipe, data=True):
                return replace(run, folder=folder)
    return run


def _blame(source: str, varied: Sequence[str]) -> str:
    """The option that a mistake comes from: the settings in the recipe's words, what is varied where that set it."""
    return next((spelled("over", setting) for setting in varied if source == spelled("settings", setting)), source)


def _merged(problems: Iterable[Problem], overs: Sequence[Over]) -> list[Problem]:
    """Each mistake once; one that all values of a key share is the key's."""
    merged = dict.fromkeys(problems)
    for over in overs:
        sources = {spelled("over", f"{over.key}={value}") for value in over.values}
        for problem in [problem for problem in merged if problem.source in sources]:
            same = {replace(problem, source=source) for source in sources}
            if len(same) > 1 and same <= merged.keys():
                merged = dict.fromkeys(p for p in merged if p not in same)
                merged[replace(problem, source=spelled("over", over.text))] = None
    return list(merged)


def _check_all_different(planned: Iterable[Planned]) -> None:
    """Refuse runs that are the same under different names."""
    first: dict[str, Planned] = {}
    for run in planned:
        digest = run.folder.name.rpartition("-")[2]
        if digest in first:
            raise UsageError(f"{first[digest].name} and {run.name} are the same run", fix="leave one of them out")
        first[digest] = run


def check_data(runs: Sequence[Planned], host: PluginHost, warn: Callable[[str], None]) -> None:
    """Refuse to use finished runs whose data have changed since, though their recipes name the same.

    Args:
        runs: the finished ones are looked at; data that several share is read once.
        host: the plugins to use.
        warn: is told of data that cannot be read any more, where nothing can be said.

    Raises:
        QatkError: with the folder of a run, and what changed.
    """
    now: dict[tuple[str, int | None], dict[str, str]] = {}
    for run in runs:
        if not run.finished:
            continue
        manifest, key = read_manifest(run.folder), (run.data, run.limit)
        try:
            if key not in now:
                now[key] = _digests(manifest.recipe["data"], run.limit, host)
        except QatkError as error:
            warn(f"cannot check whether the data of {run.folder} changed: {error}")
            continue
        held = {name: described.digest for name, described in manifest.data.items()}
        if changed := [name for name, digest in now[key].items() if held.get(name, digest) != digest]:
            what = f"the {' and '.join(changed)} data changed since the run in {run.folder} was made"
            raise QatkError(what, fix=f"remove it, or name another folder with {spelled('out')}, and it is made again")


def _digests(data: Mapping[str, Mapping[str, object]], limit: int | None, host: PluginHost) -> dict[str, str]:
    """Of each split, as it is now."""
    found = {}
    for name, chosen in data.items():
        if chosen:
            found[name] = _load(chosen, limit, host).digest()
    return found


def _load(chosen: Mapping[str, object], limit: int | None, host: PluginHost) -> Examples:
    examples = host.live_section(LiveDataset, "dataset", chosen).load()
    return examples if limit is None else examples.take(range(min(limit, len(examples))))


def check_sets(runs: Sequence[Planned], host: PluginHost, on: str, cluster: str | None) -> None:
    """Refuse what runs that are still to be made would not have; data that cannot be read is left to them.

    Args:
        runs: the finished ones are not looked at; data that several share is read once.
        host: the plugins to use.
        on: the evaluation set to compare on.
        cluster: the column of it to cluster by.

    Raises:
        UsageError: where a recipe has no such set, or its data no such column.
    """
    for run in {(run.data, run.limit): run for run in runs if not run.finished}.values():
        sets = find_recipe(run.recipe, host, run.settings, importing=True).filled()["data"]
        known = [name for name, chosen in sets.items() if chosen and name != "train"]
        if on not in known:
            raise UsageError(f"the recipe has no evaluation set {on!r}", where=str(run.recipe), fix=suggest(on, known))
        if cluster is not None:
            try:
                examples = _load(sets[on], run.limit, host)
            except QatkError:
                continue
            clusters_of(examples, cluster)
