"""The ``wandb`` tracker: a run in Weights & Biases."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

import wandb

from qatk.api import RunResult, TrainEvent, UsageError
from qatk_builtin.trackers import WandbOptions
from qatk_builtin.trackers.shared import (
    PLACE,
    artefacts,
    configuration,
    figures,
    final_figures,
    name_of,
    recall,
    remember,
    starting,
)

_OFFLINE = "track without it by mode: offline, and send the run later with `wandb sync`"
_TIMEOUT_S = 20
"""How long wandb may try to reach its server when a run begins: less than qatk waits for a tracker."""
_OPEN: dict[str, wandb.Run] = {}
"""Runs of this process that are not over: one that is begun again, as in a notebook, is ended first."""


class WandbTracker:
    """A run by the recipe's name; one that is resumed goes on in the same run."""

    def __init__(self, options: WandbOptions) -> None:
        self.options = options
        self._run: wandb.Run | None = None

    def start(self, manifest: Mapping[str, object], out_dir: Path) -> None:
        """Begin, or go on with, a run. Raises :class:`UsageError` without a login or a network."""
        options = self.options
        known = recall(out_dir, "wandb").get("id")
        run_id = known or secrets.token_hex(4)
        deleted = (
            f"if run {known} was deleted there, remove {out_dir / PLACE / 'wandb.json'}, and a new one begins; or "
        )
        with starting("wandb", f"{deleted if known else ''}{_OFFLINE}"):
            self._check_login()
            if (before := _OPEN.pop(run_id, None)) is not None:
                before.finish()
            self._run = wandb.init(
                project=options.project,
                entity=options.entity,
                group=options.group,
                tags=options.tags or None,
                name=options.name or name_of(manifest, out_dir),
                id=run_id,
                resume="allow",
                reinit="create_new",
                dir=str(out_dir),
                mode=options.mode,
                config=configuration(manifest),
                settings=wandb.Settings(
                    silent=True, console="off", disable_git=True, disable_code=True, init_timeout=_TIMEOUT_S
                ),
            )
        _OPEN[run_id] = self._run
        remember(out_dir, "wandb", id=run_id)
        self._run.define_metric("dev/*", step_metric="epoch")
        if not self._run.offline and self._run.url:
            sys.stderr.write(f"wandb: {self._run.url}\n")

    def _check_login(self) -> None:
        """Refuse at once where wandb would ask for a key."""
        mode = self.options.mode or wandb.setup().settings.mode
        if mode in ("online", "run", "shared") and not wandb.login(prompt=False):
            raise UsageError("wandb has no login", fix=f"run `wandb login` or set WANDB_API_KEY; or {_OFFLINE}")

    def event(self, event: TrainEvent) -> None:
        """Log the figures of an event at its step."""
        if self._run is not None:
            self._run.log(figures(event), step=event.step)

    def finish(self, result: RunResult) -> None:
        """Log the final figures and the files, and end the run."""
        if self._run is None:
            return
        self._run.summary.update(final_figures(result))
        kept: dict[str, wandb.Artifact] = {}
        for kind, path in artefacts(result, page=self.options.page, model=self.options.model):
            if kind not in kept:
                kept[kind] = wandb.Artifact(f"{kind}-{self._run.id}", type=kind)
            if path.is_dir():
                kept[kind].add_dir(str(path))
            else:
                kept[kind].add_file(str(path))
        for artefact in kept.values():
            self._run.log_artifact(artefact)
        self._end(0)

    def abandon(self, failed: bool, why: str) -> None:
        """End a run that does not go on; one that failed counts as failed there too."""
        if self._run is not None:
            self._end(int(failed))

    def _end(self, code: int) -> None:
        if self._run is not None:
            _OPEN.pop(self._run.id, None)
            self._run.finish(exit_code=code)
