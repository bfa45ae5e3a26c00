"""Write the pages that the code knows better: ``python tools/make_reference.py``. A test holds them equal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from qatk.cli import app
from qatk.cli.plugins import options_of
from qatk.files import reading
from qatk.plugins.host import PluginHost
from qatk.plugins.protocols import PROTOCOLS
from qatk.recipes import document
from reference_hooks import hooks, promises, types
from reference_text import MADE, markdown, table

ROOT = Path(__file__).parents[1]
REFERENCE, CATALOGUE = ROOT / "docs" / "reference", ROOT / "tests" / "cli" / "catalogue.md"


def commands() -> str:
    """``docs/reference/commands.md``: every command with its arguments and options."""
    lines = ["# Commands", MADE, *_COMMANDS_INTRO]
    for path, command in _walk(typer.main.get_command(app), ["qatk"]):
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
        usage = " ".join([*path, *(_metavar(a) for a in arguments), *(["[OPTIONS]"] if options else [])])
        lines += [f"## `{usage}`", "", markdown(command.help), ""]
        rows = [(_metavar(p), _meaning(p)) for p in arguments]
        rows += [(_option(p), _meaning(p)) for p in options]
        lines += table(("argument or option", "meaning"), [(f"`{name}`", text) for name, text in rows])
    return "\n".join(lines)


_COMMANDS_INTRO = [
    "Results go to standard output; progress and messages go to standard error. The exit code is 0 for success,",
    "1 for a failure (data, disk, hub, a diverging loss) and 2 for wrong usage (a name, an option, a recipe, a missing",
    "file). After Ctrl-C or SIGTERM, qatk ends by that signal, which a shell shows as 130 or 143; `qatk serve` first",
    "answers all that it took, and ends with 0. 75 says that a scheduler's SIGUSR1 stopped a run, and that `--resume`",
    "goes on.",
    "",
    "[JSON output](json.md) says what each command prints with `--json`.",
    "",
    "`qatk --install-completion` lets bash, zsh or fish complete commands, options, names of components, keys of",
    "recipes after `--set`, and run folders; `--show-completion` prints the script.",
    "",
    "Three options come before the command: `--plugin FILE` loads a plugin file that is not installed,",
    "`--no-plugin NAME` disables a plugin, and `--version` shows the version. `QATK_PLUGINS=a,b` allows only these",
    "plugins (none if empty); with `QATK_STRICT_PLUGINS=1`, a plugin that cannot be loaded is an error at once.",
    "",
]


def components(host: PluginHost) -> str:
    """``docs/reference/components.md``: every built-in component with its options."""
    lines = [
        "# Built-in components",
        MADE,
        "`qatk plugins show NAME` prints the same, for third-party components too.",
        "",
    ]
    for kind in PROTOCOLS:
        lines += [f"## {kind.capitalize()}s", ""]
        for registered in sorted(host.components(kind), key=lambda r: r.name):
            lines += [
                f"### `{registered.name}`",
                "",
                f"{registered.component.summary} (plugin `{registered.plugin.name}`)",
                "",
            ]
            rows = [
                (
                    f"`{o['name']}`",
                    o["type"].replace("|", "or"),
                    "required" if o["required"] else f"`{json.dumps(o['default'])}`",
                    markdown(o["help"]),
                )
                for o in options_of(registered)
            ]
            lines += table(("option", "type", "default", "meaning"), rows)
    return "\n".join(lines)


def _walk(command: Any, path: list[str]) -> Iterator[tuple[list[str], Any]]:
    if hasattr(command, "commands"):
        for name, inner in command.commands.items():
            yield from _walk(inner, [*path, name])
    else:
        yield path, command


def _metavar(argument: Any) -> str:
    name = (argument.metavar or argument.name).upper()
    return name if argument.required else f"[{name}]"


def _option(option: Any) -> str:
    names = ", ".join([*option.opts, *option.secondary_opts])
    return f"{names} {option.metavar}" if option.metavar else names


def _meaning(parameter: Any) -> str:
    """The help of an argument or option, with its default."""
    shown = parameter.show_default if isinstance(parameter.show_default, str) else parameter.default
    if shown is None or shown is False or parameter.show_default is False:
        return parameter.help or ""
    if shown is True:
        shown = parameter.opts[0]
    return f"{parameter.help} Default: `{getattr(shown, 'value', shown)}`."


def wrong_input() -> str:
    """``docs/reference/wrong-input.md``: what becomes of it, the bounds, and how much of it the tests try."""
    sections = re.split(r"^## ", CATALOGUE.read_text("utf-8"), flags=re.MULTILINE)[1:]
    tried = {
        text.partition("\n")[0]: re.findall(r"^\| `qatk .*` \| ([12]) \|", text, re.MULTILINE) for text in sections
    }
    counts = [(what, len(codes), codes.count("1"), codes.count("2")) for what, codes in tried.items()]
    counts += [("**in all**", *(sum(row[i] for row in counts) for i in (1, 2, 3)))]
    rows = [(what, *map(str, numbers)) for what, *numbers in counts]
    bounds = [
        ("a recipe", f"{document.LONGEST:,} characters"),
        ("nesting in a recipe, and keys of one `--set`", f"{document.DEEPEST} levels"),
        ("values in a recipe, those of aliases counted each time", f"{document.MOST_VALUES:,}"),
        ("a whole number in a recipe or in `--set`", f"{document.MOST_DIGITS} digits"),
        ("a whole number in JSON", "4,300 digits, Python's own bound"),
        ("a gzip or zstd file, unfolded", f"{reading.RATIO} times its size, and {reading.UNFOLDED >> 20} MiB anyway"),
    ]
    lines = ["# Wrong input", MADE, *_WRONG_INTRO]
    lines += table(("what", "at most"), bounds)
    lines += [
        "## What the tests try",
        "",
        f"The catalogue `tests/cli/{CATALOGUE.name}` has {counts[-1][1]} wrong inputs:",
        "",
    ]
    return "\n".join([*lines, *table(("about", "inputs", "exit 1", "exit 2"), rows)])


_WRONG_INTRO = [
    "Wrong input gives one message that says what is wrong, where, and what to do. The exit code is 2 if the call can",
    "be corrected (a name, an option, a recipe, a missing file) and 1 for a failure (the content of a file, the disk,",
    "the hub). No traceback is shown; set `QATK_TRACEBACK=1` to see those of components. No file is left half-written.",
    "",
    "Messages show control characters, line breaks within a text and characters that change the writing direction as",
    "escapes (`\\x1b`, `\\n`, `\\u202e`), so that no file or plugin can control the terminal. User and password in",
    "an address, tokens and keys are hidden (`***`) in messages, in `manifest.json` and in a run's `recipe.yaml`.",
    "",
    "If standard output is full, there is one message and exit code 1. If it cannot encode a character, tables show",
    "`?`; JSON and YAML are escaped and lose nothing.",
    "",
    "## Bounds",
    "",
    "These bounds keep a file from causing endless work or memory use:",
    "",
]


def pages() -> dict[str, str]:
    """File name -> content of every page that is made."""
    host = PluginHost.discover(environ={})
    host.entries = [entry for entry in host.entries if entry.dist and entry.dist.name == "qatk"]
    made = {"commands.md": commands(), "components.md": components(host), "hooks.md": hooks()}
    return made | {"promises.md": promises(), "types.md": types(), "wrong-input.md": wrong_input()}


if __name__ == "__main__":
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, "utf-8")
