"""Recipes: one YAML file that is the whole truth of a run, checked as a whole before anything starts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from qatk.api import Options
from qatk.errors import Problem, RecipeError, UsageError
from qatk.plugins import PluginHost, Registered
from qatk.yamlmarks import Marked, assign, parse, scalar

VERSION = 1


@dataclass(frozen=True)
class Section:
    """A place in a recipe that names components of one kind; ``default=None`` means that the user must choose."""

    kind: str
    default: Any = None
    many: bool = False
    required: bool = False


SECTIONS: dict[tuple[str, ...], Section] = {
    ("backbone",): Section("backbone", required=True),
    ("data", "train"): Section("dataset"),
    ("data", "dev"): Section("dataset", required=True),
    ("featurizer",): Section("featurizer", {"use": "stride"}),
    ("head",): Section("head", {"use": "linear"}),
    ("trainer",): Section("trainer", {"use": "torch"}),
    ("decoder",): Section("decoder", {"use": "min-null"}),
    ("metrics",): Section("metric", [{"use": "squad"}], many=True),
    ("slicers",): Section("slicer", [{"use": "question-word"}, {"use": "answer-length"}], many=True),
    ("reporters",): Section("reporter", [{"use": "console"}], many=True),
    ("trackers",): Section("tracker", [{"use": "jsonl"}], many=True),
}

SCALARS: dict[str, tuple[type, Any, str]] = {
    "qatk": (int, VERSION, "the version of the recipe's form"),
    "seed": (int, 13, "everything random follows from it"),
    "keep_best": (str, "f1", "the dev metric whose best epoch is kept; null keeps the last epoch"),
}
"""Keys of a recipe that hold a plain value: type, default, meaning."""


@dataclass(frozen=True)
class Choice:
    """A component that a recipe chose, with its checked options."""

    registered: Registered
    use: str
    options: Options

    def filled(self) -> dict[str, Any]:
        """The choice as a recipe writes it, every default included."""
        return {"use": self.use, **self.options.model_dump(mode="json")}


@dataclass(frozen=True)
class Recipe:
    """A checked recipe. ``choices`` maps a section's path to a choice, or to a list of them."""

    source: str
    text: str
    scalars: Mapping[str, Any]
    choices: Mapping[tuple[str, ...], Choice | list[Choice]] = field(repr=False)

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return Path(self.source).stem

    @property
    def seed(self) -> int:
        """The seed of everything random."""
        return int(self.scalars["seed"])

    def one(self, *path: str) -> Choice | None:
        """The choice of a section that holds one component."""
        choice = self.choices.get(path)
        assert not isinstance(choice, list)
        return choice

    def all(self) -> Iterable[Choice]:
        """Every choice, in the order of the sections."""
        for choice in self.choices.values():
            yield from choice if isinstance(choice, list) else [choice]

    def filled(self) -> dict[str, Any]:
        """The recipe with every default written out."""
        result: dict[str, Any] = dict(self.scalars)
        for path, choice in self.choices.items():
            inner = result
            for step in path[:-1]:
                inner = inner.setdefault(step, {})
            inner[path[-1]] = [c.filled() for c in choice] if isinstance(choice, list) else choice.filled()
        return result

    def digest(self) -> str:
        """SHA-256 of what the recipe computes: reporters and trackers do not count."""
        filled = {k: v for k, v in self.filled().items() if k not in ("reporters", "trackers")}
        return hashlib.sha256(json.dumps(filled, sort_keys=True).encode()).hexdigest()


def load_recipe(source: str | Path, host: PluginHost, settings: Sequence[str] = ()) -> Recipe:
    """Read, set and check a recipe file.

    Args:
        source: path of a YAML file.
        host: the plugins whose components the recipe may name.
        settings: ``KEY=VALUE`` texts of ``--set``.

    Raises:
        UsageError: where the file cannot be read.
        RecipeError: with every mistake in it.
    """
    path = Path(source)
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        near = get_close_matches(path.name, [p.name for p in path.parent.glob("*.y*ml")], 1)
        fix = f"did you mean {path.parent / near[0]}?" if near else "qatk run takes the path of a YAML file"
        raise UsageError(f"there is no recipe {path}", fix=fix) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the recipe {path} cannot be read: {error}") from None
    return parse_recipe(text, str(path), host, settings)


