"""Runtimes and exporters at work, as :mod:`qatk.plugins.live` has the other kinds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from qatk.plugins import optional, protocols, values
from qatk.plugins.adapter import Live
from qatk.plugins.live import LiveTrainer
from qatk.plugins.model_types import BackboneSpec, Trained
from qatk.plugins.protocols import Model, Plain
from qatk.types import Features, SpanScores

if TYPE_CHECKING:
    from torch import nn


class LiveRuntime(Live[protocols.Runtime]):
    """Predicts with a trained model."""

    def needs(self) -> Mapping[str, Plain] | None:
        """The exporter whose files it opens, with its options; ``None`` where it opens the trainer's own model."""
        with self.during("loading"):
            return self.component.needs()

    def open(self, trained: Trained) -> Model:
        """The model, ready to predict."""
        with self.during("loading"):
            return self.component.open(trained)

    def predict(self, model: Model, features: Features) -> SpanScores:
        """Scores of every window."""
        with self.during("prediction"):
            return values.scores(self.component.predict(model, features), features)


class LiveExporter(Live[protocols.Exporter]):
    """Writes models in another format."""

    @property
    def calibrates(self) -> bool:
        """Whether the sample decides what the exported model computes."""
        return isinstance(self.component, optional.CalibratingExporter) and self.component.calibrates

    def export(self, module: nn.Module, spec: BackboneSpec, sample: Features, folder: Path) -> dict[str, Plain]:
        """Write the files; what the export's manifest says of them."""
        with self.during("export"):
            said = values.plain(dict(self.component.export(module, spec, sample, folder)))
            return values.expect(said, dict)


def module_of(trainer: LiveTrainer, model: Model) -> nn.Module | None:
    """A model as the torch module that exporters take; ``None`` of a trainer whose models are none."""
    with trainer.during("export"):
        return trainer.component.module(model) if isinstance(trainer.component, optional.ModuleTrainer) else None
