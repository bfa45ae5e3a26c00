"""Runtimes and exporters that break one promise each."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from qatk.api import Features, NoOptions, SpanScores, Trained


class GoodRuntime:
    """Right: asks the trainer's own model."""

    def __init__(self, options: NoOptions) -> None:
        pass

    def needs(self) -> None:
        return None

    def open(self, trained: Trained) -> Any:
        return trained.predict

    def predict(self, model: Any, features: Features) -> SpanScores:
        found: SpanScores = model(features)
        return found


class Lenient(GoodRuntime):
    """Makes all windows likelier to hold an answer."""

    def predict(self, model: Any, features: Features) -> SpanScores:
        found: SpanScores = model(features)
        return SpanScores(found.null - 1, found.start, found.end)


class Forgetful(GoodRuntime):
    """Gives the scores of the first windows that it was asked about."""

    def __init__(self, options: NoOptions) -> None:
        self.first: SpanScores | None = None

    def predict(self, model: Any, features: Features) -> SpanScores:
        self.first = self.first or super().predict(model, features)
        return self.first


class SingleMinded(GoodRuntime):
    """Answers one thread alone."""

    def __init__(self, options: NoOptions) -> None:
        self.thread = threading.get_ident()

    def predict(self, model: Any, features: Features) -> SpanScores:
        found = super().predict(model, features)
        if threading.get_ident() == self.thread:
            return found
        return SpanScores(np.zeros_like(found.null), found.start, found.end)


class GoodExporter:
    """Right: writes what the runtime of the same name could read."""

    def __init__(self, options: NoOptions) -> None:
        pass

    def export(self, module: Any, spec: Any, sample: Features, folder: Path) -> Mapping[str, object]:
        (folder / "weights.txt").write_text(str(sorted(module.state_dict())))
        return {"windows": len(sample)}


class Idle(GoodExporter):
    """Writes nothing."""

    def export(self, module: Any, spec: Any, sample: Features, folder: Path) -> Mapping[str, object]:
        return {}


class Learning(GoodExporter):
    """Changes the model."""

    def export(self, module: Any, spec: Any, sample: Features, folder: Path) -> Mapping[str, object]:
        module.layer.bias.data += 1
        return super().export(module, spec, sample, folder)


class Training(GoodExporter):
    """Leaves the model as if it were trained."""

    def export(self, module: Any, spec: Any, sample: Features, folder: Path) -> Mapping[str, object]:
        module.train()
        return super().export(module, spec, sample, folder)


class Untidy(GoodExporter):
    """Leaves a file beside the folder."""

    def export(self, module: Any, spec: Any, sample: Features, folder: Path) -> Mapping[str, object]:
        Path("left-behind.txt").write_text("x")
        return super().export(module, spec, sample, folder)


class Talkative(GoodExporter):
    """Says what no JSON can hold."""

    def export(self, module: Any, spec: Any, sample: Features, folder: Path) -> Mapping[str, object]:
        return {**super().export(module, spec, sample, folder), "spec": spec}


BROKEN = {
    "runtime": dict.fromkeys((Lenient, Forgetful, SingleMinded), "predicts-as-the-model"),
    "exporter": dict.fromkeys((Idle, Learning, Training, Untidy, Talkative), "writes-the-model"),
}
GOOD = {"runtime": GoodRuntime, "exporter": GoodExporter}
