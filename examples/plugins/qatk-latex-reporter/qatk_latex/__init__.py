"""The reporter ``latex``: registration and options only; the rest is in the sibling module."""

from __future__ import annotations

from collections.abc import Iterable

from qatk.api import Component, Natural, Options, hookimpl

QATK_API = 1
"""The version of qatk's hooks that this plugin is written for."""


class LatexOptions(Options):
    """Options of the ``latex`` reporter."""

    digits: Natural = 1
    """Digits after the decimal point."""


@hookimpl
def qatk_reporters() -> Iterable[Component]:
    """Return the components of this package."""
    return [Component("latex", f"{__name__}.reporter:LatexReporter", LatexOptions, "a LaTeX table, for a paper")]
