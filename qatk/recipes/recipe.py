"""Recipes: one YAML file that is the whole truth of a run, checked as a whole before anything starts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any

import yaml

from qatk.display.keys import flat
from qatk.errors import Problem, RecipeError, UsageError, nearest
from qatk.plugins.host import PluginHost
from qatk.recipes.checking import Checker
from qatk.recipes.document import LONGEST, assign, parse, scalar
from qatk.recipes.keys import NO_RESULT
from qatk.recipes.sections import FURTHER, SECTIONS, Choice, Interval, Scalars


@dataclass(frozen=True)
class Recipe:
    """A checked recipe.

    Attributes:
        choices: a section's path to a choice, or to a list of them.
        of_run: the name of the run whose folder it was read from, if it was.
        limit: questions that this run used of each split, ``None`` for all.
    """

    source: str
    text: str
    scalars: Scalars
    choices: Mapping[tuple[str, ...], Choice | list[Choice]] = field(repr=False)
    of_run: str = ""
    limit: int | None = None

    @property
    def name(self) -> str:
        """The name of its run, or the file's without its ending."""
        return self.of_run or Path(self.source).stem

    @property
    def seed(self) -> int:
        """The seed of everything random."""
        return self.scalars.seed

    @property
    def cluster(self) -> str | None:
        """The column that groups related questions, see :func:`qatk.types.clusters_of`."""
        return self.scalars.cluster

    @property
    def save_every(self) -> Interval:
        """When to save the state of training between epochs."""
        return Interval.of(self.scalars.save_every)

    @property
    def sets(self) -> list[str]:
        """The names of its evaluation sets beside ``dev``."""
        return [path[1] for path in self.choices if path[0] in FURTHER and path not in SECTIONS]

    def one(self, *path: str) -> Choice | None:
        """The choice of a section that holds one component."""
        choice = self.choices.get(path)
        assert not isinstance(choice, list)
        return choice

    def all(self) -> Iterable[Choice]:
        """Every choice, in the order of the sections, each before those inside of it."""
        for choice in self.choices.values():
            for each in choice if isinstance(choice, list) else [choice]:
                yield from each.all()

    def filled(self) -> dict[str, Any]:
        """The recipe with every default written out."""
        return self._written(Choice.filled)

    def computed(self) -> dict[str, Any]:
        """The same, without the keys and options that change nothing of what a run computes."""
        return {key: value for key, value in self._written(Choice.computed).items() if key not in NO_RESULT}

    def decides(self, key: str) -> bool:
        """Whether a key, such as ``trainer.epochs``, changes what a run computes."""
        return key.partition(".")[0] not in NO_RESULT and key not in self._incidental

    def has_default(self, key: str) -> bool:
        """Whether a key has the value that it has where nothing sets it."""
        return key in self._defaults

    @cached_property
    def _defaults(self) -> set[str]:
        return flat(self.filled()).keys() - flat(self._written(Choice.given, defaults=False)).keys()

    @cached_property
    def _incidental(self) -> set[str]:
        """The keys that :meth:`computed` leaves out."""
        return flat(self.filled()).keys() - flat(self.computed()).keys()

    def _written(self, form: Callable[[Choice], dict[str, object]], *, defaults: bool = True) -> dict[str, Any]:
        result: dict[str, Any] = self.scalars.model_dump(exclude_defaults=not defaults)
        if self.cluster is None:
            result.pop("cluster", None)  # digests, and the folders of comparisons, are as before it was there
        for path, choice in self.choices.items():
            inner = result
            for step in path[:-1]:
                inner = inner.setdefault(step, {})
            inner[path[-1]] = [form(each) for each in choice] if isinstance(choice, list) else form(choice)
        return result

    def digest(self) -> str:
        """SHA-256 of what the recipe computes, see :meth:`computed`."""
        return plain_digest(self.computed())


