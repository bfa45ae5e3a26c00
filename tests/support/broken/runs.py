"""Trackers, reporters, backbones and trainers that break one promise each."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from broken.data import Plain
from qatk.api import Features, RunResult, SpanScores, TrainEvent
from qatk.plugins.model_types import BackboneSpec
from qatk_builtin.backbones import TinyOptions
from qatk_builtin.backbones.tiny import TinyBackbone
from qatk_builtin.trainers import TorchOptions
from qatk_builtin.trainers.pytorch.trainer import TorchTrainer

# trackers


class GoodTracker(Plain):
    """Writes a line an event."""

    def start(self, manifest: Mapping[str, Any], out_dir: Path) -> None:
        self.file = out_dir / "told.txt"

    def event(self, event: TrainEvent) -> None:
        with self.file.open("a") as file:
            file.write(f"{event.step}\n")

    def finish(self, result: RunResult) -> None:
        with self.file.open("a") as file:
            file.write("done\n")


class Whole(GoodTracker):
    """Rounds every figure to a whole number, NaN too."""

    def event(self, event: TrainEvent) -> None:
        super().event(event)
        _ = [int(value) for value in event.metrics.values()]


class Elsewhere(GoodTracker):
    """Writes into the working directory."""

    def start(self, manifest: Mapping[str, Any], out_dir: Path) -> None:
        super().start(manifest, out_dir)
        Path("tracked.txt").write_text("here")


class Once(GoodTracker):
    """Refuses a file that is there."""

    def start(self, manifest: Mapping[str, Any], out_dir: Path) -> None:
        super().start(manifest, out_dir)
        self.file.touch(exist_ok=False)


class Notes(GoodTracker):
    """Notes into the manifest."""

    def finish(self, result: RunResult) -> None:
        file = self.file.parent / "manifest.json"
        file.write_text(file.read_text() + "\n" if file.exists() else "")


class Slow(GoodTracker):
    """Waits for a server."""

    def finish(self, result: RunResult) -> None:
        time.sleep(2.1)


# reporters


class GoodReporter(Plain):
    """Prints F1."""

    def report(self, result: RunResult, out_dir: Path | None, console: Any) -> None:
        console.print(f"F1 {result.metrics['f1']:.2f}")


class Mute(GoodReporter):
    """Shows nothing."""

    def report(self, result: RunResult, out_dir: Path | None, console: Any) -> None: ...


class Curve(GoodReporter):
    """Needs a training curve."""

    def report(self, result: RunResult, out_dir: Path | None, console: Any) -> None:
        console.print(result.events[-1].loss)


class Careless(GoodReporter):
    """Writes wherever it is."""

    def report(self, result: RunResult, out_dir: Path | None, console: Any) -> None:
        super().report(result, out_dir, console)
        Path("report.txt").write_text("F1")


class Rounds(GoodReporter):
    """Rounds the figures in the run folder."""

    def report(self, result: RunResult, out_dir: Path | None, console: Any) -> None:
        super().report(result, out_dir, console)
        if out_dir is not None:
            (out_dir / "metrics.json").write_text("{}")


class Tidies(GoodReporter):
    """Removes the model when it is done."""

    def report(self, result: RunResult, out_dir: Path | None, console: Any) -> None:
        super().report(result, out_dir, console)
        if out_dir is not None:
            (out_dir / "model" / "model.safetensors").unlink(missing_ok=True)


class PastConsole(GoodReporter):
    """Writes into the console's file."""

    def report(self, result: RunResult, out_dir: Path | None, console: Any) -> None:
        console.file.write(f"F1 {result.metrics['f1']:.2f}")


class OwnPrint(GoodReporter):
    """Prints as ever."""

    def report(self, result: RunResult, out_dir: Path | None, console: Any) -> None:
        super().report(result, out_dir, console)
        print("done")


class Dated(GoodReporter):
    """The time in its text."""

    def report(self, result: RunResult, out_dir: Path | None, console: Any) -> None:
        console.print(time.perf_counter_ns())


# backbones


class WrongNull(TinyBackbone):
    """Names a token that no window has."""

    def spec(self) -> BackboneSpec:
        return replace(super().spec(), null_id=super().spec().pad_id)


