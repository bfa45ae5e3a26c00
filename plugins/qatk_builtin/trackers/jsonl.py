"""The ``jsonl`` tracker: ``events.jsonl`` in the run folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from qatk.api import NoOptions, RunResult, TrainEvent
from qatk.files import append_json_line, mend_lines


class JsonlTracker:
    """A line at the start (``start``), for every training event (``step``, ``epoch``) and at the end (``finish``)."""

    def __init__(self, options: NoOptions) -> None:
        self.path = Path("events.jsonl")

    def start(self, manifest: Mapping[str, object], out_dir: Path) -> None:
        """Begin, or go on with, the log of a run folder."""
        self.path = out_dir / "events.jsonl"
        mend_lines(self.path)
        begun = {"name": manifest.get("name"), "identity": manifest.get("identity")}
        append_json_line(self.path, {"kind": "start", **begun})

    def event(self, event: TrainEvent) -> None:
        """Log a training event."""
        append_json_line(self.path, event.plain())

    def finish(self, result: RunResult) -> None:
        """Log the figures."""
        sets = {name: dict(evaluation.metrics) for name, evaluation in result.sets.items()}
        line = {"kind": "finish", "metrics": dict(result.metrics)}
        append_json_line(self.path, {**line, "sets": sets} if sets else line)