def parse_recipe(text: str, source: str, host: PluginHost, settings: Sequence[str] = ()) -> Recipe:
    """As :func:`load_recipe`, for a text at hand."""
    marked = parse(text, source)
    if not isinstance(marked.value, dict):
        raise RecipeError([Problem(source, 1, 1, "a recipe is a mapping of keys", "start with qatk: 1")])
    _add_defaults(marked.value)
    for setting in settings:
        assign(marked, setting)
    checker = _Checker(marked, host)
    scalars, choices = checker.check()
    if checker.problems:
        raise RecipeError(checker.problems)
    return Recipe(source, text, scalars, choices)


def _add_defaults(value: dict[str, Any]) -> None:
    for path, section in SECTIONS.items():
        if len(path) == 1 and section.default is not None and value.get(path[0]) is None:
            value[path[0]] = deepcopy(section.default)


def checked_options(registered: Registered, values: Mapping[str, Any]) -> Options:
    """Options of a component from plain values, or a :class:`UsageError` that lists what is wrong with them."""
    try:
        return registered.component.options.model_validate(dict(values))
    except ValidationError as error:
        known = list(registered.component.options.model_fields)
        lines = [f"{'.'.join(map(str, e['loc']))}: {' '.join(_explain(e, known))}" for e in error.errors()]
        raise UsageError("; ".join(lines), where=f"{registered.kind} {registered.name}") from None


def to_yaml(value: Any) -> str:
    """A recipe's content as YAML that :func:`parse_recipe` reads back to the same values."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return text


class _Dumper(yaml.SafeDumper):
    """Also quotes texts that :func:`qatk.yamlmarks.scalar` would read as something else, such as ``3e-5``."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = None if isinstance(scalar(value), str) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


