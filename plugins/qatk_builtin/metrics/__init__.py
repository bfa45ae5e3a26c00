"""Metrics. Registration only; see the sibling modules."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from qatk.api import Component, LanguageOptions, Options, hookimpl


class EvaluateOptions(Options):
    """Options of the ``evaluate`` metric."""

    name: str
    """Metric of the ``evaluate`` library: its name, or the path of a local one."""
    config: str | None = None
    """Configuration of the metric, if it has several."""
    arguments: dict[str, object] = Field(default_factory=dict)
    """Additional arguments of the metric's ``compute``."""


@hookimpl
def qatk_metrics() -> Iterable[Component]:
    """The official metric, that of several spans, and any metric of the ``evaluate`` library."""
    return [
        Component(
            "squad",
            f"{__name__}.squad:SquadMetric",
            LanguageOptions,
            "EM and F1 as in the official script, or by language; several spans as DROP",
            formerly=("squad",),
        ),
        Component(
            "spans",
            f"{__name__}.spans:SpansMetric",
            LanguageOptions,
            "several spans: MultiSpanQA's figures, words, IoU, coverage",
        ),
        Component(
            "evaluate",
            f"{__name__}.evaluate_library:EvaluateMetric",
            EvaluateOptions,
            "a metric of the evaluate library",
            formerly=("squad",),
        ),
    ]
