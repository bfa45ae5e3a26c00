"""``qatk compare``: two or more systems over the same questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from qatk.cli.align_options import FUZZY, Abstention, Align, Fuzzy
from qatk.cli.compare_options import (
    AllPairs,
    Common,
    Data,
    Detect,
    Draws,
    Grep,
    GroupSeeds,
    Html,
    Inputs,
    Jobs,
    Json,
    Limit,
    MarginOption,
    Markdown,
    NullOdds,
    On,
    Out,
    Over,
    Plan,
    Report,
    Runtimes,
    Seed,
    Seeds,
    Settings,
    Show,
    Slice,
    Use,
    recipe_runtime,
)
from qatk.cli.compare_outputs import check_outputs, further, reporters_of, wanted_outputs
from qatk.cli.shared import Cluster, Language, LanguageColumn, output, plain_warnings, plugin_host, print_json
from qatk.errors import QatkError, UsageError

if TYPE_CHECKING:
    import re

    from rich.console import Console

    from qatk.comparison.planning import Needed
    from qatk.evaluation.free_text import Aligner
    from qatk.languages import Normalisation
    from qatk.plugins.host import PluginHost
    from qatk.plugins.live import LiveReporter
    from qatk.results.comparison import Comparison, System
    from qatk.sweeps.sweep import Outcome

SHOWN, SHOWN_OF_MANY = 3, 1
"""How many wins, losses and questions that both got wrong are shown: with one pair, and with several."""
_OF_FILES = (".json", ".jsonl", ".parquet", ".gz", ".yaml", ".yml")
"""Endings that the name of no model has: what ends so and is not there was to be a file."""


def compare_command(
    context: typer.Context,
    inputs: Inputs,
    data: Data = None,
    use: Use = None,
    null_odds: NullOdds = None,
    over: Over = None,
    seeds: Seeds = None,
    settings: Settings = None,
    runtime: Runtimes = None,
    out: Out = None,
    limit: Limit = None,
    jobs: Jobs = None,
    plan: Plan = None,
    common: Common = False,
    group_seeds: GroupSeeds = False,
    cluster: Cluster = None,
    language: Language = None,
    language_column: LanguageColumn = None,
    margin: MarginOption = None,
    all_pairs: AllPairs = False,
    on: On = "dev",
    detect: Detect = None,
    align: Align = False,
    fuzzy: Fuzzy = FUZZY,
    abstention: Abstention = None,
    show: Show = None,
    only: Slice = None,
    grep: Grep = None,
    json: Json = False,
    markdown: Markdown = None,
    html: Html = None,
    report: Report = None,
    draws: Draws = 10_000,
    seed: Seed = 13,
) -> None:
    """Compare systems question by question: what differs, how sure that is, and where."""
    from qatk.cli.free_text import aligner_of
    from qatk.comparison.compare import compare_systems, comparison_to_dict
    from qatk.comparison.wins_losses import compile_pattern
    from qatk.plugins.normalisers import given_normalisation

    plain_warnings()
    pattern = None if grep is None else compile_pattern(grep)
    check_outputs(json, outputs := wanted_outputs(markdown, html, report or []))
    host = plugin_host(context)
    reporters = reporters_of(host, outputs, to_terminal=not json)
    given = (inputs, data, use, null_odds or [], over or [], seeds, settings or [], runtime or [], out, limit, jobs)
    how = aligner_of(align, fuzzy, abstention or []), given_normalisation(language, language_column, host), plan, json
    systems, outcomes = _Request(*given, common, group_seeds, cluster, on, bool(html or report), *how).read(host)
    comparison = compare_systems(systems, draws=draws, seed=seed, cluster=cluster, margin=margin, all_pairs=all_pairs)
    plans = [] if detect is None else _plans(comparison, systems, detect)
    shown, console = _narrowed(comparison, only, pattern), output(quiet=json)
    _report(shown, reporters, console, _number_shown(show, comparison))
    if json:
        print_json(comparison_to_dict(shown) | further(plans, outcomes))
    elif all(wanted.file is not None for wanted in outputs):
        _print_plans(console, plans)
    _raise_failures(outcomes)


def _report(shown: Comparison, reporters: Sequence[tuple[LiveReporter, Path | None]], console: Console, n: int) -> None:
    for reporter, file in reporters:
        reporter.compare(shown, file, console, show=n)


def _plans(comparison: Comparison, systems: Sequence[System], detect: float) -> list[Needed]:
    from qatk.comparison.planning import needed

    return needed(comparison.pairs, systems, detect, comparison.clusters.kind)


def _raise_failures(outcomes: Sequence[Outcome]) -> None:
    if not outcomes:
        return
    from qatk.sweeps.sweep import failures

    if failed := failures(outcomes):
        planned = any(outcome.state == "missing" for outcome in outcomes)
        fix = "make them with qatk run --task PLAN:N" if planned else "run the same command again to resume them"
        raise QatkError(failed, fix=fix)


def _print_plans(console: Console, plans: Sequence[Needed]) -> None:
    console.print(*(f"\n{plan.text}" for plan in plans), sep="\n", end="\n" * bool(plans), markup=False)


def _number_shown(show: int | None, comparison: Comparison) -> int:
    """Of wins and losses, for each pair."""
    return show if show is not None else SHOWN if len(comparison.pairs) == 1 else SHOWN_OF_MANY


def _narrowed(comparison: Comparison, only: str | None, pattern: re.Pattern[str] | None) -> Comparison:
    """The wins and losses in a slice, and of questions that match."""
    from qatk.comparison.wins_losses import in_slice, matching, narrow

    shown = narrow(comparison, in_slice(comparison, only), f"in {only}") if only is not None else comparison
    return narrow(shown, matching(comparison, pattern), f"matching {pattern.pattern!r}") if pattern else shown


@dataclass(frozen=True)
class _Request:
    """What to compare: run folders, prediction files, or recipes to run; ``nbest`` reads the best spans for a page."""

    inputs: Sequence[Path]
    data: Path | None
    use: str | None
    null_odds: Sequence[str]
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

    def read(self, host: PluginHost) -> tuple[list[System], list[Outcome]]:
        """The systems; for recipes also the outcome of each run."""
        from qatk.files import is_there
        from qatk.recipes import is_recipe
        from qatk.sweeps.plan_folder import is_plan

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
            why="a recipe",
        )
        if plan := next((path for path in self.inputs if is_plan(path)), None):
            return self._gather(host, plan)
        odds = [None if name == "-" else name for name in self.null_odds]
        if self.data is not None:
            return self._answer(host, self.data, odds), []
        self._refuse(("--use", self.use), ("--runtime", self.runtimes), why="--data or recipes")
        if all(path.is_dir() for path in self.inputs):
            self._refuse(("--null-odds", self.null_odds), why="prediction files")
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
        )
        return systems, []

    def _read_recipes(self, host: PluginHost, recipes: Sequence[Path]) -> tuple[list[System], list[Outcome]]:
        from qatk.cli.compare_recipes import Runs

        if others := [str(path) for path in self.inputs if path not in recipes]:
            what = f"not a recipe: {', '.join(others)}"
            fix = "recipes (.yaml files) can only be compared with recipes; --over and --seeds need a recipe"
            raise UsageError(what, fix=fix)
        self._refuse(("--data", self.data), ("--null-odds", self.null_odds), why="models and prediction files")
        self._refuse(("--use", self.use), ("--language", self.by), why="--data")
        self._refuse(("--align", self.align), why="prediction files")
        self._refuse(("--common", self.common or None), why="run folders and prediction files")
        self._refuse(
            ("--group-seeds", self.group_seeds or None), why="run folders; the seeds of a recipe are grouped anyway"
        )
        settings = [*self.settings, *recipe_runtime(self.runtimes)]
        runs = Runs(recipes, self.over, self.seeds, settings, self.out, self.limit)
        if self.plan is not None:
            self._refuse(("--jobs", self.jobs), why="runs that this command makes")
            runs.write(self.plan, host, json=self.json)
            raise typer.Exit
        return runs.make(host, self.jobs or 1, nbest=self.nbest, on=self.on)

    def _gather(self, host: PluginHost, plan: Path) -> tuple[list[System], list[Outcome]]:
        from qatk.sweeps.sweep import gather

        if len(self.inputs) > 1:
            raise UsageError(
                f"{plan} is a plan, which is compared alone", fix="name only the plan, or only run folders"
            )
        given = (("--data", self.data), ("--null-odds", self.null_odds), ("--use", self.use), ("--align", self.align))
        self._refuse(*given, ("--runtime", self.runtimes), ("--language", self.by), why="models and prediction files")
        self._refuse(("--common", self.common or None), ("--group-seeds", self.group_seeds or None), why="run folders")
        return gather(plan, host=host, nbest=self.nbest, on=self.on)

    def _answer(self, host: PluginHost, data: Path, null_odds: Sequence[str | None]) -> list[System]:
        from qatk.cli.progress import show_progress
        from qatk.cli.reading import dataset_for
        from qatk.comparison.systems import read_systems

        self._refuse(("--on", None if self.on == "dev" else self.on), why="run folders without --data")
        if all(path.is_file() for path in self.inputs):
            self._refuse(("--group-seeds", self.group_seeds or None), why="run folders")
        with show_progress():
            return read_systems(
                self.inputs,
                null_odds,
                data=data,
                use=self.use or dataset_for(str(data)),
                common=self.common,
                group_seeds=self.group_seeds,
                cluster=self.cluster,
                host=host,
                align=self.align,
                by=self.by,
                runtimes=self.runtimes,
            )

    def _refuse(self, *options: tuple[str, object], why: str) -> None:
        if given := [name for name, value in options if value not in (None, [], ())]:
            raise UsageError(f"{', '.join(given)}: only for {why}", fix="see qatk compare --help")
