"""What a plugin registers: a component, and the class of its options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[int, Field(ge=1)]
"""A whole number from 1 on."""
Natural = Annotated[int, Field(ge=0)]
"""A whole number from 0 on."""
Fraction = Annotated[float, Field(ge=0, le=1)]
"""A share, from 0 to 1."""
AboveZero = Annotated[float, Field(gt=0)]
"""A number above 0."""


class Options(BaseModel):
    """Base of every component's options: unknown keys are errors, ``true`` is not 1, and numbers are finite."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


class NoOptions(Options):
    """For components that have nothing to choose."""


@dataclass(frozen=True)
class Component:
    """What a hook returns: a part that recipes pick by name.

    Attributes:
        name: what a recipe writes after ``use:``, in kebab-case.
        target: the class, or ``"module:Class"``, which keeps heavy imports out of registration.
        options: the class of its options.
        summary: one line for ``qatk plugins list``.
        requires: importable modules it needs beyond qatk's own dependencies, for the message that says what to install.
        former_names: what it was called before: recipes and run folders that say so still find it, with a hint.
        waives: promises of its kind that it breaks on purpose, by name, each with the reason. ``qatk plugins check``
            and :mod:`qatk.testing` do not check those, and show the reason.
        formerly: names of plugins that it used to come from: recipes, run folders and options that give those find it.
    """

    name: str
    target: type | str
    options: type[Options] = NoOptions
    summary: str = ""
    requires: tuple[str, ...] = ()
    waives: Mapping[str, str] = field(default_factory=dict, hash=False)
    formerly: tuple[str, ...] = ()
    former_names: tuple[str, ...] = ()

    @property
    def required_options(self) -> list[str]:
        """The names of the options that have no default."""
        return [name for name, field in self.options.model_fields.items() if field.is_required()]
