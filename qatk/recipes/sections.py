"""What a recipe may hold: its sections, each with the kind of component it names, and its plain values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from qatk.component import Options
from qatk.plugins.registered import Registered


class Scalars(BaseModel):
    """Keys of a recipe that hold a plain value."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", use_attribute_docstrings=True)

    qatk: Literal[1] = 1
    """the version of the recipe's form"""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 13
    """everything random follows from it"""
    keep_best: str | None = "f1"
    """the dev metric whose best epoch is kept; null keeps the last epoch"""


@dataclass(frozen=True)
class Section:
    """A place in a recipe that names components of one kind.

    ``default=None`` means that the user must choose; ``many`` a list, which may hold none where ``none_will_do``.
    """

    kind: str
    default: object = None
    many: bool = False
    required: bool = False
    none_will_do: bool = True


DEFAULTS: dict[str, Any] = yaml.safe_load(files("qatk.recipes").joinpath("defaults.yaml").read_text("utf-8"))
"""The components of a recipe that does not name its own, by section."""

SECTIONS: dict[tuple[str, ...], Section] = {
    ("backbone",): Section("backbone", required=True),
    ("data", "train"): Section("dataset"),
    ("data", "dev"): Section("dataset", required=True),
    **{(name,): Section(name, DEFAULTS[name]) for name in ("featurizer", "head", "trainer", "decoder")},
    **{
        (f"{kind}s",): Section(kind, DEFAULTS[f"{kind}s"], many=True, none_will_do=kind != "metric")
        for kind in ("metric", "slicer", "reporter", "tracker")
    },
}


FURTHER: dict[str, Section] = {"data": Section("dataset")}
"""Groups of sections that take further ones under names of the user's choice: of ``data``, sets to evaluate on."""
NAME = re.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What may name a further section: it names a folder, too."""
_TAKEN = {"out_of_reach", "use"}


def may_name(name: object) -> bool:
    """Whether a key may name a further section."""
    return isinstance(name, str) and NAME.fullmatch(name) is not None and name not in _TAKEN


def sections_of(recipe: Mapping[str, Any]) -> dict[tuple[str, ...], Section]:
    """The sections of a recipe, those of names that it chose behind the others of their group."""
    found: dict[tuple[str, ...], Section] = {}
    last = {path[0]: path for path in SECTIONS}
    for path, section in SECTIONS.items():
        found[path] = section
        group = recipe.get(path[0])
        if path[0] in FURTHER and path == last[path[0]] and isinstance(group, dict):
            more = {(path[0], name): FURTHER[path[0]] for name in group if may_name(name)}
            found |= {place: named for place, named in more.items() if place not in SECTIONS}
    return found


@dataclass(frozen=True)
class Choice:
    """A component that a recipe chose, with its checked options, and the datasets that it chose among them."""

    registered: Registered
    use: str
    options: Options
    parts: tuple[Choice, ...] = ()

    def all(self) -> Iterator[Choice]:
        """This choice, and those inside of it."""
        yield self
        for part in self.parts:
            yield from part.all()

    def filled(self) -> dict[str, object]:
        """The choice as a recipe writes it, every default included."""
        return {"use": self.use, **self.options.model_dump(mode="json")}
