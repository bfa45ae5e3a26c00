"""``qatk compare``: two or more systems over the same questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qatk.cli.compare_outputs import check_outputs, reporters_of, wanted_outputs
from qatk.cli.shared import Cluster, output, plain_warnings, plugin_host, print_json
from qatk.errors import Interrupted, QatkError, UsageError

if TYPE_CHECKING:
    from qatk.plugins.host import PluginHost
    from qatk.results.comparison import System
    from qatk.sweeps.sweep import Outcome

SHOWN, SHOWN_OF_MANY = 3, 1
"""How many wins, losses and questions that both got wrong are shown: with one pair, and with several."""


Inputs = Annotated[
    list[Path],
    typer.Argument(
        metavar="SYSTEM",
        help="Run folders and prediction files; or prediction files with --data; or recipes with --over or --seeds. "
        "The first system is the baseline.",
        show_default=False,
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="SQuAD data that the prediction files answer, if there is no run folder; plain or .gz.",
        show_default=False,
    ),
]
NullOdds = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE", help="Null odds of the prediction files: one --null-odds for each in order, - if it has none."
    ),
]
Over = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=A,B",
        help="Vary a key of the recipe; 'KEY=[A, B]' is read as YAML. Several --over run every combination.",
    ),
]
Seeds = Annotated[
    str | None,
    typer.Option(metavar="N,N", help="Run every system with each of these seeds, such as 0,1,2.", show_default=False),
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key of every recipe. May be repeated.")
]
Out = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Folder for the new run folders.", show_default="runs/RECIPE-compare"),
]
Limit = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Run with only the first N questions of each split.")
]
Jobs = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="Number of runs at a time, each on its own GPU or sharing the CPU.", show_default="1"
    ),
]
Common = Annotated[bool, typer.Option("--common", help="Compare only the questions that all systems share.")]
GroupSeeds = Annotated[
    bool, typer.Option("--group-seeds", help="Treat run folders that differ only in their seed as one system.")
]
MarginOption = Annotated[
    float | None,
    typer.Option(metavar="POINTS", help="Also say whether a system is no worse than the baseline, by a margin of F1."),
]
AllPairs = Annotated[
    bool, typer.Option("--all-pairs", help="Compare every system with every other, not only with the first.")
]
On = Annotated[
    str, typer.Option(metavar="SET", help="Compare on this evaluation set of the runs, such as test (--on test).")
]
Detect = Annotated[
    float | None,
    typer.Option(metavar="POINTS", help="Plan: also say how many articles and seeds a difference of F1 needs."),
]
Show = Annotated[
    int | None,
    typer.Option(
        min=0, metavar="N", help="Wins and losses to show for each pair.", show_default="3, or 1 with several pairs"
    ),
]
Slice = Annotated[
    str | None,
    typer.Option("--slice", metavar="'SLICER: NAME'", help="Show wins and losses of this slice only."),
]
Grep = Annotated[
    str | None,
    typer.Option(metavar="REGEX", help="Show only questions whose id, text, gold or answers match, ignoring case."),
]
Json = Annotated[bool, typer.Option("--json", help="Print everything as JSON instead of the report.")]
Markdown = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write Markdown, as for a pull request; - prints it.")
]
Html = Annotated[Path | None, typer.Option(metavar="FILE", help="Write one self-contained HTML page.")]
Report = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=FILE", help="Write a file with any reporter that supports comparisons; - prints it."),
]
Draws = Annotated[
    int,
    typer.Option(min=1000, max=1_000_000, metavar="N", help="Number of draws for bootstrap and randomisation test."),
]
Seed = Annotated[int, typer.Option(min=0, metavar="N", help="Seed of these draws.")]


def compare_command(
    context: typer.Context,
    inputs: Inputs,
    data: Data = None,
    null_odds: NullOdds = None,
    over: Over = None,
    seeds: Seeds = None,
    settings: Settings = None,
    out: Out = None,
    limit: Limit = None,
    jobs: Jobs = None,
    common: Common = False,
    group_seeds: GroupSeeds = False,
    cluster: Cluster = None,
    margin: MarginOption = None,
    all_pairs: AllPairs = False,
    on: On = "dev",
    detect: Detect = None,
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
    from qatk.comparison.compare import compare_systems, comparison_to_dict
    from qatk.comparison.planning import needed
    from qatk.comparison.wins_losses import compile_pattern, in_slice, matching, narrow
    from qatk.sweeps.sweep import failures

    plain_warnings()
    pattern = compile_pattern(grep) if grep is not None else None
    outputs = wanted_outputs(markdown, html, report or [])
    check_outputs(json, outputs)
    host = plugin_host(context)
    reporters = reporters_of(host, outputs, to_terminal=not json)
    given = (inputs, data, null_odds or [], over or [], seeds, settings or [], out, limit, jobs)
    request = _Request(*given, common, group_seeds, cluster, on, nbest=html is not None or bool(report))
    systems, outcomes = request.read(host)
    comparison = compare_systems(systems, draws=draws, seed=seed, cluster=cluster, margin=margin, all_pairs=all_pairs)
    plans = [] if detect is None else needed(comparison.pairs, systems, detect, comparison.clusters.kind)
    shown = narrow(comparison, in_slice(comparison, only), f"in {only}") if only is not None else comparison
    shown = narrow(shown, matching(comparison, pattern), f"matching {grep!r}") if pattern else shown
    number = show if show is not None else SHOWN if len(comparison.pairs) == 1 else SHOWN_OF_MANY
    console = output(quiet=json)
    for reporter, file in reporters:
        reporter.compare(shown, file, console, show=number)
    if not json and all(wanted.file is not None for wanted in outputs):
        for plan in plans:
            console.print(f"\n{plan.text}", highlight=False, markup=False)
    if json:
        planned = {"detect": [asdict(plan) for plan in plans]} if plans else {}
        print_json({**comparison_to_dict(shown), **planned, **({"runs": _described(outcomes)} if outcomes else {})})
    if failed := failures(outcomes):
        raise QatkError(failed, fix="run the same command again to resume them")


@dataclass(frozen=True)
class _Request:
    """What to compare: run folders, prediction files, or recipes to run; ``nbest`` reads the best spans for a page."""

    inputs: Sequence[Path]
    data: Path | None
    null_odds: Sequence[str]
    over: Sequence[str]
    seeds: str | None
    settings: Sequence[str]
    out: Path | None
    limit: int | None
    jobs: int | None
    common: bool
    group_seeds: bool
    cluster: str | None
    on: str
    nbest: bool

    def read(self, host: PluginHost) -> tuple[list[System], list[Outcome]]:
        """The systems; for recipes also the outcome of each run."""
        from qatk.files import is_there
        from qatk.recipes.recipe import is_recipe

        recipes = [path for path in self.inputs if is_recipe(path)]
        if absent := [str(path) for path in self.inputs if path not in recipes and not is_there(path)]:
            raise UsageError(f"not found: {', '.join(absent)}", fix="name run folders, prediction files or recipes")
        if self.over or self.seeds is not None or recipes:
            return self._read_recipes(host, recipes)
        self._refuse(
            ("--set", self.settings),
            ("--out", self.out),
            ("--limit", self.limit),
            ("--jobs", self.jobs),
            why="a recipe",
        )
        odds = [None if name == "-" else name for name in self.null_odds]
        if self.data is not None:
            return self._read_files(host, self.data, odds), []
        if all(path.is_dir() for path in self.inputs):
            self._refuse(("--null-odds", self.null_odds), why="prediction files")
        from qatk.comparison.systems import read_systems

        common, grouped = self.common, self.group_seeds
        return read_systems(self.inputs, odds, common=common, group_seeds=grouped, nbest=self.nbest, on=self.on), []

    def _read_recipes(self, host: PluginHost, recipes: Sequence[Path]) -> tuple[list[System], list[Outcome]]:
        from qatk.cli.sweep_progress import show_sweep
        from qatk.sweeps.overrides import parse_over, parse_seeds
        from qatk.sweeps.sweep import local_executor, sweep

        if others := [str(path) for path in self.inputs if path not in recipes]:
            what = f"not a recipe: {', '.join(others)}"
            fix = "recipes (.yaml files) can only be compared with recipes; --over and --seeds need a recipe"
            raise UsageError(what, fix=fix)
        self._refuse(("--data", self.data), ("--null-odds", self.null_odds), why="prediction files")
        self._refuse(("--common", self.common or None), why="run folders and prediction files")
        self._refuse(
            ("--group-seeds", self.group_seeds or None), why="run folders; the seeds of a recipe are grouped anyway"
        )
        seeds = None if self.seeds is None else parse_seeds(self.seeds)
        if len(recipes) == 1 and not self.over and len(seeds or ()) < 2:
            fix = "vary it with --over KEY=A,B, give it several --seeds, or add another recipe"
            raise UsageError("one recipe is only one system", fix=fix)
        overs = [parse_over(text) for text in self.over]
        try:
            with show_sweep() as show:
                return sweep(
                    recipes,
                    overs,
                    seeds,
                    host=host,
                    executor=local_executor(self.jobs or 1, host),
                    listener=show,
                    settings=self.settings,
                    out=self.out,
                    limit=self.limit,
                    nbest=self.nbest,
                    on=self.on,
                )
        except KeyboardInterrupt:
            raise Interrupted("interrupted", fix="run the same command again to continue") from None

    def _read_files(self, host: PluginHost, data: Path, null_odds: Sequence[str | None]) -> list[System]:
        from qatk.comparison.systems import read_systems

        on = None if self.on == "dev" else self.on
        self._refuse(("--group-seeds", self.group_seeds or None), ("--on", on), why="run folders")
        return read_systems(self.inputs, null_odds, data=data, common=self.common, cluster=self.cluster, host=host)

    def _refuse(self, *options: tuple[str, object], why: str) -> None:
        if given := [name for name, value in options if value not in (None, [], ())]:
            raise UsageError(f"{', '.join(given)}: only for {why}", fix="see qatk compare --help")


def _described(outcomes: Sequence[Outcome]) -> list[dict[str, object]]:
    return [
        {
            "system": outcome.run.system,
            "seed": outcome.run.seed,
            "folder": str(outcome.run.folder),
            "state": outcome.state,
            "error": outcome.error,
        }
        for outcome in outcomes
    ]
