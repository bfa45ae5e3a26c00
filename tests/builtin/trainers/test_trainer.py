from __future__ import annotations

import gc
import weakref
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model_tools import FORMS, windows
from qatk.api import ModelError, TrainingDiverged, UsageError
from qatk_builtin.backbones.hf import HfBackbone
from qatk_builtin.heads import LinearOptions
from qatk_builtin.heads.linear import LinearHead
from qatk_builtin.trainers.pytorch import device
from qatk_builtin.trainers.pytorch.device import choose_precision
from qatk_builtin.trainers.pytorch.optimizer import parameter_groups, rate_factor
from qatk_builtin.trainers.pytorch.state import TrainingState
from qatk_builtin.trainers.pytorch.step import Step
from trainer_tools import LENGTHS, assemble, backbone, same, train, trainer, weights


@pytest.mark.parametrize("form", FORMS)
def test_it_learns_eight_windows_by_heart(form: str, tmp_path: Path) -> None:
    hf = backbone(tmp_path, form)
    features = windows(LENGTHS, hf.spec())
    engine = trainer(epochs=40.0, weight_decay=0.0)
    events = train(engine, assemble(engine, hf), features, dev=features)
    assert events[-1].metrics["both_accuracy"] == 1.0
    assert events[-1].metrics["dev_loss"] < 0.1 < events[0].loss


