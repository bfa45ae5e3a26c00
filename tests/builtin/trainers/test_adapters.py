"""LoRA and DoRA: what trains, what is saved, and that training goes on from it bit for bit."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model_tools import save_model, windows
from qatk.api import UsageError
from qatk_builtin.backbones import HfOptions
from qatk_builtin.backbones.hf import HfBackbone
from qatk_builtin.trainers.pytorch.adapters import adapted, targets, trained_parameters
from trainer_tools import LENGTHS, assemble, backbone, same, train, trainer, weights

LORA: dict[str, Any] = {"lora_rank": 4, "lora_alpha": 8.0}


@pytest.mark.parametrize("form", ["bert", "albert", "deberta-v2", "modernbert", "xlnet"])
def test_a_step_changes_linear_layers_and_the_head_alone(form: str, tmp_path: Path) -> None:
    hf = HfBackbone(HfOptions(model=str(save_model(tmp_path, form)), max_length=64))
    engine = trainer(**LORA, lora_dora=True, max_steps=2)
    model = assemble(engine, hf)
    learns = {name: p.requires_grad for name, p in model.named_parameters()}
    layers, due = targets(model.encoder, None), trained_parameters(model, engine.options)
    with adapted(model, engine.options, 1):
        found = {name: p for name, p in model.named_parameters() if p.requires_grad}
        assert sum(p.numel() for p in found.values()) == due
        assert trained_parameters(model, engine.options) == due
        assert {name.partition(".")[0] for name in found} == {"encoder", "head"}
        assert all("lora" in name for name in found if name.startswith("encoder."))
    before = weights(model)
    train(engine, model, windows(LENGTHS, hf.spec()))
    changed = {name for name, value in weights(model).items() if not torch.equal(value, before[name])}
    heads = {name for name in before if name.startswith("head.")}
    assert changed == {f"encoder.{name}.weight" for name in layers} | heads
    assert {name: p.requires_grad for name, p in model.named_parameters()} == learns


@pytest.mark.parametrize(
    "options",
    [{}, {"lora_dora": True, "lora_dropout": 0.1, "average_decay": 0.5, "layer_decay": 0.9, "adversarial": 0.1}],
    ids=["lora", "dora"],
)
def test_what_is_saved_is_merged_and_training_goes_on_from_it(options: dict[str, Any], tmp_path: Path) -> None:
    """In the middle of an epoch; the merged weights predict what adapted ones do, and resumed training ends alike."""
    hf = backbone(tmp_path / "base")
    features = windows(LENGTHS, hf.spec())
    engine = trainer(**LORA, **options, log_every=1)
    model = assemble(engine, HfBackbone(hf.options))
    (tmp_path / "state").mkdir()
    for event in engine.fit(model, features, features, seed=3):
        if event.step == 3 and event.kind == "step":
            engine.save(model, tmp_path / "state", state=True)
            unmerged = engine.predict(model, features)
            model.train()
    assert event.scores is not None
    last = engine.predict(model, features)
    saved = assemble(trainer(), HfBackbone(hf.options))
    trainer().load(saved, tmp_path / "state")
    for one, other in ((trainer().predict(saved, features), unmerged), (last, event.scores)):
        for name in ("start", "end", "null"):
            np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=0, atol=2e-5)
    other = trainer(**LORA, **options)
    resumed = assemble(other, HfBackbone(hf.options), seed=9)
    train(other, resumed, features, dev=features, resume=tmp_path / "state")
    assert same(weights(resumed), weights(model))


def test_what_cannot_be_adapted_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hf = backbone(tmp_path)
    model, features = assemble(trainer(), hf), windows(LENGTHS, hf.spec())
    assert {name.rpartition(".")[2] for name in targets(model.encoder, ["query", "output.dense"])} == {"query", "dense"}
    with pytest.raises(UsageError, match="no linear layer of BertModel is called 'q_lin'"):
        train(trainer(**LORA, lora_targets=["query", "q_lin"]), model, features)
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(UsageError, match="lora_rank needs peft"):
        train(trainer(**LORA), model, features)
