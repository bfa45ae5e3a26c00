"""Pages of the reference for authors of plugins: hooks, promises and types, out of docstrings."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from itertools import pairwise
from types import ModuleType
from typing import Any

from qatk import api, component, hookspecs, results
from qatk.plugins import model_types
from qatk.plugins.optional import OPTIONAL
from qatk.plugins.protocols import PROTOCOLS, methods_of, required_methods
from qatk.testing.checking import every_promise, own_promises
from reference_text import MADE, markdown, table


def hooks() -> str:
    """``docs/reference/hooks.md``: every hook, and the protocol of its components."""
    lines = ["# Hooks", MADE, *markdown(hookspecs.__doc__).splitlines(), "", *_HOOKS_INTRO]
    lines += [*_described(api.Component, "##")]
    for kind in PROTOCOLS:
        hook = getattr(hookspecs, f"qatk_{kind}s")
        protocol = getattr(api, kind.capitalize())
        lines += [f"## `{hook.__name__}()`", "", markdown(hook.__doc__), ""]
        lines += _methods(protocol, required_methods(kind))
        for optional in (*_BUILT.get(kind, ()), *OPTIONAL.get(kind, ())):
            lines += [f"### `{optional.__name__}`", "", markdown(optional.__doc__), ""]
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
            lines.append(f"- `{name}: {kind}`: {markdown(value.__doc__)}")
    return [*lines, ""] if lines else []


def _methods(protocol: type, names: list[str]) -> list[str]:
    lines = []
    for name in names:
        function = getattr(protocol, name)
        head = ["```python", f"def {name}{_signature(function)}", "```", ""]
        lines += [*head, markdown(function.__doc__), ""]
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
    return [f"{level} `{described.__name__}`", "", markdown(about), "", *fields_of(described, attributes)]


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
    return table(("name", "meaning"), [(name, markdown(re.sub(r"\s+", " ", text.strip()))) for name, text in rows])


def fields_of(described: type, attributes: str) -> list[str]:
    """A table of the fields, in the docstring's order. Raises ``ValueError`` if it describes other fields."""
    entries = re.findall(r"^    (\w[\w, ]*): (.*(?:\n {8}.*)*)", attributes, re.MULTILINE)
    meant = [(name, text) for names, text in entries for name in names.split(", ")]
    fields = {field.name: str(field.type) for field in dataclasses.fields(described) if field.name[0] != "_"}
    if set(fields) != {name for name, _ in meant}:
        raise ValueError(f"the docstring of {described.__name__} should describe {', '.join(fields)}")
    rows = [(f"`{name}`", f"`{fields[name]}`", markdown(re.sub(r"\s+", " ", text))) for name, text in meant]
    return table(("field", "type", "meaning"), rows)


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


def _signature(function: Any) -> str:
    return str(inspect.signature(function)).replace("'", "")
