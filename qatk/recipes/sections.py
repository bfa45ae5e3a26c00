"""What a recipe may hold: its sections, each with the kind of component it names, and its plain values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from math import inf
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, ConfigDict, Field

from qatk.component import Described, Options
from qatk.plugins.registered import Registered


@dataclass(frozen=True)
class Interval:
    """Some steps, or some seconds; the other is infinite."""

    steps: float = inf
    seconds: float = inf

    @classmethod
    def of(cls, text: str | int | None) -> Interval:
        """``500``, ``500 steps``, ``90 s``, ``10 min`` or ``2 h``; ``None`` is never.

        Raises:
            ValueError: for anything else.
        """
        if text is None:
            return cls()
        match = re.fullmatch(r"(\d{1,9}) ?(steps?|s|min|h)?", str(text).strip())
        if match is None or not (number := int(match[1])):
            raise ValueError("write a number of steps such as 500, or a time such as 90 s, 10 min or 2 h")
        seconds = _SECONDS.get(match[2] or "")
        return cls(steps=number) if seconds is None else cls(seconds=number * seconds)


_SECONDS = {"s": 1, "min": 60, "h": 3600}


def _interval(text: str | int | None) -> str | int | None:
    Interval.of(text)
    return text


class Scalars(Described):
    """Keys of a recipe that hold a plain value."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    qatk: Literal[1] = 1
    """the version of the recipe's form"""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 13
    """everything random follows from it"""
    keep_best: str | None = "f1"
    """the dev metric whose best epoch is kept; null keeps the last epoch"""
    score_epochs: bool = True
    """whether dev is scored after each epoch; false saves that time, and needs keep_best: null"""
    save_every: Annotated[str | int | None, AfterValidator(_interval)] = "10 min"
    """when to save the state of training between epochs: a time such as "10 min", or "500 steps"; null never"""
    keep_last: Annotated[int, Field(ge=1)] = 2
    """the number of saved states of training to keep; if the last one is damaged, the one before it is used"""
    cluster: str | None = None
    """the column of the data whose values group related questions; null groups them by article"""


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

RETRIEVAL = "passages"
"""The section of the component that chooses which windows are scored; without it, all are."""

SECTIONS: dict[tuple[str, ...], Section] = {
    ("backbone",): Section("backbone", required=True),
    ("data", "train"): Section("dataset"),
    ("data", "dev"): Section("dataset", required=True),
    **{(name,): Section(name, DEFAULTS[name]) for name in ("featurizer", "head", "trainer", "runtime", "decoder")},
    (RETRIEVAL,): Section("retriever"),
    ("launcher",): Section("launcher"),
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

    def given(self) -> dict[str, object]:
        """The same, without the options that have their defaults."""
        return {"use": self.use, **self.options.model_dump(mode="json", exclude_defaults=True)}

    def computed(self) -> dict[str, object]:
        """The whole choice, without options that change nothing of what it computes."""
        return {"use": self.use, **self.options.model_dump(mode="json", exclude=self.options.incidental())}
