"""What a trainer reports while it trains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

from qatk.types.scores import SpanScores


@dataclass(frozen=True, eq=False)
class TrainEvent:
    """What ``fit`` of a trainer yields: after some steps (``step``), after each epoch (``epoch``), and if it pauses.

    Attributes:
        kind: ``"step"``, ``"epoch"`` or ``"pause"``.
        step, total_steps: the number of optimizer steps taken, and planned.
        epoch: the number of epochs finished, with fractions.
        loss: the mean training loss since the last event of this kind.
        learning_rate: of the last step.
        examples_per_second: training windows per second since the last event of this kind.
        metrics: figures of the dev windows (``dev_loss``, ``start_accuracy``, ``end_accuracy``, ``both_accuracy``, as
            fractions); the core adds EM and F1 before it logs the event.
        scores: the model's scores of the dev windows, on an ``"epoch"`` event with dev windows.
    """

    kind: Literal["step", "epoch", "pause"]
    step: int
    total_steps: int
    epoch: float
    loss: float
    learning_rate: float
    examples_per_second: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    scores: SpanScores | None = None

    def plain(self) -> dict[str, object]:
        """Everything except the scores as plain values, for logs."""
        columns = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "scores"}
        return {**columns, "metrics": dict(self.metrics)}
