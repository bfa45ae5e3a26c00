"""The ``tsv-log`` tracker."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qatk.api import RunResult, TrainEvent
from qatk_tsv_log import TsvLogOptions

COLUMNS = ("exact", "f1", "dev_loss")


class TsvLog:
    """Appends step, epoch, loss and dev metrics of every event to a file in the run folder."""

    def __init__(self, options: TsvLogOptions) -> None:
        self.options = options
        self._path: Path | None = None

    def start(self, manifest: Mapping[str, Any], out_dir: Path) -> None:
        """Called before the first stage, and again when a run is resumed; the table is then continued."""
        self._path = out_dir / self.options.file
        if not self._path.exists():
            self._write("step", "epoch", "loss", *COLUMNS)

    def event(self, event: TrainEvent) -> None:
        """Called for every training event."""
        figures = [f"{event.metrics[name]:.6g}" if name in event.metrics else "" for name in COLUMNS]
        self._write(str(event.step), f"{event.epoch:g}", f"{event.loss:.6g}", *figures)

    def finish(self, result: RunResult) -> None:
        """Called once, after scoring."""

    def _write(self, *cells: str) -> None:
        assert self._path is not None, "start() comes first"
        with self._path.open("a", encoding="utf-8") as file:
            file.write("\t".join(cells) + "\n")
