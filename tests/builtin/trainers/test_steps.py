"""What a step of training must not leave out; each was once planted as a fault that no test caught."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from model_tools import windows
from qatk.api import ModelError
from qatk_builtin.backbones.hf import HfBackbone
from qatk_builtin.trainers.pytorch.checkpoint import TRAINING
from trainer_tools import LENGTHS, assemble, backbone, same, train, trainer, weights


@contextmanager
def gradient_norms() -> Iterator[list[float]]:
    """The norm of all gradients as each optimizer step finds them."""
    found: list[float] = []

    def note(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        grads = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        found.append(float(torch.stack([g.norm() for g in grads]).norm()))

    handle = register_optimizer_step_pre_hook(note)
    try:
        yield found
    finally:
        handle.remove()


def test_dropout_is_on_in_every_epoch_of_training_and_off_in_prediction(tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    features = windows(LENGTHS, hf.spec())
    engine = trainer(epochs=2.0)
    model = assemble(engine, hf)
    modes: list[tuple[bool, bool]] = []
    model.encoder.register_forward_pre_hook(lambda module, _: modes.append((module.training, torch.is_grad_enabled())))
    train(engine, model, features, dev=features)  # after each epoch the model predicts
    assert {training for training, learns in modes if learns} == {True}
    assert {training for training, learns in modes if not learns} == {False}
    assert sum(learns for _, learns in modes) == 4


def test_gradients_are_clipped_to_the_norm_that_is_asked_for(tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    features = windows(LENGTHS, hf.spec())
    for limit in (1e-3, 1e6):
        engine = trainer(epochs=2.0, max_grad_norm=limit)
        with gradient_norms() as norms:
            train(engine, assemble(engine, HfBackbone(hf.options)), features)
        assert len(norms) == 4
        if limit < 1:
            assert norms == pytest.approx([limit] * 4, rel=1e-2)
        else:
            assert min(norms) > 1e-2


def test_weight_decay_reaches_the_optimizer(tmp_path: Path) -> None:
    hf = backbone(tmp_path, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    features = windows(LENGTHS, hf.spec())
    found = []
    for decay in (0.0, 0.5):
        engine = trainer(max_steps=1, weight_decay=decay, warmup=0.0)
        model = assemble(engine, HfBackbone(hf.options))
        before = weights(model)
        train(engine, model, features)
        found.append(weights(model))
    name = "encoder.encoder.layer.0.output.dense.weight"
    # One step of AdamW from the same gradients: decay takes learning rate times decay off each weight.
    torch.testing.assert_close(found[0][name] - found[1][name], before[name] * 1e-2 * 0.5, atol=1e-7, rtol=1e-4)
    norm = "encoder.encoder.layer.0.output.LayerNorm.weight"
    assert torch.equal(found[0][norm], found[1][norm])


def refused(folder: Path, message: str, write: Callable[[Path], object]) -> tuple[Any, Any]:
    """A model whose state of training, beside saved weights, is what ``write`` wrote; and its weights before."""
    hf, engine, state = backbone(folder / "base"), trainer(), folder / "state"
    model = assemble(engine, hf)
    before = weights(model)
    state.mkdir()
    engine.save(model, state, state=False)
    write(state / TRAINING)
    with pytest.raises(ModelError, match=message):
        train(engine, model, windows(LENGTHS, hf.spec()), resume=state)
    return model, before


def test_an_optimizer_state_that_is_a_program_is_not_run(tmp_path: Path) -> None:
    program = {"optimizer": _Program(str(tmp_path / "hacked")), "scaler": {}, "step": 1}
    message = "the state of training cannot be read: Weights only load failed"
    model, before = refused(tmp_path, message, lambda file: torch.save(program, file))
    assert not (tmp_path / "hacked").exists()
    assert same(weights(model), before)


@pytest.mark.parametrize("content", [b"", b"junk", b"PK\x03\x04 cut"])
def test_a_damaged_state_is_one_message(content: bytes, tmp_path: Path) -> None:
    refused(tmp_path, "the state of training cannot be read", lambda file: file.write_bytes(content))


FOREIGN: list[tuple[Any, str]] = [
    ([1, 2], "something else"),
    (torch.zeros(3), "something else"),
    ({"state_dict": {}}, "something else"),
    ({"optimizer": {}, "scaler": {}, "step": "1"}, "something else"),
    ({"optimizer": {}, "scaler": {}, "step": 1}, "of another training"),
    ({"optimizer": [], "scaler": {}, "step": 1}, "of another training"),
    ({"optimizer": {"state": {}, "param_groups": [{"params": [0]}]}, "scaler": {}, "step": 1}, "of another training"),
    ({"optimizer": {}, "scaler": {}, "step": 1, "objects": [1]}, "of another training"),
    ({"optimizer": {}, "scaler": {}, "step": 1, "raw": {"a": torch.zeros(1)}}, "of another model"),
    ({"optimizer": {}, "scaler": {}, "step": 1, "raw": 3}, "of another model"),
]


@pytest.mark.parametrize(("content", "said"), FOREIGN)
def test_the_state_of_something_else_is_one_message(content: Any, said: str, tmp_path: Path) -> None:
    refused(tmp_path, said, lambda file: torch.save(content, file))


class _Program:
    """Unpickling this writes a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (Path(self.path), "hacked")
