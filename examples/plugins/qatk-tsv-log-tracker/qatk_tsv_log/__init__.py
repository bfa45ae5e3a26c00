"""The tracker ``tsv-log``. Registration and options only; the rest stands in the sibling module."""

from __future__ import annotations

from collections.abc import Iterable

from qatk.api import Component, Options, hookimpl

QATK_API = 1
"""The version of qatk's hooks that this plugin is made for."""


class TsvLogOptions(Options):
    """Options of the ``tsv-log`` tracker."""

    file: str = "tsv_log.tsv"
    """The file in the run folder."""


@hookimpl
def qatk_trackers() -> Iterable[Component]:
    """What this package offers."""
    summary = "step, loss, dev EM and F1 as a table, tab-separated"
    return [Component("tsv-log", f"{__name__}.tracker:TsvLog", TsvLogOptions, summary)]
