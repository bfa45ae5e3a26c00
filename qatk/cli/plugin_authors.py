"""``qatk plugins new`` and ``doctor``: start a plugin, and find problems in installed ones."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qatk.cli import completion
from qatk.cli.shared import Json, found_plugins, output, plugin_host, print_json
from qatk.display.tables import plain_table
from qatk.errors import QatkError, counted, message

if TYPE_CHECKING:
    from qatk.plugins.doctor import Ailment, Finding


def new_command(
    context: typer.Context,
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="Kind of the component, such as decoder.",
            show_default=False,
            autocompletion=completion.kinds,
        ),
    ],
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Name of the component, such as my-decoder.", show_default=False)
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder to create.", show_default="qatk-NAME")
    ] = None,
) -> None:
    """Create an installable, tested package with one component."""
    from qatk.plugins.scaffold import new_plugin

    folder = new_plugin(kind, name, plugin_host(context), out)
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        typer.echo(file)
    package = shlex.quote(f"{_as_path(folder)}[test]")
    typer.echo(f"\nNext: pip install -e {package} && pytest {shlex.quote(str(folder))} && qatk plugins show {name}")


def _as_path(folder: Path) -> str:
    """The folder, written so that pip does not read it as the name of a package."""
    return str(folder) if folder.is_absolute() or folder.parts[0] == ".." else f"./{folder}"


def doctor_command(context: typer.Context, json: Json = False) -> None:
    """Find problems in plugins by loading each one in its own process.

    Reports plugins that fail to load (with the traceback), misspelled or unmarked hooks, components whose class cannot
    be imported or whose requirements are not installed, duplicate names, and plugins that import torch or print while
    they load; shows how long each one takes to load. Exits with 1 if there is a problem.
    """
    from qatk.plugins.doctor import as_plain, examine

    findings, common = examine(found_plugins(context))
    if json:
        print_json(as_plain(findings, common))
    else:
        _print_findings(findings, common)
    raise typer.Exit(1 if common or any(finding.ailments for finding in findings) else 0)


def _print_findings(findings: list[Finding], common: list[Ailment]) -> None:
    from rich.text import Text

    console = output()
    table = plain_table("plugin", "components", "loads in", "state", left=(0, 3))
    for finding in findings:
        state = counted(len(finding.ailments), "problem") if finding.ailments else "ok"
        owner = f"{finding.plugin} ({finding.distribution} {finding.version})"
        table.add_row(Text(owner), str(len(finding.components)), f"{finding.seconds * 1000:.0f} ms", state)
    console.print(table)
    for ailment in [*(one for finding in findings for one in finding.ailments), *common]:
        console.print(str(QatkError(ailment.what, where=ailment.plugin, fix=ailment.fix)), markup=False, soft_wrap=True)
        if ailment.trace:
            console.print(message("  " + ailment.trace.strip().replace("\n", "\n  ")), markup=False, soft_wrap=True)