class WrongSize(TinyBackbone):
    """Says another width."""

    def spec(self) -> BackboneSpec:
        return replace(super().spec(), hidden_size=7)


class _Averaging(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, **inputs: Any) -> Any:
        output = self.inner(**inputs)
        output.last_hidden_state = output.last_hidden_state - output.last_hidden_state.mean(1, keepdim=True)
        return output


class Averages(TinyBackbone):
    """Subtracts the mean of all positions, padding included."""

    def encoder(self) -> nn.Module:
        return _Averaging(super().encoder())


class Seedless(TinyBackbone):
    """Weights that no seed rules."""

    def encoder(self) -> nn.Module:
        torch.seed()
        return super().encoder()


class Listed(TinyBackbone):
    """A list of weights."""

    def head_state(self) -> Any:
        return []


# trainers


class GoodTrainer(TorchTrainer):
    """Right."""


class Backwards(GoodTrainer):
    """Scores in another order."""

    def predict(self, model: Any, features: Features) -> SpanScores:
        found = super().predict(model, features)
        return replace(found, null=found.null + np.arange(len(found.null), dtype=np.float32))


class Silent(GoodTrainer):
    """No epoch events."""

    def fit(self, *arguments: Any, **named: Any) -> Iterator[TrainEvent]:
        return (event for event in super().fit(*arguments, **named) if event.kind == "step")


class Demanding(GoodTrainer):
    """Cannot do without dev windows."""

    def fit(self, model: Any, train: Features, dev: Features, **named: Any) -> Iterator[TrainEvent]:
        assert len(dev) > 0
        return super().fit(model, train, dev, **named)


class Idle(GoodTrainer):
    """Puts the old weights back."""

    def fit(self, model: Any, *arguments: Any, **named: Any) -> Iterator[TrainEvent]:
        before = {name: value.clone() for name, value in model.state_dict().items()}
        yield from super().fit(model, *arguments, **named)
        model.load_state_dict(before)


class Unseeded(GoodTrainer):
    """Another seed each time."""

    def assemble(self, backbone: Any, head: Any, *, seed: int) -> Any:
        return super().assemble(backbone, head, seed=int(np.random.default_rng().integers(1 << 30)))


class Stubborn(GoodTrainer):
    """The same seed, whatever it is told."""

    def assemble(self, backbone: Any, head: Any, *, seed: int) -> Any:
        return super().assemble(backbone, head, seed=1)

    def fit(self, *arguments: Any, seed: int, **named: Any) -> Iterator[TrainEvent]:
        return super().fit(*arguments, seed=1, **named)


class Forgetful(GoodTrainer):
    """Loads nothing."""

    def load(self, model: Any, folder: Path) -> None: ...


class Restarts(GoodTrainer):
    """Begins anew where it should resume."""

    def fit(self, model: Any, *arguments: Any, resume: Path | None = None, **named: Any) -> Iterator[TrainEvent]:
        return super().fit(model, *arguments, **named)


BROKEN = {
    "tracker": {
        Whole: "follows-any-run",
        Elsewhere: "writes-where-it-may",
        Once: "goes-on-after-a-stop",
        Slow: "is-quick",
        Notes: "leaves-the-run-alone",
    },
    "reporter": {
        Mute: "reports-any-run",
        Curve: "reports-any-run",
        Careless: "writes-where-it-may",
        Rounds: "leaves-the-run-alone",
        Tidies: "leaves-the-run-alone",
        PastConsole: "prints-where-it-may",
        OwnPrint: "prints-where-it-may",
        Dated: "is-deterministic",
    },
    "backbone": {
        WrongNull: "spec-fits-the-tokenizer",
        WrongSize: "states-have-the-right-shape",
        Averages: "padding-has-no-influence",
        Seedless: "is-deterministic",
        Listed: "head-state-is-a-mapping",
    },
    "trainer": {
        Backwards: "predicts-every-window",
        Silent: "yields-events",
        Demanding: "trains-without-dev",
        Idle: "learns",
        Unseeded: "is-deterministic",
        Forgetful: "models-can-be-saved",
        Restarts: "training-can-be-resumed",
        Stubborn: "is-deterministic",
    },
}
OPTIONS = {"backbone": TinyOptions, "trainer": TorchOptions}
GOOD = {"tracker": GoodTracker, "reporter": GoodReporter}
