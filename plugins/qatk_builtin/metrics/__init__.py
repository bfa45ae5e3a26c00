"""The official metric, and those of the evaluate library. Registration only; see the sibling modules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import Field

from qatk.api import Component, Options, hookimpl


class EvaluateOptions(Options):
    """Options of the ``evaluate`` metric."""

    name: str
    """A metric of the ``evaluate`` library: its name, or the path of a local one."""
    config: str | None = None
    """The metric's configuration, where it has several."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Further arguments of its ``compute``."""


@hookimpl
def qatk_metrics() -> Iterable[Component]:
    """The official metric, and any metric of the ``evaluate`` library."""
    return [
        Component(
            "squad",
            f"{__name__}.squad:SquadMetric",
            summary="EM and F1 of the official script; of several spans, of DROP's",
            formerly=("squad",),
        ),
        Component(
            "evaluate",
            f"{__name__}.evaluate_library:EvaluateMetric",
            EvaluateOptions,
            "a metric of the evaluate library",
            formerly=("squad",),
        ),
    ]
