"""The dataset ``tsv``. Registration and options only; the rest stands in the sibling module."""

from __future__ import annotations

from collections.abc import Iterable

from qatk.api import Component, Options, hookimpl

QATK_API = 1
"""The version of qatk's hooks that this plugin is made for."""


class TsvOptions(Options):
    """Options of the ``tsv`` dataset."""

    path: str
    """A file with the columns id, question, context and answer; the answer is empty where there is none."""


@hookimpl
def qatk_datasets() -> Iterable[Component]:
    """What this package offers."""
    summary = "a table separated by tabs: id, question, context, answer"
    return [Component("tsv", f"{__name__}.dataset:Tsv", TsvOptions, summary)]