class _Checker:
    """Walks a parsed recipe and collects every problem."""

    def __init__(self, marked: Marked, host: PluginHost) -> None:
        self.marked, self.host = marked, host
        self.problems = list(marked.problems)

    def check(self) -> tuple[dict[str, Any], dict[tuple[str, ...], Choice | list[Choice]]]:
        value = self.marked.value
        groups = {path[0] for path in SECTIONS}
        self._refuse_unknown(value, (), [*SCALARS, *groups])
        scalars = {name: self._scalar(name) for name in SCALARS}
        choices: dict[tuple[str, ...], Choice | list[Choice]] = {}
        for group in groups - {path[0] for path in SECTIONS if len(path) == 1}:
            self._check_group(group)
        for path, section in SECTIONS.items():
            if (choice := self._section(path, section)) is not None:
                choices[path] = choice
        return scalars, choices

    def _add(self, path: tuple[str | int, ...], what: str, fix: str = "", *, at_key: bool = False) -> None:
        self.problems.append(self.marked.problem(path, what, fix, at_key=at_key))

    def _refuse_unknown(self, mapping: Mapping[str, Any], path: tuple[str | int, ...], known: Sequence[str]) -> None:
        for key in mapping:
            if key not in known:
                self._add((*path, key), f"unknown key {key!r}", _suggest(str(key), known), at_key=True)

    def _scalar(self, name: str) -> Any:
        kind, default, _ = SCALARS[name]
        value = self.marked.value.get(name, default)
        optional = value is None and name == "keep_best"
        if name == "qatk" and name not in self.marked.value:
            self._add((), "the key 'qatk' is missing", "start with qatk: 1")
        elif not optional and (not isinstance(value, kind) or isinstance(value, bool)):
            self._add((name,), f"{name} should be {_TYPES[kind]}, not {_show(value)}")
        elif name == "qatk" and value != VERSION:
            self._add((name,), f"this qatk reads recipes of form {VERSION}, not {value}")
        elif name == "seed" and not 0 <= value < 2**32:
            self._add((name,), "seed should lie between 0 and 4294967295")
        return value

    def _check_group(self, group: str) -> None:
        value = self.marked.value.get(group)
        known = [path[1] for path in SECTIONS if path[0] == group]
        if not isinstance(value, dict):
            self._add((group,), f"{group} should have {' or '.join(known)}, or both", f"{group}: {{dev: {{use: ...}}}}")
            self.marked.value[group] = {}
        elif not value:
            self._add((group,), f"{group} is empty", f"it takes {' and '.join(known)}")
        else:
            self._refuse_unknown(value, (group,), known)

    def _section(self, path: tuple[str, ...], section: Section) -> Choice | list[Choice] | None:
        value = self.marked.value
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        if value is None:
            if section.required:
                self._add((), f"the key {'.'.join(path)!r} is missing", f"{path[-1]}: {{use: NAME, ...}}")
            return None
        if not section.many:
            return self._choice(path, section.kind, value)
        if not isinstance(value, list):
            self._add(path, f"{'.'.join(path)} should be a list", "[{use: NAME, ...}]")
            return None
        found = [self._choice((*path, i), section.kind, item) for i, item in enumerate(value)]
        return [choice for choice in found if choice is not None]

    def _choice(self, path: tuple[str | int, ...], kind: str, value: Any) -> Choice | None:
        if not isinstance(value, dict) or not isinstance(value.get("use"), str):
            names = ", ".join(r.name for r in self.host.components(kind))
            self._add(path, f"a {kind} is chosen by a mapping with 'use'", f"{{use: NAME, ...}}, NAME one of {names}")
            return None
        try:
            registered = self.host.find(kind, value["use"])
        except UsageError as error:
            self._add((*path, "use"), error.what, error.fix or "")
            return None
        given = {k: v for k, v in value.items() if k != "use"}
        try:
            return Choice(registered, value["use"], registered.component.options.model_validate(given))
        except ValidationError as error:
            self._explain_options(path, registered, error)
            return None

    def _explain_options(self, path: tuple[str | int, ...], registered: Registered, error: ValidationError) -> None:
        """One problem for each place: the members of a union complain one by one."""
        known = list(registered.component.options.model_fields)
        places: dict[tuple[str | int, ...], ErrorDetails] = {}
        for detail in error.errors():
            place = self.marked.deepest((*path, *detail["loc"]))
            first = places.setdefault(place, detail) if detail["type"] != "missing" else detail
            if first is not detail:
                first["msg"] += f", or: {detail['msg']}"
            elif detail["type"] == "missing":
                what, fix = _explain(detail, known)
                self._add(path, f"{registered.kind} {registered.name!r} {what}", fix)
        for place, detail in places.items():
            what, fix = _explain(detail, known)
            self._add(place, what, fix, at_key=detail["type"] == "extra_forbidden")


_TYPES = {int: "a whole number", str: "a text"}


def _show(value: Any) -> str:
    names = {str: "a text", bool: "true or false", int: "a whole number", float: "a number", type(None): "nothing"}
    return f"{json.dumps(value, ensure_ascii=False)} ({names.get(type(value), type(value).__name__)})"


def _suggest(word: str, known: Sequence[str]) -> str:
    close = get_close_matches(word, known, 1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"


def _explain(error: ErrorDetails, known: Sequence[str]) -> tuple[str, str]:
    """What pydantic complains of, in the words of a recipe, and what to do."""
    key = str(error["loc"][0]) if error["loc"] else "it"
    if error["type"] == "extra_forbidden":
        return f"unknown option {key!r}", _suggest(key, known)
    if error["type"] == "missing":
        return f"needs the option {key!r}", f"{key}: ..."
    message = error["msg"].removeprefix("Value error, ")
    return f"{key}: {message[0].lower()}{message[1:]}, not {_show(error['input'])}", ""
