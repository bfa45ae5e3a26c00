from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForQuestionAnswering, BertForQuestionAnswering

from model_tools import FORMS, windows
from qatk.api import ModelError, StorageError
from qatk.errors import QatkWarning
from qatk_builtin.backbones import HfOptions
from qatk_builtin.backbones.hf import HfBackbone
from qatk_builtin.heads import LinearOptions
from qatk_builtin.heads.linear import LinearSpans
from qatk_builtin.trainers.pytorch.batches import make_batch
from qatk_builtin.trainers.pytorch.checkpoint import HEAD_WEIGHTS
from trainer_tools import LENGTHS, assemble, backbone, same, train, trainer, weights


def test_the_class_of_transformers_is_tried_out_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, hf = trainer(), backbone(tmp_path)
    model = assemble(engine, hf)
    assert engine.describe(model)["saved_as"] == "BertForQuestionAnswering"
    monkeypatch.setattr(BertForQuestionAnswering, "__init__", lambda *_: pytest.fail("it is built again"))
    engine.save(model, tmp_path, state=False)
    assert engine.describe(assemble(engine, hf))["saved_as"] == "BertForQuestionAnswering"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mask_question", [True, False])
def test_the_saved_model_gives_equal_scores_in_transformers(form: str, mask_question: bool, tmp_path: Path) -> None:
    hf = backbone(tmp_path / "base", form, num_labels=3)
    features = windows(LENGTHS, hf.spec())
    engine = trainer(epochs=1.0)
    model = assemble(engine, hf, mask_question=mask_question)
    train(engine, model, features)
    (tmp_path / "model").mkdir()
    engine.save(model, tmp_path / "model", state=False)
    scores = engine.predict(model, features)
    assert scores.start is not None
    theirs, info = AutoModelForQuestionAnswering.from_pretrained(tmp_path / "model", output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    for row in range(len(LENGTHS)):
        batch = make_batch(features, np.array([row]), hf.spec(), torch.device("cpu"))
        inputs = {name: value[batch.token_mask][None] for name, value in batch.inputs.items()}
        with torch.no_grad():
            output = theirs.eval()(**inputs)
        ours = scores.start[features.token_offsets[row] : features.token_offsets[row + 1]]
        scored = ours > -np.inf
        assert scored.sum() > 1
        np.testing.assert_allclose(ours[scored], output.start_logits[0].numpy()[scored], atol=2e-6)

    again = assemble(engine, HfBackbone(HfOptions(model=str(tmp_path / "model"))), seed=9, mask_question=mask_question)
    assert same(weights(again), weights(model))
    fresh = assemble(engine, HfBackbone(hf.options), seed=9)
    engine.load(fresh, tmp_path / "model")
    assert same(weights(fresh), weights(model))


class _Bilinear(torch.nn.Module):
    """A head that transformers knows nothing of."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.inner = LinearSpans(size, LinearOptions())
        self.extra = torch.nn.Linear(size, size)
        self.same = self.extra  # tied weights, which safetensors does not take as they are

    def forward(self, states: torch.Tensor, batch: Any) -> Any:
        return self.inner(self.extra(states), batch)

    def loss(self, output: Any, batch: Any) -> torch.Tensor:
        return self.inner.loss(output, batch)


class _BilinearHead:
    def build(self, spec: Any) -> torch.nn.Module:
        return _Bilinear(spec.hidden_size)


def test_a_head_of_another_kind_lies_beside_the_encoder(tmp_path: Path) -> None:
    hf = backbone(tmp_path / "base")
    engine = trainer()
    model = engine.assemble(hf, _BilinearHead(), seed=1)
    (tmp_path / "model").mkdir()
    engine.save(model, tmp_path / "model", state=False)
    assert (tmp_path / "model" / HEAD_WEIGHTS).exists()
    kept = HfBackbone(HfOptions(model=str(tmp_path / "model"))).head_state()
    assert kept.keys() == model.head.state_dict().keys()
    other = engine.assemble(HfBackbone(hf.options), _BilinearHead(), seed=2)
    assert not same(weights(other), weights(model))
    engine.load(other, tmp_path / "model")
    assert same(weights(other), weights(model))


def test_a_head_that_cannot_take_over_the_checkpoints_says_so(tmp_path: Path) -> None:
    hf = backbone(tmp_path, answers=True)
    with pytest.warns(QatkWarning, match=r"cannot take over the head of .* \(qa_outputs.weight, qa_outputs.bias\)"):
        trainer().assemble(hf, _BilinearHead(), seed=1)


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    engine = trainer()
    (tmp_path / "model").mkdir()
    engine.save(assemble(engine, backbone(tmp_path / "a")), tmp_path / "model", state=False)
    deeper = assemble(engine, backbone(tmp_path / "b", num_hidden_layers=3))
    with pytest.raises(ModelError, match=r"the weights are of another model: Missing key.*\n  take the weights"):
        engine.load(deeper, tmp_path / "model")
    with pytest.raises(ModelError, match="the weights cannot be read"):
        engine.load(deeper, tmp_path / "nowhere")


def test_a_folder_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    engine = trainer()
    with pytest.raises(StorageError, match="the model cannot be written"):
        engine.save(assemble(engine, backbone(tmp_path)), tmp_path / "nowhere", state=False)
