"""Runtimes opened with models: the trainer's own, one of an export, or one that is exported on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from qatk.errors import ModelError, UsageError
from qatk.files import folder_size
from qatk.plugins.host import PluginHost
from qatk.plugins.live import LiveTrainer
from qatk.plugins.live_exports import LiveExporter, LiveRuntime, module_of
from qatk.plugins.model_types import BackboneSpec, Trained
from qatk.plugins.protocols import Model, Plain
from qatk.progress import advance
from qatk.spelling import spelled
from qatk.types import Features, SpanScores

PRECISION = "precision"
"""The option that ``--runtime NAME:PRECISION`` sets."""


@dataclass(frozen=True, eq=False)
class OpenModel:
    """A model that a runtime opened.

    Attributes:
        runtime: the live component.
        model: what it opened.
        exported_bytes: size of the files that were exported on the way; ``None`` where none were.
    """

    runtime: LiveRuntime
    model: Model
    exported_bytes: int | None = None

    def predict(self, features: Features) -> SpanScores:
        """Scores of all windows."""
        return self.runtime.predict(self.model, features)


def runtime_section(text: str) -> dict[str, object]:
    """The section of a recipe for ``NAME`` or ``NAME:PRECISION``, as ``--runtime`` takes it.

    Raises:
        UsageError: one of them is empty.
    """
    name, colon, precision = text.partition(":")
    if not name or (colon and not precision):
        raise UsageError(
            f"{text!r} is no runtime", where=spelled("runtime"), fix="write NAME or NAME:PRECISION: onnx:int8"
        )
    return {"use": name, **({PRECISION: precision} if precision else {})}


def open_exported(runtime: LiveRuntime, folder: Path, spec: BackboneSpec) -> OpenModel:
    """The model of an export's folder."""
    return OpenModel(runtime, runtime.open(Trained(folder=folder, spec=spec)))


def open_trained(
    runtime: LiveRuntime,
    trainer: LiveTrainer,
    model: Model,
    sample: Callable[[LiveExporter], tuple[BackboneSpec, Features]],
    host: PluginHost,
) -> OpenModel:
    """A trainer's model, opened by a runtime; where the runtime needs files, they are exported on the way.

    Args:
        runtime: of the recipe.
        trainer: of the model.
        model: trained.
        sample: gives the backbone's spec, and windows for an exporter; called where something is exported.
        host: the plugins, for the exporter.

    Raises:
        ModelError: the model cannot be exported.
    """
    if (needed := runtime.needs()) is None:
        return OpenModel(runtime, runtime.open(Trained(predict=partial(trainer.predict, model))))
    exporter = exporter_of(needed, host)
    spec, windows = sample(exporter)
    with TemporaryDirectory(prefix="qatk-export-") as folder:
        export_files(exporter, trainer, model, spec, windows, Path(folder))
        return replace(open_exported(runtime, Path(folder), spec), exported_bytes=folder_size(Path(folder)))


def exporter_of(section: Mapping[str, Plain], host: PluginHost) -> LiveExporter:
    """The exporter of a section. Raises :class:`UsageError` where it, or an option of it, is unknown."""
    return host.live_section(LiveExporter, "exporter", section)


def export_files(
    exporter: LiveExporter, trainer: LiveTrainer, model: Model, spec: BackboneSpec, sample: Features, folder: Path
) -> dict[str, Plain]:
    """Write the exporter's files into an empty folder; what it says of them.

    Raises:
        ModelError: the trainer's models are no torch modules, or the exporter cannot write this one.
    """
    advance(f"exporting to {exporter.registered.name}", 0)
    if (module := module_of(trainer, model)) is None:
        what = f"models of the trainer {trainer.registered.name!r} cannot be exported: it has no method module()"
        raise ModelError(what, fix="use the runtime torch")
    return exporter.export(module, spec, sample, folder)
