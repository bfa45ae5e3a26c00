"""``qatk runs``: what runs there are, and how one goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qatk.cli import completion
from qatk.cli.shared import output, plain_warnings, print_json
from qatk.errors import UsageError, message, suggest
from qatk.files import place_of

if TYPE_CHECKING:
    from rich.table import Table

    from qatk.run_folder.listing import RunSummary

runs_app = typer.Typer(no_args_is_help=True)


@runs_app.command("list")
def list_command(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Folder or URL that holds run folders, at any depth.")
    ] = Path("runs"),
    state: Annotated[
        str | None,
        typer.Option(
            metavar="STATES", help="Only these: finished, running, stopped, killed, failed.", show_default="all"
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE", help="Only runs whose recipe has this value, such as head=linear. May be repeated."
        ),
    ] = None,
    show: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY", help="Show this key of the recipes too, such as seed. May be repeated."),
    ] = None,
    sort: Annotated[
        str, typer.Option(metavar="COLUMN", help="folder, recipe, backbone, em, f1, time, state or updated.")
    ] = "folder",
    reverse: Annotated[bool, typer.Option("--reverse", help="Turn the order around.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, with the recipes.")] = False,
) -> None:
    """List all runs under a folder: their recipes, figures, times and states.

    Figures of a run that is not finished are those of its last epoch. Figures, times and dates are sorted from the
    highest.
    """
    from qatk.run_folder.listing import list_runs

    plain_warnings()
    _check_sort(sort)
    states, wanted = _states(state), [_wanted(text) for text in where or ()]
    every = list_runs(folder)
    for key in show or ():
        _check_key(f"--show {key}", key, every)
    found = [run for run in every if run.state in states]
    for key, value in wanted:
        _check_key(f"--where {key}={value}", key, every)
        found = [run for run in found if _has(run, key, value)]
    found = _sorted(found, sort, reverse)
    if json:
        print_json([run.as_dict() for run in found])
    elif found:
        output(listing=True).print(_table(found, folder, show or ()))
    else:
        place = place_of(folder)
        typer.echo(f"no runs in {place}" if not every else f"none of {len(every)} runs in {place}", err=True)


CODES = {"finished": 0, "failed": 1, "killed": 1, "stopped": 75}
"""Exit codes of ``qatk runs watch``; 75 is that of ``qatk run`` where ``--resume`` goes on."""


@runs_app.command("watch")
def watch_command(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", help="Run folder, or its URL.", show_default=False, autocompletion=completion.runs
        ),
    ],
) -> None:
    """Show a run of another process while it goes on, until it ends.

    The exit code is 0 if the run finished, 1 if it failed or was killed, and 75 if it was stopped and --resume goes on.
    """
    from qatk.cli.run_watching import watch

    plain_warnings()
    sight = watch(run)
    typer.echo(message(sight.said))
    raise typer.Exit(CODES[sight.state])


_KEYS: dict[str, Callable[[RunSummary], tuple[float, str]]] = {
    "folder": lambda run: (0, str(run.folder)),
    "recipe": lambda run: (0, run.name),
    "backbone": lambda run: (0, run.backbone),
    "state": lambda run: (0, run.state),
    "em": lambda run: (_number(run.metrics.get("exact")), ""),
    "f1": lambda run: (_number(run.metrics.get("f1")), ""),
    "time": lambda run: (run.seconds, ""),
    "updated": lambda run: (run.updated.timestamp(), ""),
}
_FROM_THE_HIGHEST = ("em", "f1", "time", "updated")


def _number(value: float | None) -> float:
    """A figure to sort by: what is unknown comes last."""
    return float("-inf") if value is None or value != value else value


def _sorted(runs: Sequence[RunSummary], by: str, reverse: bool) -> list[RunSummary]:
    return sorted(runs, key=_KEYS[by], reverse=(by in _FROM_THE_HIGHEST) != reverse)


def _check_sort(sort: str) -> None:
    if sort not in _KEYS:
        raise UsageError(f"--sort {sort}: there is no such column", fix=suggest(sort, _KEYS))


def _states(text: str | None) -> Sequence[str]:
    from qatk.run_folder.listing import STATES

    if text is None:
        return STATES
    states = [part.strip() for part in text.split(",")]
    if unknown := [name for name in states if name not in STATES]:
        raise UsageError(f"--state {text}: {unknown[0]!r} is no state", fix=suggest(unknown[0], STATES))
    return states


def _check_key(option: str, key: str, runs: Sequence[RunSummary]) -> None:
    from qatk.display.keys import flat

    if runs and all(_value(run, key) is _ABSENT for run in runs):
        keys = {key for run in runs for key in flat(run.recipe)}
        known = keys | {key.rpartition(".")[0] for key in keys if key.endswith(".use")}
        raise UsageError(
            f"{option}: no run has this key", fix=suggest(key, known, "qatk runs list --json shows the recipes")
        )


_ABSENT = object()


def _value(run: RunSummary, key: str) -> object:
    from qatk.recipes.keys import value_at

    try:
        return value_at(run.recipe, key)
    except KeyError:
        return _ABSENT


def _wanted(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key.strip() and equals):
        raise UsageError(f"--where {text}: expected KEY=VALUE", fix="for example --where head=linear")
    return key.strip(), value


def _has(run: RunSummary, key: str, value: str) -> bool:
    from qatk.recipes.document import scalar

    held = _value(run, key)
    return held is not _ABSENT and (held == scalar(value) or str(held) == value)


_STYLES = {"finished": "green", "running": "cyan", "stopped": "yellow", "killed": "red", "failed": "red"}


def _table(runs: Sequence[RunSummary], root: Path, show: Sequence[str]) -> Table:
    from rich.text import Text

    from qatk.display.numbers import clock, figure
    from qatk.display.tables import plain_table
    from qatk.errors import visible

    columns = ("run", "recipe", "backbone", *show, "EM", "F1", "time", "state")
    texts = {0, 1, 2, *range(3, 3 + len(show)), len(columns) - 1}
    table = plain_table(*columns, left=texts)
    for run in runs:
        path = run.folder.relative_to(root)
        shown = [_value(run, key) for key in show]
        dim = "" if run.state == "finished" else "dim"
        table.add_row(
            Text(visible(str(path) if path.parts else place_of(root)), "bold"),
            *(Text(visible(text)) for text in (run.name, run.backbone)),
            *(Text("-" if value is _ABSENT else visible(str(value))) for value in shown),
            *(Text(figure(run.metrics.get(key), 1), dim) for key in ("exact", "f1")),
            clock(run.seconds),
            Text(run.state, _STYLES[run.state]),
        )
    return table
