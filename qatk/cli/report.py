"""``qatk report``: the report of a finished run, again."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qatk.cli import completion
from qatk.cli.shared import RunCluster, output, plain_warnings, plugin_host
from qatk.errors import QatkError, QatkWarning, UsageError

if TYPE_CHECKING:
    from qatk.plugins.live import LiveReporter
    from qatk.results import RunResult

PAGE = "report.html"


def report_command(
    context: typer.Context,
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="Run folder.", show_default=False, autocompletion=completion.runs)
    ],
    open_page: Annotated[
        bool, typer.Option("--open", help="Open the HTML page in a browser instead of printing.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder for report.md and report.html.", show_default="RUN")
    ] = None,
    on: Annotated[
        str, typer.Option(metavar="SET", help="Report on this evaluation set, such as test; files go to RUN/sets/SET.")
    ] = "dev",
    reporter: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Use only this reporter. May be repeated.",
            show_default=False,
            autocompletion=completion.reporters,
        ),
    ] = None,
    cluster: RunCluster = None,
) -> None:
    """Report a finished run again, without loading a model.

    Uses the reporters of its recipe, with their options; by default these print the report and write report.md and
    report.html. For a run at a URL, they write files only with --out.
    """
    from qatk.files import is_there, url_of
    from qatk.plugins.live import LiveReporter
    from qatk.run_folder.folder import SETS
    from qatk.run_folder.load import load_run
    from qatk.run_folder.lock import locked
    from qatk.run_folder.remote import here

    plain_warnings()
    if out is not None and not (is_there(out) and out.is_dir()):
        raise UsageError(f"--out {out}: this folder does not exist", fix="create it, or name another one")
    if open_page and reporter:
        raise UsageError("--open shows the page of the reporter html", fix="leave --reporter out")
    host = plugin_host(context)
    only_read, run = (url_of(run) if out is None else None), here(run)
    result, folder = load_run(run, on=on, host=host), out or (run if on == "dev" else run / SETS / on)
    if open_page and cluster is None and out is None and (folder / PAGE).is_file():
        _open(folder / PAGE)
        return
    wanted = _reporters(result, ["html"] if open_page else reporter)
    reporters = [host.live(LiveReporter, "reporter", name, options) for name, options in wanted]
    if cluster is not None:
        result = _clustered(result, cluster)
    if only_read is not None:
        _only_print(reporters, result, only_read, open_page)
        return
    with locked(out or run):
        for each in reporters:
            each.report(result, folder, output())
    if open_page:
        _open(folder / PAGE)


def _only_print(reporters: Sequence[LiveReporter], result: RunResult, url: str, open_page: bool) -> None:
    if open_page:
        raise UsageError("a run at a URL is only read", where=url, fix="name a folder for the page with --out")
    for each in reporters:
        each.report(result, None, output())
    output().print("no files were written: --out FOLDER takes them", style="dim", soft_wrap=True)


def _clustered(result: RunResult, column: str) -> RunResult:
    """The result with intervals by a column, in every set that has it."""
    from qatk.types import clusters_of

    clusters_of(result.evaluation.examples, column)
    sets = dict(result.sets)
    for name, evaluation in sets.items():
        try:
            clusters_of(evaluation.examples, column)
        except UsageError as error:
            warnings.warn(QatkWarning(f"{name}: {error.what}; its intervals stay as they were"), stacklevel=2)
        else:
            sets[name] = replace(evaluation, cluster=column)
    return replace(result, evaluation=replace(result.evaluation, cluster=column), sets=sets)


def _reporters(result: RunResult, names: Sequence[str] | None) -> list[tuple[str, dict[str, Any]]]:
    """The reporters of these names with the options that the recipe gives them; without names all of the recipe."""
    from qatk.recipes.sections import DEFAULTS

    named = result.manifest.get("recipe", {}).get("reporters") or DEFAULTS["reporters"]
    known = [(each["use"], {key: value for key, value in each.items() if key != "use"}) for each in named]
    return known if names is None else [(name, dict(known).get(name, {})) for name in names]


def _open(page: Path) -> None:
    import webbrowser

    uri = page.resolve().as_uri()
    if not webbrowser.open(uri):
        raise QatkError("no browser was found", fix=f"open {uri} yourself")
