"""The slicer ``negation``. Registration and options only; the rest stands in the sibling module."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from qatk.api import Component, Options, hookimpl

QATK_API = 1
"""The version of qatk's hooks that this plugin is made for."""


class NegationOptions(Options):
    """Options of the ``negation`` slicer."""

    words: list[str] = Field(default_factory=lambda: ["not", "never", "no", "nobody", "nothing", "neither", "without"])
    """What makes a question negative, beside words that end in n't."""


@hookimpl
def qatk_slicers() -> Iterable[Component]:
    """What this package offers."""
    summary = "questions with a negation, and without"
    return [Component("negation", f"{__name__}.slicer:Negation", NegationOptions, summary)]
