"""A finished run: plain objects with typed fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qatk.display.html import run_html
from qatk.results.evaluation import Evaluation
from qatk.types import TrainEvent


@dataclass(frozen=True)
class StageTime:
    """One stage of a run.

    Attributes:
        name: of the stage.
        seconds: that it took.
        counts: what it counted, such as ``windows_per_second``.
        skipped: whether an earlier execution of the run completed it.
        groups: counts by split (``train``, ``dev`` ...: ``questions``, ``windows``), and ``out_of_reach`` by reason.
    """

    name: str
    seconds: float
    counts: Mapping[str, float] = field(default_factory=dict)
    skipped: bool = False
    groups: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class RunResult:
    """A finished run.

    Attributes:
        name: what to call it.
        folder: the run folder.
        manifest: the content of ``manifest.json``, as plain values.
        evaluation: predictions held against gold, of the set ``on``.
        events: the training curve.
        stages: in order, with their times and counts.
        on: what ``evaluation`` is of: ``dev``, which alone decides what is kept and calibrated, or another set.
        sets: the evaluations of the recipe's other named sets, such as ``test``.
    """

    name: str
    folder: Path | None
    manifest: Mapping[str, Any]
    evaluation: Evaluation
    events: Sequence[TrainEvent] = ()
    stages: Sequence[StageTime] = ()
    on: str = "dev"
    sets: Mapping[str, Evaluation] = field(default_factory=dict)

    @property
    def metrics(self) -> Mapping[str, float]:
        """The figures of :class:`Evaluation`."""
        return self.evaluation.metrics

    @property
    def title(self) -> str:
        """The name, with the set that the evaluation is of where it is not ``dev``."""
        return self.name if self.on == "dev" else f"{self.name} on {self.on}"

    def _repr_html_(self) -> str:
        sets = {name: evaluation._repr_html_() for name, evaluation in self.sets.items()}
        return run_html(self.title, self.evaluation._repr_html_(), self.folder, sets)
