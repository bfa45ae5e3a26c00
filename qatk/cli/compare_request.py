"""What ``qatk compare`` was asked to compare, and the systems that come of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from qatk.cli.compare_options import launcher_section, recipe_runtime, thresholds
from qatk.errors import UsageError

if TYPE_CHECKING:
    from qatk.evaluation.free_text import Aligner
    from qatk.languages import Normalisation
    from qatk.plugins.host import PluginHost
    from qatk.results.comparison import System
    from qatk.sweeps.plan import Planned
    from qatk.sweeps.sweep import Outcome

_OF_FILES = (".json", ".jsonl", ".parquet", ".csv", ".tsv", ".gz", ".yaml", ".yml")
"""Endings that the name of no model has: what ends so and is not there was to be a file."""


@dataclass(frozen=True)
class Request:
    """What to compare: run folders, prediction files, or recipes to run.

    ``nbest`` reads the best spans for a page; ``paired``: something is asked that a single system has no answer to.
    """

    inputs: Sequence[Path]
    data: Path | None
    use: str | None
    null_odds: Sequence[str]
    na_prob_thresh: Sequence[str]
    over: Sequence[str]
    seeds: str | None
    settings: Sequence[str]
    runtimes: Sequence[str]
    out: Path | None
    limit: int | None
    jobs: int | None
    common: bool
    group_seeds: bool
    cluster: str | None
    on: str
    nbest: bool
    align: Aligner | None
    by: Normalisation | None
    plan: Path | None
    json: bool
    launcher: str | None
    keep: bool
    paired: bool

    def read(self, host: PluginHost) -> tuple[list[System], list[Outcome]]:
        """The systems; for recipes also the outcome of each run."""
        from qatk.run_folder.remote import here

        return replace(self, inputs=[here(path) for path in self.inputs])._read(host)

    def _read(self, host: PluginHost) -> tuple[list[System], list[Outcome]]:
        from qatk.files import is_there
        from qatk.recipes import is_plan, is_recipe

        recipes = [path for path in self.inputs if is_recipe(path)]
        if absent := [str(path) for path in self.inputs if path not in recipes and not is_there(path)]:
            answering = self.data is not None
            if not answering or (absent := [name for name in absent if name.endswith(_OF_FILES)]):
                fix = "name run folders, prediction files or recipes; models need data to answer: --data DATA"
                raise UsageError(f"not found: {', '.join(absent)}", fix=fix)
        if self.over or self.seeds is not None or recipes:
            return self._read_recipes(host, recipes)
        self._refuse(
            ("--set", self.settings),
            ("--out", self.out),
            ("--limit", self.limit),
            ("--jobs", self.jobs),
            ("--plan", self.plan),
            ("--launcher", self.launcher),
            ("--keep-running", self.keep or None),
            why="a recipe",
        )
        if plan := next((path for path in self.inputs if is_plan(path)), None):
            return self._gather(host, plan)
        odds = [None if name == "-" else name for name in self.null_odds]
        if self.data is not None:
            return self._answer(host, self.data, odds), []
        self._refuse(("--use", self.use), ("--runtime", self.runtimes), why="--data or recipes")
        if all(path.is_dir() for path in self.inputs):
            self._refuse(*self._of_odds, why="prediction files")
        from qatk.comparison.systems import read_systems

        systems = read_systems(
            self.inputs,
            odds,
            common=self.common,
            group_seeds=self.group_seeds,
            nbest=self.nbest,
            on=self.on,
            align=self.align,
            by=self.by,
            host=host,
            na_prob_thresh=thresholds(self.na_prob_thresh),
        )
        return systems, []

    def _read_recipes(self, host: PluginHost, recipes: Sequence[Path]) -> tuple[list[System], list[Outcome]]:
        from qatk.cli.compare_recipes import make, write
        from qatk.sweeps.sweep import launched, launcher_of

        if others := [str(path) for path in self.inputs if path not in recipes]:
            what = f"not a recipe: {', '.join(others)}"
            fix = "recipes (.yaml files) can only be compared with recipes; --over and --seeds need a recipe"
            raise UsageError(what, fix=fix)
        self._refuse(("--data", self.data), *self._of_odds, why="models and prediction files")
        self._refuse(("--use", self.use), ("--language", self.by), why="--data")
        self._refuse(("--align", self.align), why="prediction files")
        self._refuse(("--common", self.common or None), why="run folders and prediction files")
        self._refuse(
            ("--group-seeds", self.group_seeds or None), why="run folders; the seeds of a recipe are grouped anyway"
        )
        settings = [*self.settings, *recipe_runtime(self.runtimes)]
        if self.plan is not None:
            given = (("--jobs", self.jobs), ("--launcher", self.launcher), ("--keep-running", self.keep or None))
            self._refuse(*given, why="runs that this command makes")
            write(self.plan, self._planned(host, settings), host, json=self.json)
            raise typer.Exit
        runs = self._planned(host, settings)
        section = launcher_section(self.launcher) or launcher_of(runs[0], host)
        executor = launched(section, host, jobs=self.jobs, keep=self.keep)
        return make(runs, executor, host, nbest=self.nbest, on=self.on, paired=self.paired)

    def _planned(self, host: PluginHost, settings: Sequence[str]) -> list[Planned]:
        """All runs of the recipes."""
        from qatk.sweeps.overrides import parse_over, parse_seeds
        from qatk.sweeps.plan import plan

        seeds = None if self.seeds is None else parse_seeds(self.seeds)
        if len(self.inputs) == 1 and not self.over and len(seeds or ()) < 2:
            fix = "vary it with --over KEY=A,B, give it several --seeds, or add another recipe"
            raise UsageError("one recipe is only one system", fix=fix)
        overs = [parse_over(text) for text in self.over]
        return plan(self.inputs, overs, seeds, host=host, settings=settings, out=self.out, limit=self.limit)

    def _gather(self, host: PluginHost, plan: Path) -> tuple[list[System], list[Outcome]]:
        from qatk.sweeps.sweep import gather

        if len(self.inputs) > 1:
            raise UsageError(
                f"{plan} is a plan, which is compared alone", fix="name only the plan, or only run folders"
            )
        given = (("--data", self.data), *self._of_odds, ("--use", self.use), ("--align", self.align))
        self._refuse(*given, ("--runtime", self.runtimes), ("--language", self.by), why="models and prediction files")
        self._refuse(("--common", self.common or None), ("--group-seeds", self.group_seeds or None), why="run folders")
        return gather(plan, host=host, nbest=self.nbest, on=self.on)

    def _answer(self, host: PluginHost, data: Path, null_odds: Sequence[str | None]) -> list[System]:
        from qatk.cli.progress import show_progress
        from qatk.comparison.systems import read_systems

        self._refuse(("--on", None if self.on == "dev" else self.on), why="run folders without --data")
        if all(path.is_file() for path in self.inputs):
            self._refuse(("--group-seeds", self.group_seeds or None), why="run folders")
        with show_progress():
            return read_systems(
                self.inputs,
                null_odds,
                data=data,
                use=self.use,
                common=self.common,
                group_seeds=self.group_seeds,
                cluster=self.cluster,
                host=host,
                align=self.align,
                by=self.by,
                runtimes=self.runtimes,
                na_prob_thresh=thresholds(self.na_prob_thresh),
            )

    @property
    def _of_odds(self) -> tuple[tuple[str, object], ...]:
        """The options that are about null odds of prediction files."""
        return (("--null-odds", self.null_odds), ("--na-prob-thresh", self.na_prob_thresh))

    def _refuse(self, *options: tuple[str, object], why: str) -> None:
        if given := [name for name, value in options if value not in (None, [], ())]:
            raise UsageError(f"{', '.join(given)}: only for {why}", fix="see qatk compare --help")
