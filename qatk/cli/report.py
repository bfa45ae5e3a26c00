"""``qatk report``: the report of a finished run, again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qatk.cli.shared import output, plain_warnings, plugin_host
from qatk.errors import QatkError, UsageError

PAGE = "report.html"


def report_command(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)],
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser; print no report.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for report.html and report.md.  [default: RUN]", show_default=False)
    ] = None,
    reporter: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this reporter; several may be named.", show_default=False),
    ] = None,
) -> None:
    """Report a finished run again: in the terminal, as report.md and as report.html. No model is loaded."""
    from qatk.files import is_there
    from qatk.plugins.live import LiveReporter
    from qatk.recipes.sections import DEFAULTS
    from qatk.run_folder.load import load_run

    plain_warnings()
    if out is not None and not (is_there(out) and out.is_dir()):
        raise UsageError(f"--out {out}: this is no folder", fix="name one that exists")
    names = reporter or [each["use"] for each in DEFAULTS["reporters"]]
    if open_page:
        names = ["html"]
    host = plugin_host(context)
    reporters = [host.live(LiveReporter, "reporter", name) for name in names]
    result, folder = load_run(run), out or run
    for each in reporters:
        each.report(result, folder, output())
    if open_page:
        _open(folder / PAGE)


def _open(page: Path) -> None:
    import webbrowser

    uri = page.resolve().as_uri()
    if not webbrowser.open(uri):
        raise QatkError("no browser was found here", fix=f"open {uri} yourself")
