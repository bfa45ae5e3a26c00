"""Logs of runs, in the run folder and in tracking tools. Registration only; see the sibling modules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from qatk.api import Component, Options, hookimpl


class TrackerOptions(Options):
    """Options of the trackers of tracking tools."""

    project: str = "qatk"
    """Project that the run goes into; an experiment, as mlflow calls it."""
    name: str | None = None
    """What to call the run; by default what qatk calls it."""
    page: bool = True
    """Keep the report and the page (`report.md`, `report.html`) with the run."""
    model: bool = False
    """Keep the trained model with the run."""


class WandbOptions(TrackerOptions):
    """Options of the ``wandb`` tracker."""

    entity: str | None = None
    """User or team; by default yours."""
    group: str | None = None
    """Group of the run, such as the comparison that it is part of."""
    tags: list[str] = Field(default_factory=list)
    """Tags of the run."""
    mode: Literal["online", "offline", "disabled"] | None = None
    """Whether to send at once, later (`wandb sync`) or never; by default what `WANDB_MODE` says, or `online`."""


class MlflowOptions(TrackerOptions):
    """Options of the ``mlflow`` tracker."""

    tracking_uri: str | None = None
    """Server or store; by default what `MLFLOW_TRACKING_URI` says, or mlflow's own."""


class TrackioOptions(TrackerOptions):
    """Options of the ``trackio`` tracker."""

    space_id: str | None = None
    """Space of the Hugging Face hub that shows the run; by default runs stay on this machine."""


@hookimpl
def qatk_trackers() -> Iterable[Component]:
    """The log of a run, and what tracking tools make of it."""
    return [
        Component(
            "jsonl", f"{__name__}.jsonl:JsonlTracker", summary="events.jsonl in the run folder", formerly=("reports",)
        ),
        Component(
            "tensorboard",
            f"{__name__}.tensorboard:TensorboardTracker",
            summary="curves and report for TensorBoard, in the run folder",
            requires=("tensorboard",),
            extra="qatk[tensorboard]",
        ),
        Component(
            "wandb",
            f"{__name__}.wandb:WandbTracker",
            WandbOptions,
            "a run in Weights & Biases, online or offline",
            ("wandb",),
            "qatk[wandb]",
        ),
        Component(
            "mlflow",
            f"{__name__}.mlflow:MlflowTracker",
            MlflowOptions,
            "a run in MLflow: a server, a database or files",
            ("mlflow",),
            "qatk[mlflow]",
        ),
        Component(
            "trackio",
            f"{__name__}.trackio:TrackioTracker",
            TrackioOptions,
            "a run in Trackio, on this machine or in a Space",
            ("trackio",),
            "qatk[trackio]",
        ),
    ]
