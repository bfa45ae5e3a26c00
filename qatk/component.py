"""What a plugin registers: a component, and the class of its options."""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from typing_extensions import Self

Positive = Annotated[int, Field(ge=1)]
"""An integer of at least 1."""
Natural = Annotated[int, Field(ge=0)]
"""An integer of at least 0."""
Fraction = Annotated[float, Field(ge=0, le=1)]
"""A number from 0 to 1."""
AboveZero = Annotated[float, Field(gt=0)]
"""A number greater than 0."""

T = TypeVar("T")
_INCIDENTAL = "changes no result"
Incidental = Annotated[T, _INCIDENTAL]
"""An option that changes nothing of what is computed, such as ``log_every: Incidental[int] = 10``: a run that is
resumed may have another value."""


class Described(BaseModel):
    """A model whose fields are described by the texts below them.

    They are read when its schema is asked for: pydantic would look for the source of every class that is defined.
    """

    _place: ClassVar[tuple[str, int]]

    @classmethod
    def __pydantic_init_subclass__(cls, **words: object) -> None:
        """Keep in mind the file and the line of the class."""
        super().__pydantic_init_subclass__(**words)
        frame = sys._getframe(1)
        while frame.f_globals.get("__name__") != cls.__module__ and frame.f_back:
            frame = frame.f_back
        cls._place = frame.f_code.co_filename, frame.f_lineno
        linecache.lazycache(frame.f_code.co_filename, frame.f_globals)  # a file in an archive is read by its loader

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The schema with the texts."""
        schema = handler(core)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for base in cls.__mro__:
            if issubclass(base, Described) and base is not Described:
                for name, text in _texts(base.__name__, *base._place).items():
                    if name in properties:
                        properties[name].setdefault("description", text)
        return schema


def _texts(name: str, file: str, line: int) -> dict[str, str]:
    """The texts below the fields of a class, by field; none where its source is not to be had."""
    linecache.checkcache(file)
    for node in _classes("".join(linecache.getlines(file))):
        first = node.decorator_list[0].lineno if node.decorator_list else node.lineno
        if node.name == name and first <= line <= node.body[0].lineno:
            return {
                field.target.id: inspect.cleandoc(below.value.value)
                for field, below in pairwise(node.body)
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
                if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
                if isinstance(below.value.value, str)
            }
    return {}


@lru_cache(maxsize=8)
def _classes(source: str) -> list[ast.ClassDef]:
    try:
        return [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)]
    except SyntaxError:  # a file that was changed since
        return []


class Options(Described):
    """The base of all option classes: unknown keys are errors, ``true`` is not 1, and numbers are finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @classmethod
    def incidental(cls) -> set[str]:
        """The names of the options that are :data:`Incidental`."""
        return {name for name, field in cls.model_fields.items() if _INCIDENTAL in field.metadata}


class NoOptions(Options):
    """The options of a component that has none."""


class LanguageOptions(Options):
    """The options of a metric that compares texts by language, see :class:`qatk.api.Normalising`."""

    language: str | None = None
    """Normaliser by which answers are compared, such as `de`; by default `en`, or what another metric names."""
    language_column: str | None = None
    """Column of the data that names each question's normaliser; name it also in the dataset's option `columns`."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.language is not None and self.language_column is not None:
            raise ValueError("language and language_column are both given; name one")
        return self


@dataclass(frozen=True)
class Component:
    """What a hook returns: a part that recipes select by name.

    Attributes:
        name: what a recipe writes after ``use:``, in kebab-case.
        target: the class, or ``"module:Class"``, which avoids heavy imports during registration.
        options: the class of its options.
        summary: one line for ``qatk plugins list``.
        requires: importable modules that it needs beyond qatk's own dependencies; if one is missing, the message says
            what to install.
        extra: what to install for these modules, such as ``qatk[onnx]``; by default the modules' own names.
        former_names: its earlier names; recipes and run folders that use one still work, with a hint.
        waives: promises of its kind that it breaks on purpose, by name, each with the reason. ``qatk plugins check``
            and :mod:`qatk.testing` do not check those; they show the reason.
        formerly: names of plugins that it used to belong to; recipes, run folders and options that use one still work.
        scores: the forms of :class:`qatk.api.SpanScores` that a head gives, or a decoder reads: ``"spans"`` (starts and
            ends, or candidates) and ``"tokens"``. A recipe whose decoder does not read what its head gives is refused.
    """

    name: str
    target: type | str
    options: type[Options] = NoOptions
    summary: str = ""
    requires: tuple[str, ...] = ()
    extra: str = ""
    waives: Mapping[str, str] = field(default_factory=dict, hash=False)
    formerly: tuple[str, ...] = ()
    former_names: tuple[str, ...] = ()
    scores: tuple[str, ...] = ("spans",)

    @property
    def required_options(self) -> list[str]:
        """The names of the options that have no default."""
        return [name for name, field in self.options.model_fields.items() if field.is_required()]