def test_events_tell_the_course_of_training(tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    features = windows([12] * 10, hf.spec())
    engine = trainer(epochs=1.5, log_every=2, warmup=0.5)
    events = train(engine, assemble(engine, hf), features, dev=features)
    assert [(e.kind, e.step, e.epoch) for e in events] == [
        ("step", 2, 2 / 3),
        ("epoch", 3, 1.0),
        ("step", 4, 4 / 3),
        ("epoch", 5, 5 / 3),
    ]
    assert {e.total_steps for e in events} == {5}
    assert [e.learning_rate for e in events] == pytest.approx([2 / 3 * 1e-2, 1e-2, 2 / 3 * 1e-2, 1 / 3 * 1e-2])
    assert all(e.examples_per_second > 0 and e.loss > 0 for e in events)
    for event in events:
        assert (event.scores is not None) == (event.kind == "epoch") == bool(event.metrics)


def test_nothing_is_kept_after_training_and_no_garbage_sought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hf, engine = backbone(tmp_path), trainer(average_decay=0.9)
    made: list[weakref.ref[Any]] = []
    plain = engine.optimizer

    def watched(model: Any) -> Any:
        made.extend((weakref.ref(engine._average), weakref.ref(optimizer := plain(model))))
        return optimizer

    monkeypatch.setattr(engine, "optimizer", watched)
    monkeypatch.setattr(gc, "collect", lambda *_: pytest.fail("it goes through all that the process holds, for 0.2 s"))
    train(engine, model := assemble(engine, hf), windows(LENGTHS, hf.spec()))
    made.append(weakref.ref(model))
    del model
    assert [each() for each in made] == [None, None, None]


def test_max_steps_ends_training(tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    engine = trainer(epochs=50.0, max_steps=3)
    events = train(engine, assemble(engine, hf), windows(LENGTHS, hf.spec()))
    assert [(e.kind, e.step) for e in events] == [("epoch", 2), ("epoch", 3)]


@given(st.integers(1, 200), st.floats(0, 1))
def test_the_learning_rate_rises_then_falls_and_is_never_zero(total: int, share: float) -> None:
    warmup = round(share * total)
    rates = [rate_factor(step, warmup, total) for step in range(total)]
    assert all(0 < rate <= 1 for rate in rates)
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)


def test_biases_and_norms_have_no_weight_decay(tmp_path: Path) -> None:
    engine = trainer()
    model = assemble(engine, backbone(tmp_path))
    decayed, bare = parameter_groups(model, 0.1)
    assert (decayed["weight_decay"], bare["weight_decay"]) == (0.1, 0.0)
    names = {id(p): name for name, p in model.named_parameters()}
    free = {names[id(p)] for p in bare["params"]}
    assert free == {name for name in names.values() if name.endswith("bias") or "LayerNorm" in name}
    assert len(decayed["params"]) + len(bare["params"]) == len(names)


def test_accumulated_parts_make_the_same_gradients(tmp_path: Path) -> None:
    hf = backbone(tmp_path, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    features = windows(LENGTHS, hf.spec())
    found = []
    for parts in (1, 3):
        engine = trainer(gradient_accumulation=parts)
        model = assemble(engine, HfBackbone(hf.options))
        state = TrainingState(model, engine.optimizer(model), engine.engine.scaler(), {})
        step = Step(engine, engine.engine, state, late=False)
        batches, splits = step.parts(features, np.arange(8))
        assert splits == 1
        assert len(batches) == parts
        loss = step.gradients(batches)
        found.append((loss, {name: p.grad for name, p in model.named_parameters()}))
    assert float(found[0][0]) == pytest.approx(float(found[1][0]), rel=1e-5)
    for name, gradient in found[0][1].items():
        torch.testing.assert_close(gradient, found[1][1][name], atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_same_seed_gives_the_same_weights(precision: str, tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    features = windows(LENGTHS, hf.spec())
    runs = []
    for seed in (1, 1, 2):
        engine = trainer(precision=precision)
        model = assemble(engine, HfBackbone(hf.options), seed=seed)
        list(engine.fit(model, features, None, seed=seed))
        runs.append(weights(model))
    assert same(runs[0], runs[1])
    assert not same(runs[0], runs[2])


def test_training_that_resumes_equals_training_that_never_stopped(tmp_path: Path) -> None:
    hf = backbone(tmp_path / "base")
    features = windows([*LENGTHS, 12, 13], hf.spec())
    straight_engine = trainer(epochs=2.0)
    straight = assemble(straight_engine, HfBackbone(hf.options))
    whole = train(straight_engine, straight, features, dev=features)

    first = trainer(epochs=2.0)
    model = assemble(first, HfBackbone(hf.options))
    state = tmp_path / "state"
    state.mkdir()
    for event in first.fit(model, features, features, seed=3):
        if event.kind == "epoch":
            first.save(model, state, state=True)
            break
    torch.rand(5)  # whatever else draws in between must not matter

    second = trainer(epochs=2.0)
    resumed = assemble(second, HfBackbone(hf.options), seed=77)
    rest = train(second, resumed, features, dev=features, resume=state)
    assert [(e.step, e.loss) for e in rest] == [(e.step, e.loss) for e in whole if e.step > event.step]
    assert same(weights(resumed), weights(straight))


def test_a_folder_without_a_state_cannot_be_resumed(tmp_path: Path) -> None:
    hf = backbone(tmp_path / "base")
    engine = trainer()
    model = assemble(engine, hf)
    (tmp_path / "model").mkdir()
    engine.save(model, tmp_path / "model", state=False)
    with pytest.raises(ModelError, match="to resume from"):
        train(engine, model, windows(LENGTHS, hf.spec()), resume=tmp_path / "model")
    with pytest.raises(RuntimeError, match="right after an event of fit"):
        engine.save(model, tmp_path / "model", state=True)


class _Poisoned(LinearHead):
    """Gives a loss of NaN at one call."""

    def build(self, spec: Any) -> Any:
        module = super().build(spec)
        plain, calls = module.loss, []

        def loss(output: Any, batch: Any) -> torch.Tensor:
            calls.append(1)
            return plain(output, batch) * (float("nan") if len(calls) == 4 else 1.0)

        module.loss = loss  # type: ignore[method-assign]
        return module


def test_a_loss_of_nan_stops_before_its_step(tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    engine = trainer(epochs=5.0, log_every=1)
    model = engine.assemble(hf, _Poisoned(LinearOptions()), seed=1)
    kept: dict[str, torch.Tensor] = {}
    events = engine.fit(model, windows(LENGTHS, hf.spec()), None, seed=3)
    assert [(event.kind, event.step, kept.update(weights(model))) for event in islice(events, 4)][-1][1] == 3
    with pytest.raises(TrainingDiverged, match="the loss became nan at step 4") as caught:
        next(events)
    assert caught.value.step == 4
    assert same(weights(model), kept)
    assert all(value.isfinite().all() for value in kept.values())


def test_gradients_that_are_not_finite_stop_before_their_step(tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    engine = trainer()
    model = assemble(engine, hf)
    model.head.layer.weight.register_hook(lambda gradient: gradient * torch.inf)
    before = weights(model)
    with pytest.raises(TrainingDiverged, match=r"norm of the gradients became (inf|nan) at step 1"):
        train(engine, model, windows(LENGTHS, hf.spec()))
    assert same(weights(model), before)


def test_no_windows_no_events(tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    engine = trainer()
    none = windows(LENGTHS, hf.spec()).take(np.zeros(0, np.int64))
    assert train(engine, assemble(engine, hf), none) == []


def test_a_device_that_is_not_there_is_the_users_mistake() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(UsageError, match="device: cuda: no CUDA device on this machine"):
        _ = trainer(device="cuda").engine


@pytest.mark.parametrize(
    ("has_amx", "has_avx512", "maker", "expected"),
    [
        (True, True, "GenuineIntel", "bf16"),
        (False, True, "GenuineIntel", "fp32"),  # the instruction runs at half the rate of float32
        (False, True, "AuthenticAMD", "bf16"),
        (False, False, "AuthenticAMD", "fp32"),
    ],
)
def test_precision_is_chosen_by_the_hardware(
    monkeypatch: pytest.MonkeyPatch, has_amx: bool, has_avx512: bool, maker: str, expected: str
) -> None:
    assert choose_precision("fp32", "cpu") == "fp32"
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: has_amx)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_avx512)
    monkeypatch.setattr(device, "_vendor", lambda: maker)
    assert choose_precision("auto", "cpu") == expected


def test_trainers_of_different_precision_live_side_by_side(tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    features = windows(LENGTHS, hf.spec())
    full, half = trainer(), trainer(precision="bf16")
    model = assemble(full, hf)
    before = full.predict(model, features).start
    lower = half.predict(model, features).start
    assert before is not None
    assert lower is not None
    assert not np.array_equal(before, lower)
    np.testing.assert_array_equal(before, full.predict(model, features).start)
    scored = before > -np.inf
    np.testing.assert_allclose(before[scored], lower[scored], atol=0.05)


def test_the_manifest_learns_device_and_precision(tmp_path: Path) -> None:
    engine = trainer(precision="bf16")
    model = assemble(engine, backbone(tmp_path))
    described = engine.describe(model)
    assert described["device"] == "cpu"
    assert described["precision"] == "bf16"
    assert described["parameters"] == sum(p.numel() for p in model.parameters())
