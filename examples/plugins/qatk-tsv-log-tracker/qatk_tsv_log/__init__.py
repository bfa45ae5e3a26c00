"""The tracker ``tsv-log``: registration and options only; the rest is in the sibling module."""

from __future__ import annotations

from collections.abc import Iterable

from qatk.api import Component, Options, hookimpl

QATK_API = 1
"""The version of qatk's hooks that this plugin is written for."""


class TsvLogOptions(Options):
    """Options of the ``tsv-log`` tracker."""

    file: str = "tsv_log.tsv"
    """File name in the run folder."""


@hookimpl
def qatk_trackers() -> Iterable[Component]:
    """Return the components of this package."""
    summary = "step, loss, dev EM and F1 as a tab-separated table"
    return [Component("tsv-log", f"{__name__}.tracker:TsvLog", TsvLogOptions, summary)]
