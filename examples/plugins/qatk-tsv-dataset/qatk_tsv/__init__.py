"""The dataset ``tsv``: registration and options only; the rest is in the sibling module."""

from __future__ import annotations

from collections.abc import Iterable

from qatk.api import Component, Options, hookimpl

QATK_API = 1
"""The version of qatk's hooks that this plugin is written for."""


class TsvOptions(Options):
    """Options of the ``tsv`` dataset."""

    path: str
    """File with the columns id, question, context and answer; an empty answer means that there is none."""


@hookimpl
def qatk_datasets() -> Iterable[Component]:
    """Return the components of this package."""
    summary = "a tab-separated table: id, question, context, answer"
    return [Component("tsv", f"{__name__}.dataset:Tsv", TsvOptions, summary)]
