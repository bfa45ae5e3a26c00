"""Training stops between any two steps, and what goes on from there is what never stopped, bit for bit."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model_tools import windows
from qatk.api import Features, QatkError, QatkWarning, TrainEvent, TrainingDiverged
from qatk.progress import pausing
from qatk_builtin.backbones.hf import HfBackbone
from qatk_builtin.trainers.pytorch.device import Engine
from qatk_builtin.trainers.pytorch.trainer import TorchTrainer
from trainer_tools import assemble, backbone, same, trainer, weights

LENGTHS = [9, 14, 30, 11, 22, 17, 9, 40, 12, 13]
STEPS, PER_EPOCH = 9, 3  # ten windows in batches of four: the last batch of an epoch has two


class Averaging(TorchTrainer):
    """Evaluates and saves the mean of all weights so far."""

    def on_start(self, model: Any) -> dict[str, Any]:
        self.mean = torch.optim.swa_utils.AveragedModel(model)
        return {"mean": self.mean}

    def on_step(self, model: Any) -> None:
        self.mean.update_parameters(model)

    def weights(self, model: Any) -> Any:
        return self.mean.module.state_dict()


class Drawing(TorchTrainer):
    """Weighs batches by chance as they are made, as on a GPU in another thread."""

    @cached_property
    def reads_late(self) -> bool:
        return True

    def on_start(self, model: Any) -> Any:
        self.drawn = int(torch.randint(1 << 31, ()))
        return super().on_start(model)

    def on_batch(self, batch: Any, rows: Any) -> Any:
        rng = np.random.default_rng([self.drawn, *rows.tolist()])
        return replace(super().on_batch(batch, rows), extra={"weight": torch.tensor(rng.random())})

    def loss(self, model: Any, output: Any, batch: Any) -> Any:
        return super().loss(model, output, batch) * batch.extra["weight"]


OPTIONS: dict[str, Any] = {"epochs": 3.0, "log_every": 1, "warmup": 0.3}
WAYS = {
    "plain": (TorchTrainer, {}),
    "accumulated": (TorchTrainer, {"gradient_accumulation": 2}),
    "averaged": (Averaging, {}),
    "drawing": (Drawing, {}),
}


def made(way: str, **more: Any) -> TorchTrainer:
    kind, options = WAYS[way]
    return kind(trainer(**OPTIONS | options | more).options)


def course(events: list[TrainEvent]) -> list[tuple[Any, ...]]:
    """What events say, but how fast it went."""
    return [(e.kind, e.step, e.total_steps, e.epoch, e.loss, e.learning_rate, dict(e.metrics)) for e in events]


def draw_from_all() -> None:
    """What a tracker may do between two steps of a run, and may not after a resume."""
    random.random()
    np.random.rand()
    torch.rand(2)


@pytest.mark.parametrize("way", WAYS)
def test_training_goes_on_from_after_any_event(way: str, tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    features = windows(LENGTHS, hf.spec())
    engine, model = made(way), assemble(made(way), hf)
    straight: list[TrainEvent] = []
    for event in engine.fit(model, features, features, seed=3):
        (folder := tmp_path / f"state-{len(straight)}").mkdir()
        engine.save(model, folder, state=True)
        straight.append(event)
    assert [event.step for event in straight if event.kind == "step"] == list(range(1, STEPS + 1))
    end = weights(model)
    for number in range(0, len(straight), 1 if way == "plain" else 3):
        second, resumed = made(way), assemble(made(way), HfBackbone(hf.options), seed=77)
        draw_from_all()
        rest = list(second.fit(resumed, features, features, seed=3, resume=tmp_path / f"state-{number}"))
        assert course(rest) == course(straight[number + 1 :]), number
        assert same(weights(resumed), end), number


@pytest.mark.parametrize("step", [0, 2, 5, 8])
def test_a_pause_comes_after_the_step_and_leaves_no_trace(step: int, tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    features = windows(LENGTHS, hf.spec())
    straight_model = assemble(made("plain"), hf)
    straight = list(made("plain").fit(straight_model, features, features, seed=3))
    engine, model = made("plain"), assemble(made("plain"), HfBackbone(hf.options))
    seen: list[TrainEvent] = []
    events = engine.fit(model, features, features, seed=3)
    with pausing(lambda: len([1 for event in seen if event.kind == "step"]) >= step):
        for event in events:
            if event.kind == "pause":
                (tmp_path / "state").mkdir()
                engine.save(model, tmp_path / "state", state=True)
                break
            seen.append(event)
    assert event.step == step + 1
    assert next(events, None) is None
    second, resumed = made("plain"), assemble(made("plain"), HfBackbone(hf.options), seed=77)
    rest = list(second.fit(resumed, features, features, seed=3, resume=tmp_path / "state"))
    assert course(seen + rest) == course(straight)
    assert same(weights(resumed), weights(straight_model))


def test_a_pause_breaks_off_the_evaluation_of_an_epoch(tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    features = windows(LENGTHS, hf.spec())
    straight_model = assemble(made("averaged"), hf)
    straight = list(made("averaged").fit(straight_model, features, features, seed=3))
    engine, model = made("averaged", batch_tokens=40), assemble(made("averaged"), HfBackbone(hf.options))
    raw: dict[str, Any] = {}

    def evaluating() -> bool:
        loop = engine._loop
        return loop is not None and loop.evaluating

    seen: list[TrainEvent] = []
    with pausing(evaluating):
        for event in engine.fit(model, features, features, seed=3):
            if event.kind == "pause":
                raw = weights(model)
                (tmp_path / "state").mkdir()
                engine.save(model, tmp_path / "state", state=True)
            else:
                seen.append(event)
    assert (event.kind, event.step) == ("pause", PER_EPOCH)
    assert not same(raw, dict(engine.weights(model) or {}))  # the optimizer's own weights are in the model again
    second, resumed = made("averaged"), assemble(made("averaged"), HfBackbone(hf.options), seed=77)
    rest = list(second.fit(resumed, features, features, seed=3, resume=tmp_path / "state"))
    assert course(seen + rest) == course(straight)
    assert same(weights(resumed), weights(straight_model))


def test_several_processes_that_read_losses_late_ask_for_a_pause_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = type("Late", (TorchTrainer,), {"reads_late": True})(made("plain", log_every=6).options)
    asked: list[int] = []

    def step() -> int:
        return 0 if engine._loop is None else engine._loop.state.step

    def answer(_: Engine, flag: bool) -> bool:
        asked.append(step())
        return flag

    monkeypatch.setattr(Engine, "several", True)
    monkeypatch.setattr(Engine, "any", answer)
    model = assemble(engine, backbone(tmp_path))
    with pausing(lambda: step() >= 7):
        *_, last = engine.fit(model, windows(LENGTHS * 2, model.spec), None, seed=3)
    assert (last.kind, last.step) == ("pause", 8)
    assert asked == [0, 4, 5, 6, 8]  # before the first step whether memory suffices; the fifth step ends an epoch


class Hungry(TorchTrainer):
    """Has memory for two windows at a time."""

    largest = 0

    def loss(self, model: Any, output: Any, batch: Any) -> Any:
        if len(batch.null_index) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        self.largest = max(self.largest, len(batch.null_index))
        return super().loss(model, output, batch)


@pytest.mark.parametrize("late", [False, True])
def test_parts_are_halved_where_memory_is_too_small(late: bool, tmp_path: Path) -> None:
    hf = backbone(tmp_path, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    features = windows(LENGTHS, hf.spec())
    plain, model = made("plain"), assemble(made("plain"), hf)
    straight = list(plain.fit(model, features, features, seed=3))
    engine = type("Late", (Hungry,), {"reads_late": late})(plain.options)
    small = assemble(plain, HfBackbone(hf.options))
    with pytest.warns(QatkWarning, match="in parts of 2, batch_size stays 4") as said:
        events = list(engine.fit(small, features, features, seed=3))
    assert len(said) == 1
    assert engine.largest == 2
    assert engine.describe(small)["parts_of_a_batch"] == 2
    assert "parts_of_a_batch" not in plain.describe(model)
    assert [e.loss for e in events] == pytest.approx([e.loss for e in straight], rel=1e-4)


def test_memory_that_is_too_small_for_one_window_is_told(tmp_path: Path) -> None:
    class Starving(TorchTrainer):
        def loss(self, model: Any, output: Any, batch: Any) -> Any:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    hf = backbone(tmp_path)
    features = windows(LENGTHS, hf.spec())
    engine = Starving(trainer(**OPTIONS).options)
    with pytest.warns(QatkWarning, match="memory"), pytest.raises(QatkError, match="for one window of step 1"):
        list(engine.fit(assemble(engine, hf), features, None, seed=3))


class Poisoned(TorchTrainer):
    """The loss of each batch that has the longest window is NaN."""

    def loss(self, model: Any, output: Any, batch: Any) -> Any:
        found = super().loss(model, output, batch)
        return found * float("nan") if int(batch.token_mask.sum(1).max()) == max(LENGTHS) else found


class Hopeless(TorchTrainer):
    """The loss of every batch is NaN."""

    def loss(self, model: Any, output: Any, batch: Any) -> Any:
        return super().loss(model, output, batch) * float("nan")


def test_a_batch_that_is_not_sound_is_named_or_skipped(tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    features: Features = windows(LENGTHS, hf.spec())
    stops = Poisoned(trainer(**OPTIONS).options)
    with pytest.raises(TrainingDiverged) as raised:
        list(stops.fit(assemble(stops, hf), features, None, seed=3))
    assert LENGTHS.index(max(LENGTHS)) in raised.value.windows
    assert len(raised.value.windows) <= 4
    goes_on = Poisoned(replace_option(stops, skip_bad_batches=True))
    model = assemble(goes_on, HfBackbone(hf.options))
    with pytest.warns(QatkWarning, match="the loss became nan at step .*: its batch is skipped") as said:
        events = list(goes_on.fit(model, features, None, seed=3))
    assert len(said) == 3  # once an epoch
    assert events[-1].step == STEPS
    assert all(bool(torch.isfinite(value).all()) for value in weights(model).values())
    assert [event for event in events if np.isnan(event.loss)] == []
    hopeless = Hopeless(replace_option(goes_on, epochs=5.0))
    with (
        pytest.warns(QatkWarning, match="is skipped") as said,
        pytest.raises(TrainingDiverged, match=r"at step 10; .*\n.*10 batches in a row were not sound"),
    ):
        list(hopeless.fit(assemble(hopeless, HfBackbone(hf.options)), features, None, seed=3))
    assert len(said) == 9


def replace_option(engine: TorchTrainer, **options: Any) -> Any:
    return engine.options.model_copy(update=options)
