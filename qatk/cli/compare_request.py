"""What ``qatk compare`` was asked to compare, and the systems that come of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from qatk.cli.compare_options import launcher_section, recipe_runtime, thresholds
from qatk.cli.reading import options_of
from qatk.errors import UsageError

if TYPE_CHECKING:
    from qatk.comparison.fitting import Compared
    from qatk.evaluation.free_text import Aligner
    from qatk.languages import Normalisation
    from qatk.plugins.host import PluginHost
    from qatk.results.comparison import System
    from qatk.sweeps.plan import Planned
    from qatk.sweeps.sweep import Outcome

_OF_FILES = (".json", ".jsonl", ".parquet", ".csv", ".tsv", ".gz", ".yaml", ".yml")
"""Endings that the name of no model has: what ends so and is not there was to be a file."""


@dataclass(frozen=True)
class Sources:
    """What is compared: run folders, prediction files, models that answer now, or recipes; and how answers are read.

    ``options`` are those of the dataset that reads the data.
    """

    inputs: Sequence[Path]
    data: Path | None
    use: str | None
    null_odds: Sequence[str] | None
    na_prob_thresh: Sequence[str] | None
    runtime: Sequence[str] | None
    common: bool
    group_seeds: bool
    align: Aligner | None
    language: Normalisation | None
    options: Mapping[str, object] | None = None


@dataclass(frozen=True)
class Sweep:
    """How recipes are varied and run; ``json`` is the form in which a plan is shown."""

    over: Sequence[str] | None
    seeds: str | None
    settings: Sequence[str] | None
    out: Path | None
    limit: int | None
    jobs: int | None
    plan: Path | None
    executor: str | None
    keep: bool
    json: bool


@dataclass(frozen=True)
class Request:
    """What to compare; ``nbest`` reads the best spans for a page.

    ``paired``: something is asked that a single system has no answer to.
    """

    sources: Sources
    sweep: Sweep
    on: str
    cluster: str | None
    nbest: bool
    paired: bool

    def read(self, host: PluginHost) -> tuple[list[System], list[Outcome]]:
        """The systems; for recipes also the outcome of each run."""
        if self.sources.data is None:
            return self._read(host)
        sources = replace(self.sources, options=options_of(self.sweep.settings))
        return replace(self, sources=sources, sweep=replace(self.sweep, settings=None))._read(host)

    def _read(self, host: PluginHost) -> tuple[list[System], list[Outcome]]:
        from qatk.comparison.fitting import kinds_of
        from qatk.files import is_there, url_of
        from qatk.recipes import is_recipe

        sources, sweep = self.sources, self.sweep
        paths = [path for path in sources.inputs if not is_recipe(path) and url_of(path) is None]
        if absent := [str(path) for path in paths if not is_there(path)]:
            answering = sources.data is not None
            if not answering or (absent := [name for name in absent if name.endswith(_OF_FILES)]):
                fix = "name run folders, prediction files or recipes; models need data to answer: --data DATA"
                raise UsageError(f"not found: {', '.join(absent)}", fix=fix)
        varied = bool(sweep.over) or sweep.seeds is not None
        kinds = kinds_of(sources.inputs, varied=varied, data=sources.data is not None)
        self._refuse(kinds)
        if "recipes" in kinds:
            return self._read_recipes(host)
        if "a plan" in kinds:
            return self._gather(host)
        odds = [None if name == "-" else name for name in sources.null_odds or ()]
        if sources.data is not None:
            return self._answer(host, sources.data, odds), []
        from qatk.comparison.systems import read_systems

        systems = read_systems(
            sources.inputs,
            odds,
            common=sources.common,
            group_seeds=sources.group_seeds,
            nbest=self.nbest,
            on=self.on,
            align=sources.align,
            by=sources.language,
            host=host,
            na_prob_thresh=thresholds(sources.na_prob_thresh or ()),
        )
        return systems, []

    def _read_recipes(self, host: PluginHost) -> tuple[list[System], list[Outcome]]:
        from qatk.cli.compare_recipes import make, write
        from qatk.sweeps.sweep import launched, launcher_of

        sources, sweep = self.sources, self.sweep
        settings = [*(sweep.settings or ()), *recipe_runtime(sources.runtime or ())]
        if sweep.plan is not None:
            self._refuse(["a written plan"])
            write(sweep.plan, self._planned(host, settings), host, json=sweep.json)
            raise typer.Exit
        runs = self._planned(host, settings)
        section = launcher_section(sweep.executor) or launcher_of(runs[0], host)
        executor = launched(section, host, jobs=sweep.jobs, keep=sweep.keep)
        return make(runs, executor, host, nbest=self.nbest, on=self.on, cluster=self.cluster, paired=self.paired)

    def _planned(self, host: PluginHost, settings: Sequence[str]) -> list[Planned]:
        """All runs of the recipes."""
        from qatk.sweeps.overrides import parse_over, parse_seeds
        from qatk.sweeps.plan import plan

        sources, sweep = self.sources, self.sweep
        seeds = None if sweep.seeds is None else parse_seeds(sweep.seeds)
        overs = [parse_over(text) for text in sweep.over or ()]
        return plan(sources.inputs, overs, seeds, host=host, settings=settings, out=sweep.out, limit=sweep.limit)

    def _gather(self, host: PluginHost) -> tuple[list[System], list[Outcome]]:
        from qatk.sweeps.sweep import gather

        return gather(self.sources.inputs[0], host=host, nbest=self.nbest, on=self.on)

    def _answer(self, host: PluginHost, data: Path, null_odds: Sequence[str | None]) -> list[System]:
        from qatk.cli.progress import show_progress
        from qatk.comparison.systems import read_systems

        sources = self.sources
        with show_progress():
            return read_systems(
                sources.inputs,
                null_odds,
                data=data,
                use=sources.use,
                options=sources.options,
                common=sources.common,
                group_seeds=sources.group_seeds,
                cluster=self.cluster,
                host=host,
                align=sources.align,
                by=sources.language,
                runtimes=sources.runtime or (),
                na_prob_thresh=thresholds(sources.na_prob_thresh or ()),
            )

    def _refuse(self, compared: Sequence[Compared]) -> None:
        from qatk.comparison.fitting import refuse_unfit

        on = None if self.on == "dev" else self.on
        refuse_unfit(compared, {**vars(self.sources), **vars(self.sweep), "on": on, "cluster": self.cluster})
