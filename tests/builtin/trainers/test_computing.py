"""Options that change how an encoder computes, and not what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from model_tools import windows
from qatk.api import UsageError
from qatk_builtin.backbones.hf import HfBackbone
from qatk_builtin.trainers import TorchOptions
from qatk_builtin.trainers.pytorch.computing import set_computing
from trainer_tools import LENGTHS, assemble, backbone, same, train, trainer, weights

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # of torch's own compiler


def test_recomputed_activations_give_the_same_weights(tmp_path: Path) -> None:
    hf = backbone(tmp_path, hidden_dropout_prob=0.3)  # dropout has to be the same when it is drawn again
    features = windows(LENGTHS, hf.spec())
    found, calls = [], []
    for recompute in (False, True):
        engine = trainer(gradient_checkpointing=recompute, epochs=2.0)
        model = assemble(engine, HfBackbone(hf.options))
        passes: list[bool] = []
        model.encoder.get_submodule("encoder.layer.0.attention").register_forward_pre_hook(
            lambda *_, passes=passes: passes.append(True)
        )
        train(engine, model, features)
        found.append(weights(model))
        calls.append(len(passes))
    assert same(*found)
    assert calls == [4, 8]


def test_a_compiled_encoder_keeps_its_names_and_its_results(tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    features = windows(LENGTHS, hf.spec())
    found = []
    with torch.compiler.set_stance("force_eager"):  # the compiler itself takes longer than all other tests here
        for wanted in (False, True):
            engine = trainer(compile=wanted)
            model = assemble(engine, HfBackbone(hf.options))
            assert (model.encoder._compiled_call_impl is not None) == wanted
            train(engine, model, features)
            found.append(weights(model))
            assert engine.module(model).encoder._compiled_call_impl is None  # type: ignore[union-attr]
    assert same(*found)


@pytest.mark.parametrize("name", ["FSDP", "DeepSpeed", "Megatron_LM"])
def test_what_accelerate_would_ignore_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"ACCELERATE_USE_{name.upper()}", "true")
    with pytest.raises(UsageError, match=f"accelerate's configuration asks for {name}; the torch trainer gives each"):
        _ = trainer().engine


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"gradient_checkpointing": True}, "Linear cannot recompute its activations"),
        ({"compile": True}, "torch.compile needs a C\\+\\+ compiler, and there is no gone"),
    ],
)
def test_what_cannot_be_done_is_refused(options: Any, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "gone")
    with pytest.raises(UsageError, match=said):
        set_computing(nn.Linear(2, 2), TorchOptions(**options), "cpu")
