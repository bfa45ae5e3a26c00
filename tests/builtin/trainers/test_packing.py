"""Windows end to end, without padding: the same states, gradients and losses as with it.

The kernel is CUDA's; here one in plain torch attends to each window by itself, and the rest is what a GPU runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AutoModel, DebertaV2Config

from model_tools import FORMS, windows
from qatk.api import Examples
from qatk.plugins.model_types import Batch
from qatk_builtin.trainers.pytorch import trainer as module
from qatk_builtin.trainers.pytorch.batches import make_batch
from qatk_builtin.trainers.pytorch.packing import PackedBatch, find_packing, kernel_for
from trainer_tools import assemble, backbone, trainer

LENGTHS = [9, 30, 17, 6, 22, 12, 28, 9]
CPU = torch.device("cpu")
ROW = {"question": "Who?", "context": "Ada did."}


def plain_kernel(
    query: Tensor, key: Tensor, value: Tensor, offsets: Tensor, longest: int, scale: float | None
) -> Tensor:
    """Each window by itself."""
    assert int(offsets.diff().max()) == longest
    parts = zip(*(torch.split(column, offsets.diff().tolist()) for column in (query, key, value)), strict=True)
    rows = [scaled_dot_product_attention(*(c.transpose(0, 1)[None] for c in part), scale=scale)[0] for part in parts]
    return torch.cat([row.transpose(0, 1) for row in rows])


@pytest.fixture
def _packed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "kernel_for", lambda device, precision: plain_kernel)


def both(form: str, folder: Path, **config: Any) -> tuple[Any, Batch]:
    """A model that packs, and a batch."""
    hf = backbone(folder, form, **config)
    model = assemble(trainer(), hf)
    batch = make_batch(windows(LENGTHS, hf.spec()), np.arange(len(LENGTHS)), model.spec, CPU, packing=True)
    return model, batch


@pytest.mark.usefixtures("_packed")
@pytest.mark.parametrize("form", [form for form in FORMS if form != "distilbert"])
def test_scores_and_gradients_are_those_of_padded_batches(form: str, tmp_path: Path) -> None:
    model, batch = both(form, tmp_path)
    assert model.packing is not None
    model.eval()
    found = []
    for packing in (model.packing, None):
        model.packing = packing
        model.zero_grad()
        output = model(batch)
        model.loss(output, batch).backward()
        gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
        found.append((output, gradients))
    (ours, mine), (theirs, others) = found
    for name in ("start", "end", "null"):
        torch.testing.assert_close(getattr(ours, name), getattr(theirs, name), atol=1e-5, rtol=1e-5)
    assert mine.keys() == others.keys()
    for name, gradient in mine.items():
        torch.testing.assert_close(gradient, others[name], atol=1e-5, rtol=1e-4, msg=name)


@pytest.mark.usefixtures("_packed")
def test_the_packed_path_is_the_one_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def watching(*arguments: Any) -> Tensor:
        seen.append(arguments[0].shape[0])
        return plain_kernel(*arguments)

    monkeypatch.setattr(module, "kernel_for", lambda device, precision: watching)
    model, batch = both("bert", tmp_path)
    seen.clear()
    model.eval()(batch)
    assert seen == [sum(LENGTHS)] * 2
    before = model.encoder.config._attn_implementation
    assert before != "qatk_varlen"  # put back after each batch


@pytest.mark.usefixtures("_packed")
def test_attention_dropout_keeps_training_padded(tmp_path: Path) -> None:
    for rate in (0.0, 0.1):
        model, batch = both("bert", tmp_path / str(rate), attention_probs_dropout_prob=rate)
        assert model.packing.suits(batch, training=False)
        assert model.packing.suits(batch, training=True) == (rate == 0)
    plain = make_batch(windows(LENGTHS, model.spec), np.arange(3), model.spec, CPU)
    assert type(plain) is Batch
    assert not model.packing.suits(plain, training=False)


@pytest.mark.usefixtures("_packed")
@pytest.mark.parametrize("options", [{}, {"masked_words": 0.5}, {"gradient_checkpointing": True}], ids=str)
def test_training_and_prediction_are_the_same(options: dict[str, Any], tmp_path: Path) -> None:
    """Of hidden words too, and where training pads because it computes activations again."""
    found = []
    for attention in ("auto", "padded"):
        hf = backbone(tmp_path / attention, "bert", attention_probs_dropout_prob=0.0, hidden_dropout_prob=0.0)
        hf.tokenizer().mask_token = hf.tokenizer().sep_token
        features = windows(LENGTHS * 4, hf.spec(), targets=True)
        engine = trainer(attention=attention, max_steps=6, learning_rate=1e-3, **options)
        engine.take_examples(Examples.from_rows([ROW | {"id": str(n)} for n in range(len(features))]))
        model = assemble(engine, hf)
        packed = "padded in training, varlen in prediction" if "gradient_checkpointing" in options else "varlen"
        assert engine.describe(model)["attention"] == (packed if attention == "auto" else "padded")
        losses = [event.loss for event in engine.fit(model, features, None, seed=1)]
        found.append((losses, engine.predict(model, features)))
    (ours, mine), (theirs, others) = found
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)
    np.testing.assert_allclose(mine.null, others.null, atol=1e-3)


def test_an_encoder_with_attention_of_its_own_stays_padded(tmp_path: Path) -> None:
    model, batch = both("bert", tmp_path)
    assert isinstance(batch, PackedBatch)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    relative = AutoModel.from_config(DebertaV2Config(vocab_size=400, relative_attention=True, **shape))
    for encoder in (relative, torch.nn.Embedding(400, 8)):
        assert find_packing(encoder, plain_kernel, batch, lambda b, e=encoder: e(**b.inputs).last_hidden_state) is None
    assert find_packing(model.encoder, None, batch, model.padded_states) is None


def test_a_kernel_that_lets_windows_see_each_other_is_found_out(tmp_path: Path) -> None:
    def leaking(
        query: Tensor, key: Tensor, value: Tensor, offsets: Tensor, longest: int, scale: float | None
    ) -> Tensor:
        whole = (column.transpose(0, 1)[None] for column in (query, key, value))
        return scaled_dot_product_attention(*whole)[0].transpose(0, 1)

    model, batch = both("bert", tmp_path, initializer_range=1.0)
    assert isinstance(batch, PackedBatch)
    model.eval()
    assert find_packing(model.encoder, leaking, batch, model.padded_states) is None
    assert find_packing(model.encoder, plain_kernel, batch, model.padded_states) is not None


def test_a_kernel_that_gives_nan_is_not_used(tmp_path: Path) -> None:
    def broken(query: Tensor, *rest: object) -> Tensor:
        return torch.full_like(query, torch.nan)

    model, batch = both("bert", tmp_path)
    assert isinstance(batch, PackedBatch)
    model.eval()
    assert find_packing(model.encoder, broken, batch, model.padded_states) is None


def test_there_is_no_kernel_for_a_cpu_or_full_precision() -> None:
    assert kernel_for(CPU, "bf16") is None
    assert kernel_for(torch.device("cuda"), "fp32") is None
    assert kernel_for(torch.device("cuda"), "bf16") is not None
