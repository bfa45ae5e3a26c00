"""``qatk plugins check``: test components against their contract, and report each promise."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer
from typing_extensions import TypedDict

from qatk.cli import completion
from qatk.cli.shared import Json, Settings, output, plugin_host, print_json
from qatk.errors import UsageError, suggest

if TYPE_CHECKING:
    from rich.console import Console

    from qatk.plugins.host import PluginHost
    from qatk.plugins.registered import Registered
    from qatk.testing import Verdict


class _Checked(TypedDict):
    """What came of checking a component; ``not_checked`` says why one of several was left out."""

    kind: str
    name: str
    plugin: str
    promises: list[dict[str, str]]
    not_checked: str


_OUTCOMES = ("kept", "broken", "waived", "skipped")


def check_command(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="Component, plugin, distribution or plugin file.",
            show_default="all",
            autocompletion=completion.components,
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            metavar="KIND", help="Test only components of this kind, such as decoder.", autocompletion=completion.kinds
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Set an option of the component. May be repeated."),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(metavar="N", help="Time limit for each promise, in seconds.", show_default="60"),
    ] = None,
    json: Json = False,
) -> None:
    """Test components against their contract.

    Each promise of the contract is reported as kept, broken, waived or skipped. A broken promise is shown with the
    input and what was observed, and makes the exit code 1.
    """
    from qatk.plugins.protocols import check_kind
    from qatk.recipes.document import assigned
    from qatk.testing.limits import SECONDS

    if kind is not None:
        check_kind(kind)
    seconds = SECONDS if seconds is None else seconds
    if not 0 < seconds < math.inf:
        raise UsageError(f"--seconds is {seconds:g}", fix="give a number above 0, such as 60")
    host = _with_file(context, name)
    chosen, values = _chosen(host, name, kind), assigned(settings or ())
    if values and len(chosen) > 1:
        names = ", ".join(f"{r.kind} {r.name}" for r in chosen)
        fix = "name one" if kind else "name one, or add --kind"
        raise UsageError(f"--set is for one component, but these match: {names}", fix=fix)
    console = None if json else output()
    rows = [_check(r, host, values, seconds, console, alone=len(chosen) == 1) for r in chosen]
    if json:
        print_json(rows)
    raise typer.Exit(1 if any(one["outcome"] == "broken" for row in rows for one in row["promises"]) else 0)


def _with_file(context: typer.Context, name: str | None) -> PluginHost:
    """The plugins; if ``name`` is a file, also the plugin in it."""
    if name is not None and name.endswith(".py"):
        given = context.obj if isinstance(context.obj, Settings) else Settings()
        context.obj = replace(given, files=(*given.files, name))
    return plugin_host(context)


def _chosen(host: PluginHost, name: str | None, kind: str | None) -> list[Registered]:
    """The components that match a name. Raises :class:`UsageError` if none does."""
    components = host.components(kind)
    found = [r for r in components if name is None or name in _names(r)]
    if broken := [plugin for plugin in host.plugins if plugin.error and name in (plugin.name, plugin.target)]:
        what = f"plugin {broken[0]} cannot be loaded: {broken[0].reason}"
        raise UsageError(what, fix="run qatk plugins doctor for the traceback")
    if not found:
        from qatk.plugins.protocols import PROTOCOLS

        known = sorted({r.name for r in components} | {r.plugin.name for r in components})
        fix = f"to test all components of that kind: --kind {name}" if name in PROTOCOLS else suggest(str(name), known)
        raise UsageError(f"no component or plugin is called {name!r}", fix=fix)
    return found


def _names(registered: Registered) -> tuple[str, ...]:
    plugin = registered.plugin
    former = (each for name in registered.component.formerly for each in (name, f"{name}/{registered.name}"))
    own = (registered.name, f"{plugin.name}/{registered.name}", plugin.name, plugin.distribution, plugin.target)
    return (*own, *former)


def _check(
    registered: Registered,
    host: PluginHost,
    values: dict[str, object],
    seconds: float,
    console: Console | None,
    *,
    alone: bool,
) -> _Checked:
    """The outcome of each promise; prints each one as soon as it is known."""
    from qatk.testing import subject_of, verdicts

    name = f"{registered.plugin.name}/{registered.name}"
    promises: list[dict[str, str]] = []
    row = _Checked(kind=registered.kind, name=name, plugin=str(registered.plugin), promises=promises, not_checked="")
    needs = registered.component.required_options
    if needs and not values:
        what, how = f"it needs {', '.join(needs)}", " ".join(f"--set {name}=..." for name in needs)
        if alone:
            raise UsageError(what, where=str(registered), fix=f"qatk plugins check {registered.name} {how}")
        _tell(console, f"-  {registered.kind} {name}: not checked: {what}: {how}")
        row["not_checked"] = f"{what}: {how}"
        return row
    subject = subject_of(registered.kind, registered, values, host=host)
    _tell(console, f"{registered.kind} {name} of {registered.plugin}")
    for verdict in verdicts(subject, seconds=seconds):
        _tell(console, _line(_plain(verdict), promises))
        promises.append(_plain(verdict))
    _tell(console, _summary(f"{registered.kind} {name}", promises))
    return row


def _plain(verdict: Verdict) -> dict[str, str]:
    """A verdict for JSON: ``reason`` says why something was not checked; ``on`` and ``seen`` how it is broken."""
    row = {"name": verdict.promise.name, "promise": verdict.promise.text, "outcome": verdict.outcome}
    if (broken := verdict.broken) is not None:
        return {**row, "on": broken.on, "seen": broken.seen}
    return {**row, "reason": reason} if (reason := verdict.waived or verdict.skipped) else row


def _line(one: dict[str, str], before: list[dict[str, str]]) -> str:
    """An outcome in words; where one exception breaks several promises, only the first says all of it."""
    text = f"   {one['outcome']:<7}  {one['name']}"
    if one["outcome"] != "broken":
        return f"{text}: {one['reason']}" if "reason" in one else text
    if same := next((other["name"] for other in before if other.get("seen") == one["seen"]), ""):
        return f"{text}: as {same}"
    lines = [one["promise"], f"on: {one['on'] or 'any input'}", f"seen: {one['seen']}"]
    return "\n".join([text, *(f"            {line}" for line in "\n".join(lines).split("\n"))])


def _summary(name: str, promises: list[dict[str, str]]) -> str:
    counted = Counter(one["outcome"] for one in promises)
    if counted["broken"]:
        return f"NO {name}: {counted['broken']} of {len(promises)} promises broken"
    more = [f"{counted[outcome]} {outcome}" for outcome in _OUTCOMES if counted[outcome]]
    return f"ok {name}: {', '.join(more)}"


def _tell(console: Console | None, text: str) -> None:
    if console is not None:
        console.print(text, markup=False, soft_wrap=True)
        console.file.flush()
