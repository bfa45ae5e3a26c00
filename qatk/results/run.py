"""The result of a finished run: plain objects with typed fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qatk.display.html import run_html
from qatk.results.evaluation import Evaluation
from qatk.types import TrainEvent

PREDICTING, EXPORTED = "prediction_seconds", "exported_bytes"
"""Counts of the stage ``predict``: the time without the export, and the size of what was exported, if anything."""


@dataclass(frozen=True)
class StageTime:
    """One stage of a run.

    Attributes:
        name: of the stage.
        seconds: its duration.
        counts: its counts, such as ``windows_per_second``.
        skipped: whether an earlier execution of the run completed it.
        groups: counts by split (``train``, ``dev`` ...: ``questions``, ``windows``), and ``out_of_reach`` by reason.
    """

    name: str
    seconds: float
    counts: Mapping[str, float] = field(default_factory=dict)
    skipped: bool = False
    groups: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, repr=False)
class RunResult:
    """A finished run.

    Attributes:
        name: of the run.
        folder: the run folder; of a run at a URL, a copy on this machine, without its model.
        manifest: the content of ``manifest.json``, as plain values.
        evaluation: of the predictions for the evaluation set ``on``.
        events: the training events, in order.
        stages: in order, with their durations and counts.
        on: the evaluation set: ``dev``, which alone decides what is kept and calibrated, or another one.
        sets: the evaluations of the recipe's other named sets, such as ``test``.
        url: the URL of the run, if it has one.
        model_bytes: the size of its model, if that is known.
    """

    name: str
    folder: Path | None
    manifest: Mapping[str, Any]
    evaluation: Evaluation
    events: Sequence[TrainEvent] = ()
    stages: Sequence[StageTime] = ()
    on: str = "dev"
    sets: Mapping[str, Evaluation] = field(default_factory=dict)
    url: str | None = None
    model_bytes: int | None = None

    @property
    def metrics(self) -> Mapping[str, float]:
        """The metrics of the evaluation."""
        return self.evaluation.metrics

    @property
    def normaliser(self) -> str:
        """The name of the normaliser by which answers were compared, such as ``en``."""
        return self.evaluation.normaliser

    @property
    def title(self) -> str:
        """The name, and the evaluation set unless it is ``dev``."""
        return self.name if self.on == "dev" else f"{self.name} on {self.on}"

    def __repr__(self) -> str:
        return f"<RunResult: {self.title}, {self.evaluation.summary}>"

    def _repr_html_(self) -> str:
        sets = {name: evaluation._repr_html_() for name, evaluation in self.sets.items()}
        return run_html(self.title, self.evaluation._repr_html_(), self.folder, sets)
