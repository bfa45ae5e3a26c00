"""Write the pages that the code knows better: ``python tools/make_reference.py``. A test holds them equal."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import typer

from qatk import api, component, hookspecs, results
from qatk.cli import app
from qatk.cli.plugins import options_of
from qatk.files import reading
from qatk.plugins import model_types
from qatk.plugins.host import PluginHost
from qatk.plugins.optional import OPTIONAL
from qatk.plugins.protocols import PROTOCOLS, methods_of, required_methods
from qatk.recipes import document
from qatk.testing.checking import every_promise, own_promises

ROOT = Path(__file__).parents[1]
REFERENCE, CATALOGUE = ROOT / "docs" / "reference", ROOT / "tests" / "cli" / "catalogue.md"
MADE = "<!-- Made by tools/make_reference.py; change the docstrings instead. -->\n"


def commands() -> str:
    """``docs/reference/commands.md``: every command with its arguments and options."""
    lines = ["# Commands", MADE, *_COMMANDS_INTRO]
    for path, command in _walk(typer.main.get_command(app), ["qatk"]):
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
        usage = " ".join([*path, *(_metavar(a) for a in arguments), *(["[OPTIONS]"] if options else [])])
        lines += [f"## `{usage}`", "", _markdown(command.help), ""]
        rows = [(_metavar(p), _meaning(p)) for p in arguments]
        rows += [(_option(p), _meaning(p)) for p in options]
        lines += _table(("argument or option", "meaning"), [(f"`{name}`", text) for name, text in rows])
    return "\n".join(lines)


_COMMANDS_INTRO = [
    "Results go to standard output; progress and messages go to standard error. The exit code is 0 for success,",
    "1 for a failure (data, disk, hub, a diverging loss) and 2 for wrong usage (a name, an option, a recipe, a missing",
    "file). After Ctrl-C or SIGTERM, qatk ends by that signal, which a shell shows as 130 or 143; `qatk serve` first",
    "answers all that it took, and ends with 0. 75 says that a scheduler's SIGUSR1 stopped a run, and that `--resume`",
    "goes on.",
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
                    _markdown(o["help"]),
                )
                for o in options_of(registered)
            ]
            lines += _table(("option", "type", "default", "meaning"), rows)
    return "\n".join(lines)


def hooks() -> str:
    """``docs/reference/hooks.md``: every hook, and the protocol of its components."""
    lines = ["# Hooks", MADE, *_markdown(hookspecs.__doc__).splitlines(), "", *_HOOKS_INTRO]
    lines += [*_described(api.Component, "##")]
    for kind in PROTOCOLS:
        hook = getattr(hookspecs, f"qatk_{kind}s")
        protocol = getattr(api, kind.capitalize())
        lines += [f"## `{hook.__name__}()`", "", _markdown(hook.__doc__), ""]
        lines += _methods(protocol, required_methods(kind))
        for optional in (*_BUILT.get(kind, ()), *OPTIONAL.get(kind, ())):
            lines += [f"### `{optional.__name__}`", "", _markdown(optional.__doc__), ""]
            lines += [*_attributes(optional), *_methods(optional, methods_of(optional))]
    return "\n".join(lines)


_BUILT = {"head": (api.SpanModule,)}
"""Protocols of what components of a kind return."""


def _attributes(protocol: type) -> list[str]:
    """Each field and property; what the fields mean, the protocol says."""
    lines = [f"- `{name}: {kind}`" for name, kind in inspect.get_annotations(protocol).items()]
    for name, value in vars(protocol).items():
        if isinstance(value, property):
            kind = inspect.get_annotations(value.fget)["return"]
            lines.append(f"- `{name}: {kind}`: {_markdown(value.__doc__)}")
    return [*lines, ""] if lines else []


def _methods(protocol: type, names: list[str]) -> list[str]:
    lines = []
    for name in names:
        function = getattr(protocol, name)
        head = ["```python", f"def {name}{_signature(function)}", "```", ""]
        lines += [*head, _markdown(function.__doc__), ""]
    return lines


def promises() -> str:
    """``docs/reference/promises.md``: the promises of each kind that ``qatk.testing`` checks."""
    lines = ["# What every component promises", MADE, *_PROMISES_INTRO]
    for title, found in (
        ("Every kind", every_promise()),
        *((f"{k.capitalize()}s", own_promises(k)) for k in PROTOCOLS),
    ):
        lines += [f"## {title}", "", *(f"- {one.text} (`{one.name}`)" for one in found), ""]
    return "\n".join(lines)


_PROMISES_INTRO = [
    "`qatk plugins check NAME`, `qatk.testing.check_component(KIND, NAME)` and the pytest fixture `qatk_promise` check",
    "these promises on difficult inputs. See [test and publish](../tutorials/test-and-publish.md).",
    "",
]

_HOOKS_INTRO = [
    "```python",
    "from qatk.api import Component, hookimpl",
    "",
    "",
    "@hookimpl",
    "def qatk_decoders():",
    '    return [Component("my-decoder", "my_package.decoder:MyDecoder", summary="what it does")]',
    "```",
    "",
    "The module that holds these functions is named in the plugin's `pyproject.toml`:",
    "",
    "```toml",
    "[project.entry-points.qatk]",
    'my-plugin = "my_package"',
    "```",
    "",
]


def types() -> str:
    """``docs/reference/types.md``: every field of every type that authors of plugins use."""
    lines = ["# Types", MADE, *_TYPES_INTRO]
    for title, described in _TYPES.items():
        lines += [f"## {title}", "", *(line for one in described for line in _described(one, "###"))]
    lines += [*_OPTIONS_INTRO, *_named(component, _OPTIONS), *_NAMES_INTRO, *_named(model_types, _NAMES)]
    return "\n".join(lines)


def _described(described: type, level: str) -> list[str]:
    """What a type is, and a table of its fields."""
    about, _, attributes = inspect.cleandoc(described.__doc__ or "").partition("\n\nAttributes:\n")
    return [f"{level} `{described.__name__}`", "", _markdown(about), "", *_fields(described, attributes)]


def _named(module: ModuleType, names: tuple[str, ...]) -> list[str]:
    """A table of names of :mod:`qatk.api` and their meanings: a class's docstring, or the text below a name."""
    below = {
        name.id: text.value.value
        for node, text in pairwise(ast.parse(inspect.getsource(module)).body)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
        for name in ast.walk(node)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
    }
    rows = [(f"`{name}`", below.get(name) or getattr(api, name).__doc__) for name in names]
    return _table(("name", "meaning"), [(name, _markdown(re.sub(r"\s+", " ", text.strip()))) for name, text in rows])


