"""The log of a run. Registration only; see the sibling module."""

from __future__ import annotations

from collections.abc import Iterable

from qatk.api import Component, hookimpl


@hookimpl
def qatk_trackers() -> Iterable[Component]:
    """The log of a run."""
    return [
        Component(
            "jsonl", f"{__name__}.jsonl:JsonlTracker", summary="events.jsonl in the run folder", formerly=("reports",)
        ),
    ]
