"""The ``jsonl`` tracker: ``events.jsonl`` in the run folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qatk.api import NoOptions, RunResult, TrainEvent
from qatk.run_folder import event_log


class JsonlTracker:
    """A line at the start (``start``), for every training event (``step``, ``epoch``) and at the end (``finish``)."""

    def __init__(self, options: NoOptions) -> None:
        self.path = Path("events.jsonl")

    def start(self, manifest: Mapping[str, Any], out_dir: Path) -> None:
        """Begin, or go on with, the log of a run folder."""
        self.path = out_dir / "events.jsonl"
        event_log.mend(self.path)
        event_log.append(self.path, "start", {"name": manifest.get("name"), "identity": manifest.get("identity")})

    def event(self, event: TrainEvent) -> None:
        """Log a training event."""
        event_log.append_event(self.path, event)

    def finish(self, result: RunResult) -> None:
        """Log the figures."""
        event_log.append(self.path, "finish", {"metrics": dict(result.metrics)})
