"""YAML with the position of every key and value, and without PyYAML's traps.

Scalars follow the core schema of YAML 1.2, made stricter: ``3e-5`` is a number; ``no``, ``012`` and ``1:30`` are
strings; equal keys, merge keys' inheritance and language tags are errors. No document can ask for endless work: its
length, its depth, its values with every alias unfolded and the digits of its whole numbers are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import yaml

from qatk.errors import Problem, RecipeError
from qatk.spelling import spelled

Path = tuple[str | int, ...]

LONGEST, DEEPEST, MOST_VALUES, MOST_DIGITS = 1_000_000, 50, 10_000, 18
"""Characters of a document, levels of nesting, values in all, and digits of a whole number, which fits 64 bits."""

_CONSTANTS = {"": None, "~": None, "null": None, "true": True, "false": False}
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_INDEX = re.compile("[0-9]{1,9}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = {".inf": float("inf"), "+.inf": float("inf"), "-.inf": float("-inf"), ".nan": float("nan")}


class _Loader(yaml.SafeLoader):
    """Resolves nothing, so that a tag seen on a scalar is one that the user wrote."""

    yaml_implicit_resolvers: dict[str, list[object]] = {}  # noqa: RUF012
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """As PyYAML's, which calls itself for each level."""
        self.depth += 1
        if self.depth > DEEPEST:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, f"nested deeper than {DEEPEST} levels", mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


@dataclass
class Marked:
    """A parsed document.

    Attributes:
        source: the file's name, for messages.
        value: plain dicts, lists and scalars.
        keys, values: path -> (line, column), both from 1, of a key and of a value.
        settings: path -> the ``--set`` text that put a value there.
    """

    source: str
    value: Any = None
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)
    values: dict[Path, tuple[int, int]] = field(default_factory=dict)
    settings: dict[Path, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def problem(self, path: Path, what: str, fix: str = "", *, at_key: bool = False) -> Problem:
        """A problem at the place of ``path``, or at the nearest place above it that the document has."""
        for length in range(len(path), -1, -1):
            near = path[:length]
            if near in self.settings:
                return Problem(self.settings[near], 0, 0, what, fix)
            places = self.keys if at_key and near in self.keys else self.values
            if near in places:
                return Problem(self.source, *places[near], what, fix)
            inside = [label for setting, label in self.settings.items() if near and setting[:length] == near]
            if inside:  # the setting made what it stands in
                return Problem(inside[0], 0, 0, what, fix)
        return Problem(self.source, 1, 1, what, fix)

    def deepest(self, path: Path) -> Path:
        """The longest beginning of ``path`` that leads to something in the document."""
        value = self.value
        for depth, step in enumerate(path):
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return path[:depth]
        return path


def parse(text: str, source: str) -> Marked:
    """Parse one YAML document.

    Raises:
        RecipeError: for a syntax error; mistakes that leave the rest readable are in ``problems``.
    """
    marked = Marked(source)
    if len(text) > LONGEST:
        raise RecipeError([Problem(source, 1, 1, f"more than {LONGEST:,} characters are no recipe")])
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise RecipeError(
            [Problem(source, line, column, f"not valid YAML: {error.problem or error.context}")]
        ) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position].split("\n")
        what = f"not valid YAML: the character U+{ord(text[error.position]):04X} is not allowed"
        raise RecipeError([Problem(source, len(before), len(before[-1]) + 1, what)]) from None
    marked.value = None if node is None else _convert(node, (), marked, ())
    return marked


