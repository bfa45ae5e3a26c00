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
        groups: counts by split (``train``, ``dev``: ``questions``, ``windows`` ...), and ``out_of_reach`` by reason.
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
        evaluation: dev predictions held against gold.
        events: the training curve.
        stages: in order, with their times and counts.
    """

    name: str
    folder: Path | None
    manifest: Mapping[str, Any]
    evaluation: Evaluation
    events: Sequence[TrainEvent] = ()
    stages: Sequence[StageTime] = ()

    @property
    def metrics(self) -> Mapping[str, float]:
        """The figures of :class:`Evaluation`."""
        return self.evaluation.metrics

    def _repr_html_(self) -> str:
        return run_html(self.name, self.evaluation._repr_html_(), self.folder)
