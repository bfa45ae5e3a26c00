"""``qatk plugins``: what is installed, and its options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from qatk.cli import completion, plugin_authors, plugin_check
from qatk.cli.shared import Json, output, plugin_host, print_json
from qatk.display.tables import plain_table
from qatk.errors import UsageError, message, suggest, visible

if TYPE_CHECKING:
    from rich.table import Table

    from qatk.plugins.host import PluginHost
    from qatk.plugins.registered import Registered

plugins_app = typer.Typer(no_args_is_help=True)
plugins_app.command("new")(plugin_authors.new_command)
plugins_app.command("check")(plugin_check.check_command)
plugins_app.command("doctor")(plugin_authors.doctor_command)


@plugins_app.command("list")
def list_command(
    context: typer.Context,
    kind: Annotated[
        str | None,
        typer.Option(
            metavar="KIND", help="List only components of this kind, such as decoder.", autocompletion=completion.kinds
        ),
    ] = None,
    json: Json = False,
) -> None:
    """List all components with their plugins, and the plugins that failed to load."""
    from qatk.plugins.protocols import check_kind

    if kind is not None:
        check_kind(kind)
    host = plugin_host(context)
    rows = [_row(registered, host) for registered in host.components(kind)]
    out = [p for p in host.plugins if p.error]
    broken = [{"plugin": p.name, "distribution": p.distribution, "reason": p.reason, "error": p.error} for p in out]
    if json:
        print_json({"components": rows, "broken": broken})
        return
    output(listing=True).print(_components_table(rows))
    for row in rows:
        if row["use"] != row["name"]:
            typer.echo(message(f"{row['use']}: {row['name']!r} alone is {_alone(host, row)}"), err=True)
    for plugin in broken:
        said = f"not loaded: {plugin['plugin']} ({plugin['distribution']}): {plugin['reason']}"
        typer.echo(message(said), err=True)


@plugins_app.command()
def show(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="Component, such as stride.", show_default=False, autocompletion=completion.components
        ),
    ],
    json: Json = False,
) -> None:
    """Describe a component: its plugin, its source file and its options."""
    host = plugin_host(context)
    if not (found := host.called(name)):
        raise _unknown(host, name)
    described = [
        {**_row(r, host), "source": r.source_file(), "hook_version": r.plugin.api, "options": options_of(r)}
        for r in found
    ]
    if json:
        print_json(described)
        return
    console = output()
    for component in described:
        console.print(f"{component['kind']} {component['name']}", style="bold")
        console.print(f"  {visible(component['summary'])}", markup=False)
        console.print(
            f"  plugin {component['plugin']}, {component['distribution']} {component['version']},"
            f" written for version {component['hook_version']} of the hooks",
            markup=False,
        )
        console.print(f"  {component['source']}", markup=False, soft_wrap=True)
        console.print(_options_table(component["options"]) if component["options"] else "  no options")


Row = dict[str, Any]
"""What is shown of a component or an option: plain values by name."""


def options_of(registered: Registered) -> list[Row]:
    """Name, type, default and help of each option, as plain values."""
    schema = registered.component.options.model_json_schema()
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "type": _type_name(entry),
            "required": name in required,
            "default": entry.get("default"),
            "help": entry.get("description", "").replace("\n", " "),
        }
        for name, entry in schema.get("properties", {}).items()
    ]


def _type_name(entry: Row) -> str:
    from qatk.plugins.parts import DatasetPart

    if "anyOf" in entry:
        return " | ".join(_type_name(option) for option in entry["anyOf"])
    if "enum" in entry or "const" in entry:
        return " | ".join(map(str, entry.get("enum", [entry.get("const")])))
    if entry.get("$ref", "").endswith(f"/{DatasetPart.__name__}"):
        return "dataset"
    if entry.get("type") == "array":
        return f"list of {_item_type(entry.get('items'))}"
    if entry.get("type") == "object":
        return f"map to {_item_type(entry.get('additionalProperties'))}"
    bounds = {"minimum": ">= ", "exclusiveMinimum": "> ", "maximum": "<= ", "exclusiveMaximum": "< "}
    limits = [f"{sign}{entry[key]:g}" for key, sign in bounds.items() if key in entry]
    return " ".join([entry.get("type", "any"), *limits])


def _item_type(entry: object) -> str:
    """The type of what a list or a map holds; ``any`` where it may hold anything."""
    name = _type_name(entry) if isinstance(entry, dict) else "any"
    return f"({name})" if "|" in name else name


def _row(registered: Registered, host: PluginHost) -> Row:
    plugin = registered.plugin
    return {
        "kind": registered.kind,
        "name": registered.name,
        "use": host.use_of(registered),
        "summary": registered.component.summary,
        "plugin": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
    }


def _alone(host: PluginHost, row: Row) -> str:
    """What the name alone means, for a component that must be written as ``plugin/name``."""
    built_in = any(r.is_built_in and r.name == row["name"] for r in host.components(row["kind"]))
    return f"the built-in {row['kind']}" if built_in else f"ambiguous: several plugins offer this {row['kind']}"


def _unknown(host: PluginHost, name: str) -> UsageError:
    names = sorted({r.name for r in host.components()})
    return UsageError(f"no component is called {name!r}", fix=suggest(name, names))


def _components_table(rows: list[Row]) -> Table:
    from rich.text import Text

    table = plain_table("kind", "name", "summary", "plugin", left=range(4))
    last = ""
    for row in sorted(rows, key=lambda row: (row["kind"], row["name"])):
        kind, last = ("" if row["kind"] == last else row["kind"]), row["kind"]
        supplier = "" if row["distribution"] == "qatk" else f" ({row['distribution']} {row['version']})"
        table.add_row(kind, Text(row["use"], "bold"), Text(visible(row["summary"])), Text(f"{row['plugin']}{supplier}"))
    return table


def _options_table(options: list[Row]) -> Table:
    import json

    from rich.text import Text

    table = plain_table("option", "type", "default", "meaning", left=range(4))
    for option in options:
        default = "required" if option["required"] else json.dumps(option["default"])
        table.add_row(Text(option["name"], "bold"), Text(option["type"]), Text(default), Text(visible(option["help"])))
    return table