def scalar(text: str) -> object:
    """The value of a plain scalar."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INT.fullmatch(text):
        return int(text) if len(text.lstrip("+-")) <= MOST_DIGITS else float(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return _SPECIAL.get(text, text)


def assigned(settings: Iterable[str], option: str = "settings") -> dict[str, object]:
    """What ``KEY=VALUE`` texts of an option give, all of them alone. Raises as :func:`assign`."""
    marked = parse("{}", option)
    for setting in settings:
        assign(marked, setting, option)
    return dict(marked.value)


def assign(marked: Marked, setting: str, option: str = "settings") -> None:
    """Apply one ``--set path.to.key=value``; the value is read as YAML, lists take an index as a step.

    A section that is left empty is one that is not there. Problems name the ``option``, which Python calls so.

    Raises:
        RecipeError: where the setting has no ``=``, its path runs into a scalar, past a list or too deep, or its value
            has mistakes.
    """
    label = spelled(option, setting)
    dotted, equals, text = setting.partition("=")
    if not equals or not dotted:
        raise RecipeError([Problem(label, 0, 0, "should be KEY=VALUE", "for example decoder.n_best_size=5")])
    *steps, last = dotted.split(".")
    if len(steps) >= DEEPEST:
        raise RecipeError([Problem(label, 0, 0, f"nested deeper than {DEEPEST} levels")])
    value, path = marked.value, list[str | int]()
    for name in steps:
        step = _step(value, name)
        if isinstance(value, dict):
            value[step] = {} if value.get(step) is None else value[step]
        elif not isinstance(step, int):
            within = ".".join(map(str, path))
            shown = name if _INDEX.fullmatch(name) else repr(name)
            raise RecipeError([Problem(label, 0, 0, f"{within} has no {shown} inside")])
        value = value[step]
        path.append(step)
    step = _step(value, last)
    if not isinstance(value, dict) and not isinstance(step, int):
        raise RecipeError([Problem(label, 0, 0, f"there is no {dotted} to set")])
    given = parse(text, label)
    if given.problems:
        raise RecipeError(given.problems)
    value[step] = given.value
    place = (*path, step)
    for places in (marked.keys, marked.values):
        for known in [p for p in places if p[: len(place)] == place]:
            del places[known]
    marked.settings[place] = label


def _step(value: object, name: str) -> str | int:
    """Where a step leads: in a list to the item of that number, if it is there, else to the key of that name."""
    is_index = isinstance(value, list) and _INDEX.fullmatch(name) and int(name) < len(value)
    return int(name) if is_index else name


def _convert(node: yaml.Node, path: Path, marked: Marked, above: tuple[yaml.Node, ...]) -> object:
    marked.values[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
    if len(marked.values) > MOST_VALUES:
        what = f"more than {MOST_VALUES:,} values, those of aliases counted each time"
        raise RecipeError([marked.problem(path, what)])
    if any(node is other for other in above):
        marked.problems.append(marked.problem(path, "an alias contains itself"))
        return None
    if not node.tag.startswith("tag:yaml.org,2002:") or node.tag.startswith("tag:yaml.org,2002:python"):
        marked.problems.append(marked.problem(path, f"tags such as {node.tag!r} are not allowed in a recipe"))
    if isinstance(node, yaml.MappingNode):
        return _convert_mapping(node, path, marked, (*above, node))
    if isinstance(node, yaml.SequenceNode):
        return [_convert(item, (*path, i), marked, (*above, node)) for i, item in enumerate(node.value)]
    assert isinstance(node, yaml.ScalarNode)
    if node.style is not None:
        return node.value
    if (digits := len(node.value.lstrip("+-"))) > MOST_DIGITS and _INT.fullmatch(node.value):
        marked.problems.append(marked.problem(path, f"a whole number of {digits:,} digits", f"{MOST_DIGITS} at most"))
        return 1  # of which nothing else is said
    return scalar(node.value)


def _convert_mapping(
    node: yaml.MappingNode, path: Path, marked: Marked, above: tuple[yaml.Node, ...]
) -> dict[object, object]:
    result: dict[object, object] = {}
    for key_node, value_node in node.value:
        place = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        if not isinstance(key_node, yaml.ScalarNode):
            marked.problems.append(Problem(marked.source, *place, "a key must be a plain word"))
            continue
        key = key_node.value
        if key in result:
            first = marked.keys[(*path, key)][0]
            marked.problems.append(Problem(marked.source, *place, f"{key!r} is given twice, first in line {first}"))
            continue
        marked.keys[(*path, key)] = place
        result[key] = _convert(value_node, (*path, key), marked, above)
    return result
