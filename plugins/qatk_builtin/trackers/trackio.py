"""The ``trackio`` tracker: a run in Trackio."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from qatk.api import RunResult, TrainEvent
from qatk_builtin.trackers import TrackioOptions
from qatk_builtin.trackers.shared import (
    artefacts,
    configuration,
    figures,
    final_figures,
    name_of,
    recall,
    remember,
    starting,
)

if TYPE_CHECKING:
    import trackio


class TrackioTracker:
    """A run by the recipe's name; one that is resumed goes on in the same run."""

    def __init__(self, options: TrackioOptions) -> None:
        self.options = options
        self._run: trackio.Run | None = None

    def start(self, manifest: Mapping[str, object], out_dir: Path) -> None:
        """Begin, or go on with, a run. Raises :class:`qatk.api.UsageError` without a login for a Space."""
        import trackio

        name = recall(out_dir, "trackio").get("name")
        known = name is not None
        name = name or self.options.name or name_of(manifest, out_dir)
        with (
            redirect_stdout(sys.stderr),
            starting("trackio", "without space_id the run stays on this machine; for a Space, `hf auth login` first"),
        ):
            self._run = trackio.init(
                self.options.project,
                name=name,
                space_id=self.options.space_id,
                config=configuration(manifest),
                resume="allow" if known else "never",
                embed=False,
            )
        remember(out_dir, "trackio", name=str(self._run.name))

    def event(self, event: TrainEvent) -> None:
        """Log the figures of an event at its step."""
        if self._run is not None:
            self._run.log(figures(event), step=event.step)

    def finish(self, result: RunResult) -> None:
        """Log the final figures and the files, and end the run."""
        import trackio

        if self._run is None:
            return
        self._run.log(final_figures(result))
        for kind, path in artefacts(result, page=self.options.page, model=self.options.model):
            trackio.log_artifact(path, name=f"{self._run.name}-{path.name}", type=kind)
        self._end()

    def abandon(self, failed: bool, why: str) -> None:
        """End a run that does not go on."""
        self._end()

    def _end(self) -> None:
        if self._run is not None:
            with redirect_stdout(sys.stderr):
                self._run.finish()
