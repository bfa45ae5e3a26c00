"""``qatk plugins new``, ``check`` and ``doctor``: start a plugin, hold it to its promises, find what ails it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qatk.cli.shared import Settings, output, plugin_host, print_json
from qatk.display.tables import plain_table
from qatk.errors import UsageError, suggest

if TYPE_CHECKING:
    from qatk.plugins.doctor import Ailment, Finding
    from qatk.plugins.host import PluginHost
    from qatk.plugins.registered import Registered

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def new_command(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(help="Kind of component, such as decoder.", show_default=False)],
    name: Annotated[str, typer.Argument(help="Name of the component, such as my-decoder.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="The folder to make; qatk-NAME here where it is not given.")] = None,
) -> None:
    """Write a package with one component, which installs, passes its test and is listed as it comes."""
    from qatk.plugins.scaffold import new_plugin

    folder = new_plugin(kind, name, plugin_host(context), out)
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        typer.echo(file)
    package = shlex.quote(f"{_as_path(folder)}[test]")
    typer.echo(f"\nNext: pip install -e {package} && pytest {shlex.quote(str(folder))} && qatk plugins show {name}")


def _as_path(folder: Path) -> str:
    """The folder so that pip cannot take it for the name of a package."""
    return str(folder) if folder.is_absolute() or folder.parts[0] == ".." else f"./{folder}"


def check_command(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(help="A component, a plugin, a distribution or a plugin file; everything where not given."),
    ] = None,
    kind: Annotated[str | None, typer.Option(help="Only components of this kind.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="An option of the component.", metavar="KEY=VALUE")
    ] = None,
    json: Json = False,
) -> None:
    """Hold components to the promises of their kind; what is broken is shown with the input, and exits with 1."""
    from qatk.plugins.protocols import PROTOCOLS

    if kind is not None and kind not in PROTOCOLS:
        raise UsageError(f"there is no kind {kind!r}", fix=f"known: {', '.join(PROTOCOLS)}")
    host = _with_file(context, name)
    chosen, values = _chosen(host, name, kind), _values(settings)
    if values and len(chosen) > 1:
        names = ", ".join(f"{r.kind} {r.name}" for r in chosen)
        fix = "name one" if kind else "name one, or say --kind"
        raise UsageError(f"--set is for one component, and here are {names}", fix=fix)
    rows = []
    for registered in chosen:
        rows.append(_checked(registered, host, values, alone=len(chosen) == 1))
        if not json:
            _print_checked(rows[-1])
    if json:
        print_json(rows)
    raise typer.Exit(1 if any(row["broken"] for row in rows) else 0)


def doctor_command(context: typer.Context, json: Json = False) -> None:
    """Load each plugin in a process of its own and say what ails it; exits with 1 where anything does.

    It finds plugins that cannot be loaded (with the traceback), hooks that are misspelled or not marked, names taken
    twice, plugins that import torch or print while they are loaded, and shows how long each takes.
    """
    from qatk.plugins.doctor import as_plain, examine

    findings, common = examine(plugin_host(context))
    if json:
        print_json(as_plain(findings, common))
    else:
        _print_findings(findings, common)
    raise typer.Exit(1 if common or any(finding.ailments for finding in findings) else 0)


def _with_file(context: typer.Context, name: str | None) -> PluginHost:
    """The plugins, and the one of the file where ``name`` is a file."""
    if name is not None and name.endswith(".py"):
        given = context.obj if isinstance(context.obj, Settings) else Settings()
        context.obj = Settings(files=(*given.files, name), block=given.block)
    return plugin_host(context)


def _chosen(host: PluginHost, name: str | None, kind: str | None) -> list[Registered]:
    """The components that a name stands for. Raises :class:`UsageError` where it stands for none."""
    components = host.components(kind)
    found = [r for r in components if name is None or name in _names(r)]
    broken = [plugin for plugin in host.plugins if plugin.error and name in (plugin.name, plugin.target)]
    if broken:
        file = f"--plugin {broken[0].target} " if broken[0].target in host.files else ""
        what = f"plugin {broken[0]} cannot be loaded: {broken[0].reason}"
        raise UsageError(what, fix=f"qatk {file}plugins doctor shows where")
    if not found:
        from qatk.plugins.protocols import PROTOCOLS

        known = sorted({r.name for r in components} | {r.plugin.name for r in components})
        fix = f"all of that kind: --kind {name}" if name in PROTOCOLS else suggest(str(name), known)
        raise UsageError(f"no component or plugin is called {name!r}", fix=fix)
    return found


def _names(registered: Registered) -> tuple[str, ...]:
    plugin = registered.plugin
    former = (each for name in registered.component.formerly for each in (name, f"{name}/{registered.name}"))
    own = (registered.name, f"{plugin.name}/{registered.name}", plugin.name, plugin.distribution, plugin.target)
    return (*own, *former)


def _values(settings: list[str] | None) -> dict[str, Any]:
    from qatk.recipes.document import assign, parse

    marked = parse("{}", "--set")
    for setting in settings or ():
        assign(marked, setting)
    return dict(marked.value)


def _checked(registered: Registered, host: PluginHost, values: dict[str, Any], *, alone: bool) -> dict[str, Any]:
    """What a check found, as plain values; ``skipped`` says why one of several was not checked."""
    from dataclasses import asdict

    from qatk.testing import find_broken, promises_of, subject_of

    row: dict[str, Any] = {"kind": registered.kind, "name": registered.name, "plugin": str(registered.plugin)}
    row |= {"promises": len(promises_of(registered.kind)), "broken": [], "skipped": ""}
    needs = [n for n, option in registered.component.options.model_fields.items() if option.is_required()]
    if needs and not values:
        what, how = f"it needs {', '.join(needs)}", " ".join(f"--set {name}=..." for name in needs)
        if alone:
            raise UsageError(what, where=str(registered), fix=f"qatk plugins check {registered.name} {how}")
        return {**row, "skipped": f"{what}: {how}"}
    subject = subject_of(registered.kind, registered, values, host=host)
    return {**row, "broken": [asdict(one) for one in find_broken(subject)]}


def _print_checked(row: dict[str, Any]) -> None:
    from qatk.testing.promise import Broken, list_broken

    console, name = output(), f"{row['kind']} {row['name']}"
    if row["skipped"]:
        console.print(f"-  {name}: not checked: {row['skipped']}", markup=False, soft_wrap=True)
    elif not row["broken"]:
        console.print(f"ok {name}: {row['promises']} promises", markup=False, soft_wrap=True)
    else:
        broken = [Broken(**one) for one in row["broken"]]
        told = f"NO {name} of plugin {row['plugin']} breaks {len(broken)} of {row['promises']} promises:"
        console.print(told, markup=False, soft_wrap=True)
        for text in list_broken(broken):
            console.print("   - " + text.replace("\n", "\n   "), markup=False, soft_wrap=True)


def _print_findings(findings: list[Finding], common: list[Ailment]) -> None:
    from rich.text import Text

    console = output()
    table = plain_table("plugin", "components", "loads in", "state")
    for finding in findings:
        state = f"{len(finding.ailments)} to mend" if finding.ailments else "well"
        owner = f"{finding.plugin} ({finding.distribution} {finding.version})"
        table.add_row(Text(owner), str(len(finding.components)), f"{finding.seconds * 1000:.0f} ms", state)
    console.print(table)
    for ailment in [*(one for finding in findings for one in finding.ailments), *common]:
        fix = f"\n  {ailment.fix}" if ailment.fix else ""
        trace = "\n  " + ailment.trace.strip().replace("\n", "\n  ") if ailment.trace else ""
        console.print(f"{ailment.plugin}: {ailment.what}{fix}{trace}", markup=False, soft_wrap=True)
