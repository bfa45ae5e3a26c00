"""``qatk compare``: two or more systems over the same questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qatk.cli.shared import Cluster, output, plain_warnings, plugin_host, print_json
from qatk.errors import QatkError, UsageError

if TYPE_CHECKING:
    from qatk.plugins.host import PluginHost
    from qatk.plugins.live import LiveReporter
    from qatk.results.comparison import System
    from qatk.sweeps.sweep import Outcome

SHOWN, SHOWN_OF_MANY = 3, 1
"""Wins, losses and questions both have wrong that are shown of a pair, and where there are several pairs."""


Inputs = Annotated[
    list[Path],
    typer.Argument(
        metavar="SYSTEM",
        help="Run folders, and prediction files beside them; prediction files alone, with --data; or recipes, "
        "with --over or --seeds. "
        "The first system is the baseline.",
        show_default=False,
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(
        help="SQuAD JSON that the prediction files are of, where there is no run folder; plain or .gz.",
        show_default=False,
    ),
]
NullOdds = Annotated[
    list[str] | None,
    typer.Option(metavar="FILE", help="Null odds, one --null-odds a prediction file, in order; - where none."),
]
Over = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=A,B", help="Vary a key of the recipe; 'KEY=[A, B]' reads YAML. Several make every combination."
    ),
]
Seeds = Annotated[
    str | None, typer.Option(metavar="0,1,2", help="Run every system with each seed.", show_default=False)
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change the recipe of all runs.")
]
Out = Annotated[
    Path | None,
    typer.Option(help="Folder of the run folders made; runs/RECIPE-compare where not given.", show_default=False),
]
Limit = Annotated[int | None, typer.Option(min=1, help="Make runs with only the first N questions of each split.")]
Jobs = Annotated[
    int | None,
    typer.Option(min=1, help="Make so many runs at a time: one a GPU, or sharing the cores. 1 where not given."),
]
Common = Annotated[bool, typer.Option("--common", help="Go on with the questions that all systems have.")]
GroupSeeds = Annotated[
    bool, typer.Option("--group-seeds", help="Run folders whose recipes differ only in their seed are one system.")
]
Show = Annotated[
    int | None,
    typer.Option(min=0, help="Wins and losses to show of a pair: 3, or 1 of several pairs.", show_default=False),
]
Slice = Annotated[
    str | None,
    typer.Option("--slice", metavar="'SLICER: NAME'", help="Show wins and losses of this slice only."),
]
Grep = Annotated[
    str | None,
    typer.Option(metavar="REGEX", help="Show those whose id, question, gold or answers match; case is ignored."),
]
Json = Annotated[bool, typer.Option("--json", help="Print everything as JSON, and no report.")]
Markdown = Annotated[Path | None, typer.Option(metavar="FILE", help="Write Markdown, for a pull request; - prints it.")]
Html = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the page, one HTML file.")]
Report = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=FILE", help="Write a file by any reporter that shows comparisons; - prints it."),
]
Draws = Annotated[int, typer.Option(min=1000, max=1_000_000, help="Draws of the bootstrap and the randomisation test.")]
Seed = Annotated[int, typer.Option(min=0, help="Of these draws: the same seed gives the same numbers.")]


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
    """Hold systems against each other, question by question: what differs, how sure that is, and where."""
    from qatk.comparison.compare import compare_systems, comparison_to_dict
    from qatk.comparison.wins_losses import compile_pattern, in_slice, matching, narrow
    from qatk.sweeps.sweep import failures

    plain_warnings()
    pattern = compile_pattern(grep) if grep is not None else None
    outputs = _outputs(markdown, html, report or [])
    _check_outputs(json, outputs)
    host = plugin_host(context)
    reporters = _reporters(host, outputs, to_terminal=not json)
    request = _Request(
        inputs,
        data,
        null_odds or [],
        over or [],
        seeds,
        settings or [],
        out,
        limit,
        jobs,
        common,
        group_seeds,
        cluster,
        nbest=html is not None or bool(report),
    )
    systems, outcomes = request.read(host)
    comparison = compare_systems(systems, draws=draws, seed=seed, cluster=cluster)
    shown = narrow(comparison, in_slice(comparison, only), f"in {only}") if only is not None else comparison
    shown = narrow(shown, matching(comparison, pattern), f"matching {grep!r}") if pattern else shown
    number = show if show is not None else SHOWN if len(comparison.pairs) == 1 else SHOWN_OF_MANY
    console = output()
    for reporter, file in reporters:
        reporter.compare(shown, file, console, show=number)
    if json:
        print_json({**comparison_to_dict(shown), **({"runs": _described(outcomes)} if outcomes else {})})
    if failed := failures(outcomes):
        raise QatkError(failed, fix="the same command makes them again, and goes on with what they had")


@dataclass(frozen=True)
class _Request:
    """What to compare: run folders, prediction files, or recipes to run; with best spans for a page."""

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
    nbest: bool

    def read(self, host: PluginHost) -> tuple[list[System], list[Outcome]]:
        """The systems; for recipes also what came of each run."""
        from qatk.files import is_there

        recipes = [path for path in self.inputs if path.suffix in (".yaml", ".yml") and not path.is_dir()]
        if absent := [str(path) for path in self.inputs if path not in recipes and not is_there(path)]:
            raise UsageError(f"there is no {', no '.join(absent)}", fix="name run folders, files or recipes")
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

        return read_systems(self.inputs, odds, common=self.common, group_seeds=self.group_seeds, nbest=self.nbest), []

    def _read_recipes(self, host: PluginHost, recipes: Sequence[Path]) -> tuple[list[System], list[Outcome]]:
        from qatk.cli.sweep_progress import show_sweep
        from qatk.sweeps.overrides import parse_over, parse_seeds
        from qatk.sweeps.sweep import local_executor, sweep

        if others := [str(path) for path in self.inputs if path not in recipes]:
            what = f"recipes are compared with recipes: {', '.join(others)} {'is' if len(others) == 1 else 'are'} none"
            fix = "compare run folders by themselves; --over and --seeds take a recipe, a .yaml file"
            raise UsageError(what, fix=fix)
        self._refuse(("--data", self.data), ("--null-odds", self.null_odds), why="prediction files")
        self._refuse(("--common", self.common or None), why="run folders and prediction files")
        self._refuse(
            ("--group-seeds", self.group_seeds or None), why="run folders; of recipes seeds are grouped anyway"
        )
        if len(recipes) == 1 and not self.over:
            raise UsageError("one recipe is one system", fix="vary it: --over backbone.model=A,B, or name another one")
        overs = [parse_over(text) for text in self.over]
        seeds = None if self.seeds is None else parse_seeds(self.seeds)
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
                )
        except KeyboardInterrupt:
            raise QatkError("interrupted", fix="the same command goes on with what is there") from None

    def _read_files(self, host: PluginHost, data: Path, null_odds: Sequence[str | None]) -> list[System]:
        from qatk.comparison.systems import read_systems

        self._refuse(("--group-seeds", self.group_seeds or None), why="run folders")
        return read_systems(self.inputs, null_odds, data=data, common=self.common, cluster=self.cluster, host=host)

    def _refuse(self, *options: tuple[str, Any], why: str) -> None:
        if given := [name for name, value in options if value not in (None, [], ())]:
            raise UsageError(f"{', '.join(given)}: only for {why}", fix="see qatk compare --help")


@dataclass(frozen=True)
class _Output:
    """A file to write, ``None`` for standard output, by a reporter; ``option`` asked for it."""

    option: str
    reporter: str
    file: Path | None


def _outputs(markdown: Path | None, html: Path | None, reports: Sequence[str]) -> list[_Output]:
    """All that is to be written."""
    found = [
        _Output(f"--{name}", name, None if str(file) == "-" else file)
        for name, file in (("markdown", markdown), ("html", html))
        if file is not None
    ]
    for text in reports:
        name, equals, file = text.partition("=")
        if not (name and equals and file):
            raise UsageError(f"--report {text}: NAME=FILE is due", fix="for example --report markdown=comparison.md")
        found.append(_Output(f"--report {name}", name, None if file == "-" else Path(file)))
    return found


def _check_outputs(json: bool, outputs: Sequence[_Output]) -> None:
    """Refuse what could only fail after the work is done."""
    from qatk.files import is_there

    printed = [*(["--json"] if json else []), *(f"{o.option} -" for o in outputs if o.file is None)]
    if len(printed) > 1:
        what = f"{' and '.join(printed)} {'both' if len(printed) == 2 else 'all'} go to standard output"
        raise UsageError(what, fix=f"give {printed[-1].removesuffix(' -')} a file")
    if any(wanted.reporter == "html" and wanted.file is None for wanted in outputs):
        raise UsageError("--html -: a page is for a file", fix="name one: --html comparison.html")
    files: dict[Path, str] = {}
    for wanted in outputs:
        if (file := wanted.file) is None:
            continue
        if (other := files.setdefault(file.resolve(), wanted.option)) != wanted.option:
            raise UsageError(f"{other} and {wanted.option} both name {file}", fix="name two files")
        if (is_there(file) and file.is_dir()) or not file.parent.is_dir():
            what = f"{wanted.option} {file}: this is no place for a file"
            raise UsageError(what, fix="name a file in a folder that exists")


def _reporters(
    host: PluginHost, outputs: Sequence[_Output], *, to_terminal: bool
) -> list[tuple[LiveReporter, Path | None]]:
    """The reporters, each with the file that it writes."""
    from qatk.plugins.live import LiveReporter

    found = []
    for wanted in outputs:
        reporter = host.live(LiveReporter, "reporter", wanted.reporter)
        if not reporter.shows_comparisons:
            able = [r.name for r in host.components("reporter") if LiveReporter.can_compare(r)]
            what = f"{wanted.option}: the reporter {wanted.reporter!r} shows runs only, no comparisons"
            raise UsageError(what, fix=f"those that do: {', '.join(able)}")
        found.append((reporter, wanted.file))
    if to_terminal and all(wanted.file is not None for wanted in outputs):
        found.append((host.live(LiveReporter, "reporter", "console"), None))
    return found


def _described(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
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
