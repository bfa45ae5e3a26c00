"""Options that change how an encoder computes, and not what."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate.utils import FullyShardedDataParallelPlugin as Settings
from torch import nn

from model_tools import windows
from qatk.api import UsageError
from qatk_builtin.backbones.hf import HfBackbone
from qatk_builtin.trainers import TorchOptions
from qatk_builtin.trainers.pytorch import device
from qatk_builtin.trainers.pytorch.computing import check_compiler, set_recomputing
from qatk_builtin.trainers.pytorch.sharding import units
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
    hf = backbone(tmp_path, hidden_dropout_prob=0.0)  # compiled dropout draws otherwise
    features = windows(LENGTHS, hf.spec())
    found = []
    with torch.compiler.set_stance("force_eager"):  # the compiler itself takes longer than all other tests here
        for wanted in (False, True):
            engine = trainer(compile=wanted)
            model = assemble(engine, HfBackbone(hf.options))
            assert model.encoder._compiled_call_impl is None  # a model that only answers is not
            train(engine, model, features)
            assert (model.encoder._compiled_call_impl is not None) == wanted
            found.append(weights(model))
            assert engine.module(model).encoder._compiled_call_impl is None  # type: ignore[union-attr]
    assert same(*found)


FSDP2 = {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2"}


@pytest.mark.parametrize(
    ("environ", "options", "said"),
    [
        ({"ACCELERATE_USE_DEEPSPEED": "true"}, {}, "asks for DeepSpeed, .*\n.* FSDP with fsdp_version: 2"),
        ({"ACCELERATE_USE_MEGATRON_LM": "true"}, {}, "asks for Megatron_LM, .*\n.* FSDP with fsdp_version: 2"),
        ({"ACCELERATE_USE_FSDP": "true"}, {}, "asks for FSDP of version 1.*\n.* fsdp_version: 2"),
        ({**FSDP2, "FSDP_IGNORED_MODULES": "encoder.pooler"}, {}, "FSDP_IGNORED_MODULES: .* does not do this part"),
        ({**FSDP2, "FSDP_AUTO_WRAP_POLICY": "by hand"}, {}, "accelerate refuses its configuration: Invalid auto wrap"),
        (FSDP2, {"lora_rank": 2}, "lora_rank leaves no gradients"),
        ({}, {"lora_rank": 2, "sharding": "fsdp2"}, "trainer.sharding: lora_rank leaves no gradients"),
    ],
)
def test_what_of_accelerate_is_not_done_is_refused(
    environ: dict[str, str], options: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError) as refused:
        trainer(**options)
    assert re.search(said, str(refused.value))


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({}, ["Embedding", "BertLayer", "BertLayer"]),
        ({"auto_wrap_policy": "transformer_based_wrap", "transformer_cls_names_to_wrap": ["BertAttention"]}, 2),
        ({"auto_wrap_policy": "size_based_wrap", "min_num_params": 4000}, ["Embedding", "BertEncoder", "BertModel"]),
    ],
)
def test_weights_come_together_by_layers(asked: dict[str, Any], names: list[str] | int, tmp_path: Path) -> None:
    encoder = backbone(tmp_path).encoder()
    found = [type(unit).__name__ for unit in units(encoder, Settings(fsdp_version=2, **asked))]
    assert found == (names if isinstance(names, list) else ["Embedding", *names * ["BertAttention"]])


def test_an_encoder_without_such_layers_is_refused() -> None:
    classes = {"auto_wrap_policy": "transformer_based_wrap", "transformer_cls_names_to_wrap": ["BertLayer"]}
    with pytest.raises(UsageError, match="Linear has no module of the class BertLayer"):
        units(nn.Linear(2, 2), Settings(fsdp_version=2, **classes))
    with pytest.raises(UsageError, match=r"keeps its layers in no list.*\n.* leave out sharding"):
        units(nn.Linear(2, 2), Settings(fsdp_version=2))


def test_accelerate_may_ask_to_recompute_activations(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**FSDP2, "FSDP_ACTIVATION_CHECKPOINTING": "true"}.items():
        monkeypatch.setenv(name, value)
    assert trainer().options.gradient_checkpointing


def test_an_encoder_that_cannot_recompute_is_refused() -> None:
    with pytest.raises(UsageError, match="Linear cannot recompute its activations"):
        set_recomputing(nn.Linear(2, 2), TorchOptions(gradient_checkpointing=True))


def test_only_training_needs_a_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "gone")
    hf, engine = backbone(tmp_path), trainer(compile=True)
    model, features = assemble(engine, hf), windows(LENGTHS, hf.spec())
    assert engine.predict(model, features).start is not None
    with pytest.raises(UsageError, match=r"torch.compile needs a C\+\+ compiler, and there is no gone"):
        train(engine, model, features)
    check_compiler(engine.options, "cuda")


@pytest.mark.parametrize("has_amx", [True, False])
def test_attention_in_bf16_is_not_fused_where_its_backward_pass_is_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_amx: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: has_amx)
    hf = backbone(tmp_path, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    features = windows(LENGTHS, hf.spec())
    found = []
    for most in (0, 2**23):
        monkeypatch.setattr(device, "_FEW_SCORES", most)
        engine = trainer(device="cpu", precision="bf16", epochs=2.0)
        model = assemble(engine, HfBackbone(hf.options))
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            train(engine, model, features)
        used = {event.key for event in profile.key_averages()}
        fused = {name for name in used if "flash_attention_for_cpu" in name}
        assert bool(fused) == (has_amx or most == 0)
        scores = engine.predict(model, features).start
        assert scores is not None
        found.append(scores)
    assert np.array_equal(*found) == has_amx
    np.testing.assert_allclose(*found, atol=0.1)  # bf16 rounds scores of some 10 by as much
    assert not torch.backends.cuda.fp16_bf16_reduction_math_sdp_allowed()  # type: ignore[no-untyped-call]
