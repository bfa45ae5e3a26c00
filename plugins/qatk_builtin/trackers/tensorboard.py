"""The ``tensorboard`` tracker: event files in the run folder, which TensorBoard finds below any folder of runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from qatk.api import NoOptions, RunResult, TrainEvent
from qatk_builtin.trackers.shared import artefacts, configuration, figures, final_figures

FOLDER = "tensorboard"


class TensorboardTracker:
    """Curves by step; the configuration and the report as texts."""

    def __init__(self, options: NoOptions) -> None:
        self._writer: SummaryWriter | None = None
        self._began = False
        self._folder = Path()

    def start(self, manifest: Mapping[str, object], out_dir: Path) -> None:
        """Begin, or go on with, the curves of a run folder."""
        self._folder, self._began = out_dir / FOLDER, False
        text = json.dumps(configuration(manifest), indent=1, default=str)
        self._open(None).add_text("configuration", f"```json\n{text}\n```")

    def _open(self, from_step: int | None) -> SummaryWriter:
        """A writer; what an earlier execution wrote from this step on is hidden, as the run takes the steps again."""
        if self._writer is not None:
            self._writer.close()
        self._writer = SummaryWriter(str(self._folder), purge_step=from_step)
        return self._writer

    def event(self, event: TrainEvent) -> None:
        """Add a point to each curve."""
        if self._writer is None:
            return
        if not self._began:
            self._began = True
            if event.step > 1:
                self._open(event.step)
        for name, value in figures(event).items():
            self._writer.add_scalar(name, value, event.step)
        self._writer.flush()

    def finish(self, result: RunResult) -> None:
        """Add the final figures and the report."""
        if self._writer is None:
            return
        for name, value in final_figures(result).items():
            self._writer.add_scalar(name, value)
        for _, path in artefacts(result, page=True, model=False):
            if path.suffix == ".md":
                self._writer.add_text("report", path.read_text("utf-8"))
        self._writer.close()

    def abandon(self, failed: bool, why: str) -> None:
        """Close the files of a run that does not go on."""
        if self._writer is not None:
            self._writer.close()
