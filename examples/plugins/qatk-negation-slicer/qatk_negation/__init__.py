"""The slicer ``negation``: registration and options only; the rest is in the sibling module."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from qatk.api import Component, Options, hookimpl

QATK_API = 1
"""The version of qatk's hooks that this plugin is written for."""


class NegationOptions(Options):
    """Options of the ``negation`` slicer."""

    words: list[str] = Field(default_factory=lambda: ["not", "never", "no", "nobody", "nothing", "neither", "without"])
    """Words that make a question negative, in addition to words that end in n't."""


@hookimpl
def qatk_slicers() -> Iterable[Component]:
    """Return the components of this package."""
    summary = "questions with and without a negation"
    return [Component("negation", f"{__name__}.slicer:Negation", NegationOptions, summary)]
