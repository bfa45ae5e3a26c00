"""What runtimes and exporters must be able to do, as :mod:`qatk.plugins.protocols` says it of the other kinds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from qatk.plugins.model_types import BackboneSpec, Model, Plain, Trained
from qatk.types import Features, SpanScores

if TYPE_CHECKING:
    from torch import nn


class Runtime(Protocol):
    """Predicts with a trained model: with the trainer's own one, or with files that an exporter wrote."""

    def needs(self) -> Mapping[str, Plain] | None:
        """Return the exporter whose files it opens, as a recipe names a component: ``{"use": NAME, ...}``.

        ``None`` means that it opens the trainer's own model.
        """
        ...

    def open(self, trained: Trained) -> Model:
        """Return the model, ready for :meth:`predict`; it must not need ``trained.folder`` any more.

        Raises:
            ModelError: if the files cannot be used.
        """
        ...

    def predict(self, model: Model, features: Features) -> SpanScores:
        """Return the scores of all windows, in their order. Several threads may call this at once."""
        ...


class Exporter(Protocol):
    """Writes a trained model as files for a runtime of the same name, which needs neither trainer nor torch."""

    def export(self, module: nn.Module, spec: BackboneSpec, sample: Features, folder: Path) -> Mapping[str, Plain]:
        """Write the model into an empty folder.

        Args:
            module: the model in eval mode on the CPU, see :class:`ModuleTrainer`.
            spec: of the backbone.
            sample: windows to trace the model with and to calibrate lower precision on.
            folder: for the files.

        Returns:
            What the export's manifest says about them, plain values by name.

        Raises:
            ModelError: if this model cannot be written in this format, with the reason.
        """
        ...
