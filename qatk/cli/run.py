"""``qatk run``."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qatk.cli import completion
from qatk.cli.shared import (
    RecipeCluster,
    RuntimeName,
    output,
    plain_warnings,
    plugin_host,
    print_json,
    runtime_settings,
)
from qatk.errors import Interrupted, QatkError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from qatk.plugins.host import PluginHost
    from qatk.results import RunResult


def run_command(
    context: typer.Context,
    recipe: Annotated[
        Path | None,
        typer.Argument(
            metavar="RECIPE", help="Recipe, a YAML file; or a run folder, for the same run again.", show_default=False
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a key of the recipe, such as decoder.n_best_size=5. May be repeated.",
            autocompletion=completion.recipe_keys,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Run folder, or its URL (s3://...).", show_default="runs/RECIPE"),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in the run folder.")] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Use only the first N questions of each split.")
    ] = None,
    runtime: RuntimeName = None,
    seed: Annotated[int | None, typer.Option(min=0, metavar="N", help="Override the recipe's seed.")] = None,
    cluster: RecipeCluster = None,
    task: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER:N",
            help="Make run N of a plan that qatk compare --plan wrote, or continue it, instead of a recipe.",
        ),
    ] = None,
    processes: Annotated[
        int, typer.Option(min=1, metavar="N", help="Train and predict with N processes on this machine: one a GPU.")
    ] = 1,
    skip_bad_batches: Annotated[
        bool,
        typer.Option(
            "--skip-bad-batches", help="Leave out batches whose loss becomes NaN: trainer.skip_bad_batches=true."
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the metrics as JSON instead of the report.")] = False,
) -> None:
    """Train and evaluate the model of a recipe, and report the results."""
    from qatk.run_folder.folder import is_first_process
    from qatk.runs.processes import LAUNCHED, run_together

    plain_warnings(show=is_first_process())
    grouped = [] if cluster is None else [f"cluster={dumps(cluster)}"]
    skipping = ["trainer.skip_bad_batches=true"] if skip_bad_batches else []
    given = {"RECIPE": recipe, "--set": settings, "--cluster": cluster, "--runtime": runtime, "--seed": seed}
    _check_task(task, {**given, "--out": out, "--limit": limit, "--skip-bad-batches": skip_bad_batches or None})
    if processes > 1 and LAUNCHED not in os.environ:
        raise typer.Exit(run_together([sys.executable, "-m", "qatk", *sys.argv[1:]], processes))
    changes = [*(settings or ()), *grouped, *runtime_settings(runtime), *skipping]
    _Request(recipe or Path(), task, changes, out, resume, limit, seed, json).make(context)


@dataclass(frozen=True)
class _Request:
    """What to run; ``recipe`` counts where there is no ``task``."""

    recipe: Path
    task: str | None
    settings: Sequence[str]
    out: Path | None
    resume: bool
    limit: int | None
    seed: int | None
    json: bool

    def make(self, context: typer.Context) -> None:
        """Make the run, and report it."""
        from qatk.cli.progress import show_progress
        from qatk.run_folder.folder import is_first_process
        from qatk.run_folder.recipes import name_of
        from qatk.runs.pause import requeuing
        from qatk.runs.processes import in_team
        from qatk.sweeps.channel import reporting

        first = is_first_process()
        console = output() if first and not self.json else None
        result = None
        with in_team(), reporting() as finished:
            try:
                title = self.task or name_of(self.recipe)
                with requeuing(), show_progress(title, console) if first and finished is None else nullcontext():
                    result = self._run(plugin_host(context), console)
            except KeyboardInterrupt:
                if result is None:  # else it is complete, and the signal too late
                    raise self._interrupted() from None
            if finished is not None:
                finished(result.metrics)
        if console is not None and result.url is not None:
            console.print(f"they are also at {result.url}", soft_wrap=True)
        if first and self.json:
            named = {"normaliser": result.normaliser}
            sets = {name: {**each.metrics, "normaliser": each.normaliser} for name, each in result.sets.items()}
            print_json({**result.metrics, **named, **({"sets": sets} if sets else {})})

    def _interrupted(self) -> Interrupted:
        """What a signal leaves to do; of a run that is scored, that is to report it."""
        from qatk.run_folder.manifest import read_manifest

        again = "the same command" if self.task else "the same command with --resume"
        with suppress(QatkError):
            if self.task is None and read_manifest(self.out or Path("runs") / self.recipe.stem).finished:
                what = "interrupted as it was reported; all results are saved"
                return Interrupted(what, fix=f"run {again} to report them")
        return Interrupted("interrupted", fix=f"run {again} to continue")

    def _run(self, host: PluginHost, console: Console | None) -> RunResult:
        from qatk.runs.run import run

        if self.task is not None:
            return _run_task(self.task, host, console)
        return run(
            self.recipe,
            out=self.out,
            resume=self.resume,
            limit=self.limit,
            seed=self.seed,
            settings=self.settings,
            host=host,
            console=console,
        )


def _check_task(task: str | None, given: Mapping[str, object]) -> None:
    """Hold the command to one of a recipe and a task, which leaves nothing to choose."""
    if task is None and given["RECIPE"] is None:
        raise UsageError("there is no recipe to run", fix="name one: qatk run RECIPE, or qatk run --task FOLDER:N")
    if task is not None and (more := [name for name, value in given.items() if value not in (None, [])]):
        raise UsageError(f"--task says all of the run; {', '.join(more)} would change it", fix="leave out one or other")


def _run_task(task: str, host: PluginHost, console: Console | None) -> RunResult:
    """Make a run of a plan, or continue it; the paths of its recipe are relative to where it was planned."""
    from qatk.runs.run import run
    from qatk.sweeps.plan_folder import read_task

    found = read_task(task, host)
    os.chdir(found.directory)
    return run(found.recipe, out=found.folder, resume=True, limit=found.limit, host=host, console=console)
