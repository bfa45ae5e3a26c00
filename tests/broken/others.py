"""Metrics, slicers, datasets, trackers, reporters, backbones and trainers that break one promise each."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from qatk.api import BackboneSpec, Examples, Features, NoOptions, Predictions, RunResult, SpanScores, TrainEvent
from qatk.types import Bool, Float64
from qatk_builtin.squad.metric import SquadMetric
from qatk_builtin.tiny import TinyOptions
from qatk_builtin.tiny.backbone import TinyBackbone
from qatk_builtin.torch_trainer import TorchOptions
from qatk_builtin.torch_trainer.trainer import TorchTrainer


class Plain:
    def __init__(self, options: NoOptions) -> None: ...


# metrics


class GoodMetric(SquadMetric):
    """Right."""

    def __init__(self, options: Any) -> None:
        super().__init__(NoOptions())

    def score(self, examples: Examples, predictions: Predictions) -> Mapping[str, Float64]:
        return {name: self.spoil(v, examples, predictions) for name, v in super().score(examples, predictions).items()}

    def spoil(self, values: Float64, examples: Examples, predictions: Predictions) -> Any:
        return values


class Single(GoodMetric):
    """float32."""

    def spoil(self, values: Float64, examples: Examples, predictions: Predictions) -> Any:
        return values.astype(np.float32)


class Percent(GoodMetric):
    """Per cent."""

    def spoil(self, values: Float64, examples: Examples, predictions: Predictions) -> Any:
        return values * 100


class Sorted(GoodMetric):
    """Sorted values."""

    def spoil(self, values: Float64, examples: Examples, predictions: Predictions) -> Any:
        return np.sort(values)


class Relative(GoodMetric):
    """Relative to the best of the set."""

    def spoil(self, values: Float64, examples: Examples, predictions: Predictions) -> Any:
        return values * values.mean()


class Reversed(GoodMetric):
    """1 for wrong."""

    def spoil(self, values: Float64, examples: Examples, predictions: Predictions) -> Any:
        return 1 - values


class Counting(GoodMetric):
    """Falls with every call."""

    calls = 0

    def spoil(self, values: Float64, examples: Examples, predictions: Predictions) -> Any:
        self.calls += 1
        return values / self.calls


# slicers


class GoodSlicer(Plain):
    """Long and short questions."""

    def masks(self, examples: Examples) -> Mapping[str, Bool]:
        long = np.array([len(q) > 20 for q in examples.question], np.bool_)
        return {name: mask for name, mask in (("long", long), ("short", ~long)) if mask.any()}


class Empty(GoodSlicer):
    """A group for which there is nothing."""

    def masks(self, examples: Examples) -> Any:
        return {**super().masks(examples), "very long": np.zeros(len(examples), np.bool_)}


class Indices(GoodSlicer):
    """Row numbers, not masks."""

    def masks(self, examples: Examples) -> Any:
        return {name: np.flatnonzero(mask) for name, mask in super().masks(examples).items()}


class FirstHalf(GoodSlicer):
    """By row number."""

    def masks(self, examples: Examples) -> Any:
        return {"first half": np.arange(len(examples)) < len(examples) / 2}


class Chance(GoodSlicer):
    """By chance."""

    def masks(self, examples: Examples) -> Any:
        return {str(np.random.default_rng().integers(1 << 40)): np.ones(len(examples), np.bool_)}


# datasets


class GoodDataset(Plain):
    """Two questions of one context."""

    def load(self) -> Examples:
        return Examples(**{**self.columns(), **self.spoil()})

    def columns(self) -> dict[str, Any]:
        return {
            "id": ["a", "b"],
            "question": ["Who?", "When?"],
            "title": ["", ""],
            "context": ["Ada did, in 1843."],
            "context_index": np.zeros(2, np.int32),
            "answer_offsets": np.array([0, 1, 2], np.int64),
            "answer_text": ["Ada", "1843"],
            "answer_start": np.array([0, 12], np.int32),
        }

    def spoil(self) -> dict[str, Any]:
        return {}


class NoExamples(GoodDataset):
    """None."""

    def load(self) -> Examples:
        return super().load().take([])


class SameIds(GoodDataset):
    """Ids twice."""

    def spoil(self) -> dict[str, Any]:
        return {"id": ["a", "a"]}


class NoneTexts(GoodDataset):
    """A question that is None."""

    def spoil(self) -> dict[str, Any]:
        return {"question": ["Who?", None]}


class Misplaced(GoodDataset):
    """Byte offsets, or whatever."""

    def spoil(self) -> dict[str, Any]:
        return {"answer_start": np.array([0, 11], np.int32)}


class Shuffled(GoodDataset):
    """In another order each time."""

    def load(self) -> Examples:
        return replace(super().load(), id=[f"{np.random.default_rng().integers(1 << 40)}", "b"])


class Repeated(GoodDataset):
    """The context once a question."""

    def spoil(self) -> dict[str, Any]:
        return {"context": self.columns()["context"] * 2, "context_index": np.arange(2, dtype=np.int32)}


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


class Forgetful(GoodTrainer):
    """Loads nothing."""

    def load(self, model: Any, folder: Path) -> None: ...


class Restarts(GoodTrainer):
    """Begins anew where it should resume."""

    def fit(self, model: Any, *arguments: Any, resume: Path | None = None, **named: Any) -> Iterator[TrainEvent]:
        return super().fit(model, *arguments, **named)


BROKEN = {
    "metric": {
        Single: "values-have-the-right-form",
        Percent: "values-are-fractions",
        Sorted: "row-order-does-not-matter",
        Relative: "questions-do-not-touch-each-other",
        Reversed: "gold-is-worth-most",
        Counting: "is-deterministic",
    },
    "slicer": {
        Indices: "masks-have-the-right-form",
        Empty: "no-group-is-empty",
        FirstHalf: "row-order-does-not-matter",
        Chance: "is-deterministic",
    },
    "dataset": {
        NoExamples: "gives-examples",
        SameIds: "ids-are-unique",
        NoneTexts: "columns-are-texts",
        Misplaced: "answers-stand-where-they-say",
        Shuffled: "is-deterministic",
        Repeated: "contexts-are-stored-once",
    },
    "tracker": {
        Whole: "follows-any-run",
        Elsewhere: "writes-where-it-may",
        Once: "goes-on-after-a-stop",
        Slow: "is-quick",
    },
    "reporter": {
        Mute: "reports-any-run",
        Curve: "reports-any-run",
        Careless: "writes-where-it-may",
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
        Idle: "learns",
        Unseeded: "is-deterministic",
        Forgetful: "models-can-be-saved",
        Restarts: "training-can-be-resumed",
    },
}
OPTIONS = {"backbone": TinyOptions, "trainer": TorchOptions}
GOOD = {
    "metric": GoodMetric,
    "slicer": GoodSlicer,
    "dataset": GoodDataset,
    "tracker": GoodTracker,
    "reporter": GoodReporter,
}