def plain_digest(value: object) -> str:
    """SHA-256, in hex, of a plain value as JSON writes it with its keys sorted."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def name_of_recipe(source: str | Path | Mapping[str, object]) -> str:
    """The name of the recipe that :func:`load_recipe` reads.

    Raises:
        UsageError: for what is neither a path nor a mapping.
    """
    if isinstance(source, Mapping):
        return "recipe"
    if not isinstance(source, str | Path):
        what = f"a recipe is no {type(source).__name__}"
        raise UsageError(what, fix="give the path of a YAML file, or what it holds as a mapping, such as {'qatk': 1}")
    return Path(source).stem


def load_recipe(
    source: str | Path | Mapping[str, object],
    host: PluginHost,
    settings: Sequence[str] = (),
    *,
    importing: bool = False,
) -> Recipe:
    """Read, set and check a recipe file.

    Args:
        source: path of a YAML file, or what it holds.
        host: the plugins whose components the recipe may name.
        settings: ``KEY=VALUE`` texts of ``--set``.
        importing: also import what plugins other than qatk's own bring, to see that it can be used.

    Raises:
        UsageError: where the file cannot be read.
        RecipeError: with every mistake in it.
    """
    name = name_of_recipe(source)
    if isinstance(source, Mapping):
        return parse_recipe(_as_text(source), name, host, settings, importing=importing)
    path = Path(source)
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(LONGEST + 1)  # a device may have no end
    except FileNotFoundError:
        near = nearest(path.name, (p.name for p in path.parent.glob("*.y*ml")))
        fix = f"did you mean {path.parent / near}?" if near else "qatk run takes the path of a YAML file"
        raise UsageError(f"there is no recipe {path}", fix=fix) from None
    except IsADirectoryError:
        fix = "name a recipe, which is a YAML file, or a run folder"
        raise UsageError(f"{path} is a folder, and not that of a run", fix=fix) from None
    except OSError as error:
        raise UsageError(f"the recipe {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        what = f"the recipe {path} cannot be read: byte {error.start} (0x{error.object[error.start]:02x}) is not UTF-8"
        raise UsageError(what, fix="a recipe is a YAML file") from None
    return parse_recipe(text, str(path), host, settings, importing=importing)


def parse_recipe(
    text: str, source: str, host: PluginHost, settings: Sequence[str] = (), *, importing: bool = False
) -> Recipe:
    """As :func:`load_recipe`, for a text at hand."""
    marked = parse(text, source)
    if not isinstance(marked.value, dict):
        raise RecipeError([Problem(source, 1, 1, "a recipe is a mapping of keys", "start with qatk: 1")])
    _add_defaults(marked.value)
    for setting in settings:
        assign(marked, setting)
    _add_log(marked.value)
    checker = Checker(marked, host, importing=importing)
    scalars, choices = checker.check()
    if checker.problems:
        raise RecipeError(checker.problems)
    return Recipe(source, text, scalars, choices)


def _add_defaults(value: dict[str, object]) -> None:
    for path, section in SECTIONS.items():
        if len(path) == 1 and section.default is not None and value.get(path[0]) is None:
            value[path[0]] = deepcopy(section.default)


def _add_log(value: dict[str, object]) -> None:
    """Add the default tracker to others: figures by epoch, which reports and other commands read, are its log."""
    section = ("trackers",)
    given, default = value.get("trackers"), SECTIONS[section].default
    if isinstance(given, list) and given and isinstance(default, list):
        used = [str(part.get("use")).rpartition("/")[2] for part in given if isinstance(part, dict)]
        given.extend(deepcopy(part) for part in default if part["use"] not in used)


def to_yaml(value: object, *, escaped: bool = False) -> str:
    """A recipe's content as YAML that :func:`parse_recipe` reads back to the same values; ``escaped`` is ASCII."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=not escaped, width=110)
    return text


def _as_text(content: Mapping[str, object]) -> str:
    try:
        return to_yaml(dict(content))
    except yaml.YAMLError as error:
        held = type(error.args[-1]).__name__
        raise UsageError(f"the recipe holds {held}", fix="give texts, numbers, lists and mappings") from None


class _Dumper(yaml.SafeDumper):
    """Also quotes texts that :func:`qatk.recipes.document.scalar` would read as something else, such as ``3e-5``."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = None if isinstance(scalar(value), str) else "'"
    if not value.isprintable():
        style = '"'  # the only style in which PyYAML escapes what it would read as a line break
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)
_Dumper.add_multi_representer(PurePath, lambda dumper, value: _text(dumper, str(value)))
