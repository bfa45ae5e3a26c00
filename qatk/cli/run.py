"""``qatk run``."""

from __future__ import annotations

import os
from contextlib import nullcontext
from json import dumps
from pathlib import Path
from typing import Annotated

import typer

from qatk.cli import completion
from qatk.cli.shared import Cluster, RuntimeName, output, plain_warnings, plugin_host, print_json, runtime_settings
from qatk.errors import Interrupted


def run_command(
    context: typer.Context,
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="Recipe, a YAML file.", show_default=False)],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a key of the recipe, such as decoder.n_best_size=5. May be repeated.",
            autocompletion=completion.recipe_keys,
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Run folder.", show_default="runs/RECIPE")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in the run folder.")] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Use only the first N questions of each split.")
    ] = None,
    runtime: RuntimeName = None,
    seed: Annotated[int | None, typer.Option(min=0, metavar="N", help="Override the recipe's seed.")] = None,
    cluster: Cluster = None,
    json: Annotated[bool, typer.Option("--json", help="Print the metrics as JSON instead of the report.")] = False,
) -> None:
    """Train and evaluate the model of a recipe, and report the results."""
    # Read when torch loads: threads that spin while they wait make training ten times slower on a shared machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from qatk.cli.progress import show_progress
    from qatk.run_folder.folder import is_first_process
    from qatk.runs.run import run
    from qatk.sweeps.channel import reporting

    plain_warnings()
    first = is_first_process()
    grouped = [] if cluster is None else [f"cluster={dumps(cluster)}"]
    console = output() if first and not json else None
    with reporting() as finished:
        host = plugin_host(context)
        try:
            with show_progress(console) if first and finished is None else nullcontext():
                result = run(
                    recipe,
                    out=out,
                    resume=resume,
                    limit=limit,
                    seed=seed,
                    settings=[*(settings or ()), *grouped, *runtime_settings(runtime)],
                    host=host,
                    console=console,
                )
        except KeyboardInterrupt:
            raise Interrupted("interrupted", fix="run the same command with --resume to continue") from None
        if finished is not None:
            finished(result.metrics)
    if first and json:
        named = {"normaliser": result.normaliser}
        sets = {name: {**each.metrics, "normaliser": each.normaliser} for name, each in result.sets.items()}
        print_json({**result.metrics, **named, **({"sets": sets} if sets else {})})
