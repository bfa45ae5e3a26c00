"""``qatk report``: the report of a finished run, again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qatk.cli import completion
from qatk.cli.shared import RunCluster, output, plain_warnings, plugin_host
from qatk.errors import QatkError, UsageError

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
        Path | None,
        typer.Option(metavar="FOLDER", help="Folder for report.md and report.html, which is made.", show_default="RUN"),
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
    from qatk.files import url_of
    from qatk.run_folder.load import load_run
    from qatk.runs.reporting import folder_of, report

    plain_warnings()
    if open_page and reporter:
        raise UsageError("--open shows the page of the reporter html", fix="leave --reporter out")
    host = plugin_host(context)
    result = load_run(run, on=on, host=host)
    page = folder_of(result) / PAGE
    if open_page and cluster is None and out is None and page.is_file():
        _open(page)
        return
    if open_page and out is None and (url := url_of(run)) is not None:
        raise UsageError("a run at a URL is only read", where=url, fix="name a folder for the page with --out")
    wanted = ["html"] if open_page else reporter
    folder = report(result, out=out, reporters=wanted, cluster=cluster, host=host, console=output())
    if folder is None:
        output().print("no files were written: --out FOLDER takes them", style="dim", soft_wrap=True)
        return
    if open_page:
        _open(folder / PAGE)


def _open(page: Path) -> None:
    import webbrowser

    uri = page.resolve().as_uri()
    if not webbrowser.open(uri):
        raise QatkError("no browser was found", fix=f"open {uri} yourself")
