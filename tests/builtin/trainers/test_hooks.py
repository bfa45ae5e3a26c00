"""What a subclass of the torch trainer overrides: called when it is said, with effect, and resumed bit for bit."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import qatk_builtin.trainers.pytorch
from model_tools import windows
from qatk.api import ModelError, QatkError, SpanLogits, TrainingDiverged
from qatk_builtin.backbones.hf import HfBackbone
from qatk_builtin.heads.linear import LinearSpans
from qatk_builtin.trainers import TorchOptions
from qatk_builtin.trainers.pytorch.checkpoint import TRAINING
from qatk_builtin.trainers.pytorch.hooks import TrainingHooks
from qatk_builtin.trainers.pytorch.model import QAModel
from qatk_builtin.trainers.pytorch.optimizer import Schedule
from qatk_builtin.trainers.pytorch.trainer import TorchTrainer
from repository import ROOT
from trainer_tools import LENGTHS, assemble, backbone, same, train, weights

PLAIN = {"device": "cpu", "precision": "fp32", "learning_rate": 1e-2, "batch_size": 4, "epochs": 2.0}


def made(cls: type[TorchTrainer], **options: Any) -> Any:
    return cls(TorchOptions(**PLAIN | options))


class Noting(TorchTrainer):
    """Notes every call of a hook; the weights after each step too."""

    def __init__(self, options: TorchOptions) -> None:
        super().__init__(options)
        self.calls: list[str] = []
        self.steps: list[dict[str, Tensor]] = []

    def optimizer(self, model: QAModel) -> torch.optim.Optimizer:
        self.calls.append("optimizer")
        return super().optimizer(model)

    def loss(self, model: QAModel, output: Any, batch: Any) -> Tensor:
        assert isinstance(output, SpanLogits)
        assert torch.is_grad_enabled()
        self.calls.append(f"loss {len(batch.null_index)}")
        return super().loss(model, output, batch)

    def on_start(self, model: QAModel) -> Any:
        self.calls.append("on_start")
        self.begun_with = weights(model)
        return super().on_start(model)

    def on_step(self, model: QAModel) -> None:
        assert not torch.is_grad_enabled()
        self.calls.append("on_step")
        self.steps.append(weights(model))

    def weights(self, model: QAModel) -> Any:
        self.calls.append("weights")
        return super().weights(model)


def test_hooks_are_called_in_their_turn_and_change_nothing(tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    features = windows(LENGTHS, hf.spec())
    found = []
    for cls in (TorchTrainer, Noting):
        engine = made(cls)
        model = assemble(engine, HfBackbone(hf.options))
        before = weights(model)
        found.append(([event.loss for event in train(engine, model, features, dev=features)], weights(model)))
    assert found[0][0] == found[1][0]
    assert same(found[0][1], found[1][1])
    assert engine.calls == ["on_start", "optimizer", *["loss 4", "on_step", "loss 4", "on_step", "weights"] * 2]
    assert same(engine.begun_with, before)


class Slow(TorchTrainer):
    """Plain gradient descent: the encoder at a rate of its own."""

    def optimizer(self, model: QAModel) -> torch.optim.Optimizer:
        encoder = [p for p in model.encoder.parameters() if p.requires_grad]
        groups = [{"params": encoder, "lr": 1e-6}, {"params": model.head.parameters()}]
        return torch.optim.SGD(groups, lr=1e-2)


class Doubled(TorchTrainer):
    def loss(self, model: QAModel, output: Any, batch: Any) -> Tensor:
        return 2 * super().loss(model, output, batch)


def test_another_loss_is_the_one_that_is_minimised(tmp_path: Path) -> None:
    hf = backbone(tmp_path, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    features = windows(LENGTHS, hf.spec())
    losses, moved = [], []
    for cls in (TorchTrainer, Doubled):
        engine = made(type("Descent", (Slow, cls), {}), max_steps=1, warmup=0.0, max_grad_norm=1e9)
        model = assemble(engine, HfBackbone(hf.options))
        before = model.head.layer.weight.detach().clone()
        losses.append(train(engine, model, features)[0].loss)
        moved.append(model.head.layer.weight.detach() - before)
    assert losses[1] == pytest.approx(2 * losses[0])
    torch.testing.assert_close(moved[1], 2 * moved[0], rtol=1e-3, atol=1e-7)


def test_each_group_follows_the_schedule_from_its_own_rate() -> None:
    weight = [torch.nn.Parameter(torch.ones(1)) for _ in range(2)]
    optimizer = torch.optim.SGD([{"params": weight[:1], "lr": 0.5}, {"params": weight[1:], "lr": 2.0}])
    schedule = Schedule(optimizer, warmup=1, total=5)
    assert [schedule.set(step) for step in range(5)] == [1.0, 2.0, 1.5, 1.0, 0.5]
    assert [group["lr"] for group in optimizer.param_groups] == [0.125, 0.5]


def test_another_optimizer_is_the_one_that_steps(tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    engine = made(Slow)
    model = assemble(engine, hf)
    before = weights(model)
    events = train(engine, model, windows(LENGTHS, hf.spec()))
    moved = {name: float((value - before[name]).abs().max()) for name, value in weights(model).items()}
    encoder = max(value for name, value in moved.items() if name.startswith("encoder"))
    head = max(value for name, value in moved.items() if name.startswith("head"))
    assert 0 < 100 * encoder < head
    assert events[-1].learning_rate == pytest.approx(1e-2 * 1 / 4)


class Clamped(TorchTrainer):
    def on_step(self, model: QAModel) -> None:
        for parameter in model.parameters():
            parameter.clamp_(-0.01, 0.01)


def test_what_happens_after_a_step_lasts(tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    engine = made(Clamped)
    model = assemble(engine, hf)
    train(engine, model, windows(LENGTHS, hf.spec()))
    assert max(float(p.detach().abs().max()) for p in model.parameters()) <= 0.01 + 1e-9


class Averaged(Noting):
    """The mean of the weights, and a number that outlives interruptions beside it."""

    def on_start(self, model: QAModel) -> Any:
        super().on_start(model)
        self.average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.7))
        self.counter = Counter()
        return {"average": self.average, "counter": self.counter}

    def on_step(self, model: QAModel) -> None:
        super().on_step(model)
        self.average.update_parameters(model)
        self.counter.value += 1

    def weights(self, model: QAModel) -> Any:
        return self.average.module.state_dict()


class Counter:
    value = 0

    def state_dict(self) -> dict[str, int]:
        return {"value": self.value}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.value = state["value"]


def test_other_weights_are_scored_and_saved_while_training_goes_on_from_its_own(tmp_path: Path) -> None:
    hf = backbone(tmp_path / "base")
    features = windows(LENGTHS, hf.spec())
    plain, engine = made(Noting), made(Averaged, log_every=1)
    train(plain, assemble(plain, HfBackbone(hf.options)), features, dev=features)
    model = assemble(engine, HfBackbone(hf.options))
    epochs = 0
    for event in engine.fit(model, features, features, seed=3):
        raw = engine.steps[-1]
        assert same(weights(model), raw) == (event.kind == "step")
        if event.kind == "epoch":
            epochs += 1
            assert same(weights(model), engine.average.module.state_dict())
            folder = tmp_path / f"epoch-{epochs}"
            folder.mkdir()
            engine.save(model, folder, state=True)
            fresh = assemble(engine, HfBackbone(hf.options), seed=9)
            engine.load(fresh, folder)
            assert same(weights(fresh), weights(model))
            assert same(torch.load(folder / TRAINING, weights_only=True)["raw"], raw)
            assert event.scores is not None
            np.testing.assert_array_equal(engine.predict(fresh, features).start, event.scores.start)
    assert epochs == 2
    assert len(engine.steps) == len(plain.steps) == 4
    assert all(same(mine, theirs) for mine, theirs in zip(engine.steps, plain.steps, strict=True))
    assert same(weights(model), engine.average.module.state_dict()), "the weights that were evaluated stay"


def test_averaged_training_that_resumes_equals_training_that_never_stopped(tmp_path: Path) -> None:
    hf = backbone(tmp_path / "base")
    features = windows([*LENGTHS, 12, 13], hf.spec())
    straight_engine = made(Averaged)
    straight = assemble(straight_engine, HfBackbone(hf.options))
    whole = train(straight_engine, straight, features, dev=features)
    first, second = made(Averaged), made(Averaged)
    model = assemble(first, HfBackbone(hf.options))
    (tmp_path / "state").mkdir()
    for event in first.fit(model, features, features, seed=3):
        if event.kind == "epoch":
            first.save(model, tmp_path / "state", state=True)
            break
    resumed = assemble(second, HfBackbone(hf.options), seed=77)
    rest = train(second, resumed, features, dev=features, resume=tmp_path / "state")
    assert same(second.begun_with, first.steps[-1])
    assert second.counter.value == straight_engine.counter.value == 6
    assert [(e.step, e.loss, e.metrics) for e in rest] == [(e.step, e.loss, e.metrics) for e in whole if e.step > 3]
    assert same(weights(resumed), weights(straight))
    assert same(second.steps[-1], straight_engine.steps[-1])


@pytest.fixture
def stopped(tmp_path: Path) -> tuple[HfBackbone, Path]:
    """A backbone, and the folder of a plain training that stopped after an epoch."""
    hf = backbone(tmp_path / "base")
    engine = made(TorchTrainer)
    model = assemble(engine, HfBackbone(hf.options))
    (tmp_path / "state").mkdir()
    next(iter(engine.fit(model, windows(LENGTHS, hf.spec()), None, seed=3)))
    engine.save(model, tmp_path / "state", state=True)
    return hf, tmp_path / "state"


def resume_by(cls: type[TorchTrainer], stopped: tuple[HfBackbone, Path]) -> QatkError:
    engine = made(cls)
    model = assemble(engine, HfBackbone(stopped[0].options))
    with pytest.raises(ModelError) as caught:
        train(engine, model, windows(LENGTHS, stopped[0].spec()), resume=stopped[1])
    assert caught.value.where == str(stopped[1])
    return caught.value


def test_the_state_of_another_trainer_is_refused(stopped: tuple[HfBackbone, Path]) -> None:
    error = resume_by(Averaged, stopped)
    assert "keeps nothing beside the optimizer, but the hook on_start gives average, counter" in str(error)
    assert "is of another training" in str(resume_by(OneGroup, stopped))


class OneGroup(TorchTrainer):
    def optimizer(self, model: QAModel) -> torch.optim.Optimizer:
        return torch.optim.AdamW(model.parameters(), lr=1e-3)


def test_there_is_no_state_to_save_once_training_has_gone_on(tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    engine = made(TorchTrainer, log_every=1)
    model = assemble(engine, hf)
    events = engine.fit(model, windows(LENGTHS, hf.spec()), None, seed=3)
    assert len(list(events)) > 1
    with pytest.raises(RuntimeError, match="right after an event"):
        engine.save(model, tmp_path, state=True)


def test_losses_are_read_at_once_where_the_optimizer_cannot_hold_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An optimizer that is not fused would step on a loss of NaN that nobody has read yet."""
    hf = backbone(tmp_path)
    plain, calls = LinearSpans.loss, []

    def loss(self: Any, output: Any, batch: Any) -> Tensor:
        calls.append(1)
        return plain(self, output, batch) * (float("nan") if len(calls) == 3 else 1.0)

    monkeypatch.setattr(LinearSpans, "loss", loss)
    engine = made(type("Late", (Noting, OneGroup), {"reads_late": True}), log_every=100)
    model = assemble(engine, hf)
    with pytest.raises(TrainingDiverged, match="at step 3"):
        train(engine, model, windows(LENGTHS, hf.spec()))
    assert len(calls) == 3
    assert same(weights(model), engine.steps[1])


def test_the_promise_and_the_page_name_every_hook() -> None:
    hooks = {name: value for name, value in vars(TrainingHooks).items() if inspect.isfunction(value) and name[0] != "_"}
    promised = inspect.getdoc(qatk_builtin.trainers.pytorch)
    assert promised is not None
    sentence = re.search(r"- the hooks (.*?) of\s", promised, re.DOTALL)
    assert sentence is not None
    assert re.findall(r"``(\w+)``", sentence[1]) == sorted(hooks, key=list(hooks).index)
    page = (ROOT / "docs" / "how-to" / "customise-training.md").read_text("utf-8")
    for name, hook in hooks.items():
        arguments = ", ".join(list(inspect.signature(hook).parameters)[1:])
        assert f"| `{name}({arguments})` |" in page