def _fields(described: type, attributes: str) -> list[str]:
    """A table of the fields, in the docstring's order. Raises ``ValueError`` if it describes other fields."""
    entries = re.findall(r"^    (\w[\w, ]*): (.*(?:\n {8}.*)*)", attributes, re.MULTILINE)
    meant = [(name, text) for names, text in entries for name in names.split(", ")]
    fields = {field.name: str(field.type) for field in dataclasses.fields(described) if field.name[0] != "_"}
    if set(fields) != {name for name, _ in meant}:
        raise ValueError(f"the docstring of {described.__name__} should describe {', '.join(fields)}")
    rows = [(f"`{name}`", f"`{fields[name]}`", _markdown(re.sub(r"\s+", " ", text))) for name, text in meant]
    return _table(("field", "type", "meaning"), rows)


_TYPES = {
    "Between components": [
        *(api.Examples, api.RawExamples, api.Features, api.SpanScores, api.SpanCandidates, api.TokenScores),
        *(api.Predictions, api.Spans, api.NBest, api.TrainEvent, api.Normalisation),
    ],
    "Models": [api.BackboneSpec, api.Batch, api.SpanLogits, api.PairLogits, api.TokenLogits, api.Trained],
    "Jobs": [api.Job, api.JobState],
    "Results": [results.RunResult, results.StageTime, results.Evaluation, results.SliceRow],
    "Comparisons": [results.Comparison, results.System, results.Pair, results.Difference],
}

_OPTIONS = (
    *("Options", "NoOptions", "LanguageOptions"),
    *("Positive", "Natural", "Fraction", "AboveZero", "Incidental", "DatasetPart"),
)
_OPTIONS_INTRO = [
    "## Options",
    "",
    "The options of a component are the fields of a class, each with a text below it:",
    "",
    "```python",
    "from qatk.api import Fraction, Options, Positive",
    "",
    "",
    "class MyOptions(Options):",
    "    n_best_size: Positive = 20",
    '    """Greatest number of answers in the n-best list."""',
    "    penalty: Fraction = 0.1",
    '    """Share of the score that a repeated answer loses."""',
    "```",
    "",
]

_NAMES = ("Tokenizer", "Model", "Logits", "Plain")
_NAMES_INTRO = ["## Names in signatures", ""]

_TYPES_INTRO = [
    "Plugins import all of them from `qatk.api`, and reporters the other types of *Results* and *Comparisons* from",
    "`qatk.results`. Those with a table of fields are frozen dataclasses. The methods are in the documentation site",
    "(`make docs`), under *Python reference*.",
    "",
    "Columns are read-only numpy arrays; `Int32` is an array of int32. Shapes and dtypes are checked on creation.",
    "Ragged columns have Arrow's layout, flat values and offsets: row i is `values[offsets[i] : offsets[i + 1]]`.",
    "In shapes, n is the number of examples (questions), c of distinct contexts, F of features (token windows; a long",
    "context is cut into overlapping windows), T of tokens in all features together, and k of spans.",
    "",
]


def _markdown(text: str | None) -> str:
    """A docstring's markup as Markdown."""
    plain = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", inspect.cleandoc(text or ""))
    return plain.replace("``", "`")


def _signature(function: Any) -> str:
    return str(inspect.signature(function)).replace("'", "")


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
    if shown in (None, False) or parameter.show_default is False:
        return parameter.help or ""
    if shown is True:
        shown = parameter.opts[0]
    return f"{parameter.help} Default: `{getattr(shown, 'value', shown)}`."


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    if not rows:
        return ["No options.", ""]
    cells = [head, ("---",) * len(head), *rows]
    return [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in cells] + [""]


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
    lines += _table(("what", "at most"), bounds)
    lines += [
        "## What the tests try",
        "",
        f"The catalogue `tests/cli/{CATALOGUE.name}` has {counts[-1][1]} wrong inputs:",
        "",
    ]
    return "\n".join([*lines, *_table(("about", "inputs", "exit 1", "exit 2"), rows)])


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
