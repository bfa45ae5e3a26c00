"""Question-answering checkpoints as transformers saves them: their heads are taken over whole, or a run is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForQuestionAnswering, XLNetForQuestionAnswering

import qatk
from head_cases import head
from model_tools import ARCHITECTURES, save_model, save_xlnet_beams, windows
from qatk.api import Features, ModelError
from qatk.errors import QatkWarning
from qatk_builtin.backbones import HfOptions
from qatk_builtin.backbones.hf import HfBackbone
from qatk_builtin.trainers.pytorch.batches import make_batch
from small import write_recipe
from trainer_tools import LENGTHS, assemble, same, train, trainer, weights


def opened(folder: Path) -> HfBackbone:
    return HfBackbone(HfOptions(model=str(folder), max_length=64))


def alone(features: Features, row: int, hf: HfBackbone) -> tuple[dict[str, torch.Tensor], torch.Tensor, torch.Tensor]:
    """One window without padding, as transformers takes it; its context's mask [1, L], and its null position [1]."""
    batch = make_batch(features, np.array([row]), hf.spec(), torch.device("cpu"))
    inputs = {name: value[batch.token_mask][None] for name, value in batch.inputs.items()}
    null = batch.null_index - int(batch.token_mask.int().argmax())
    return inputs, batch.context_mask[batch.token_mask][None], null


def separated(features: Features) -> Features:
    """``CLS question SEP SEP context SEP``, with a question of one token."""
    ids = np.array(features.input_ids)
    begin, end = features.token_offsets[:-1], features.token_offsets[1:]
    ids[np.concatenate([begin + 2, begin + 3, end - 1])] = 2
    return replace(features, input_ids=ids)


@pytest.mark.parametrize("form", ARCHITECTURES)
def test_a_checkpoint_scores_as_in_transformers(form: str, tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    hf = opened(save_model(tmp_path, form, answers=True))
    engine, features = trainer(), windows(LENGTHS, hf.spec())
    if form == "longformer":  # its class looks for three separators, and lets all attend to what is before the first
        features = separated(features)
    model = assemble(engine, hf)
    assert engine.describe(model)["head"] == "checkpoint"
    assert not [w for w in recwarn if isinstance(w.message, QatkWarning)]
    scores = engine.predict(model, features)
    assert scores.start is not None
    assert scores.end is not None
    theirs = AutoModelForQuestionAnswering.from_pretrained(tmp_path).eval()
    for row in range(len(LENGTHS)):
        inputs, *_ = alone(features, row, hf)
        with torch.no_grad():
            output = theirs(**inputs)
        place = slice(int(features.token_offsets[row]), int(features.token_offsets[row + 1]))
        scored = scores.start[place] > -np.inf
        assert scored.sum() > 1
        for ours, logits in ((scores.start, output.start_logits), (scores.end, output.end_logits)):
            expected = logits[0].numpy()[scored]
            assert np.ptp(expected) > 0.01
            np.testing.assert_allclose(ours[place][scored], expected, atol=2e-5)


@pytest.mark.parametrize("form", ARCHITECTURES)
def test_what_is_saved_loads_whole_in_transformers(form: str, tmp_path: Path) -> None:
    """Trained from a bare encoder, and saved: every weight, by name, and no other."""
    hf = opened(save_model(tmp_path / "base", form))
    engine, features = trainer(epochs=1.0), windows(LENGTHS, hf.spec())
    model = assemble(engine, hf)
    train(engine, model, features)
    (tmp_path / "model").mkdir()
    engine.save(model, tmp_path / "model", state=False)
    theirs, info = AutoModelForQuestionAnswering.from_pretrained(tmp_path / "model", output_loading_info=True)
    assert not any(info[found] for found in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert engine.describe(model)["saved_as"] == type(theirs).__name__
    assert json.loads((tmp_path / "model" / "config.json").read_text())["architectures"] == [type(theirs).__name__]
    assert same(theirs.state_dict(), load_file(tmp_path / "model" / "model.safetensors"))
    again = assemble(engine, opened(tmp_path / "model"), seed=9)
    assert same(weights(again), weights(model))


def test_new_layers_of_an_architecture_are_not_shared(tmp_path: Path) -> None:
    spec = opened(save_model(tmp_path, "modernbert")).spec()
    assert spec.span_layers is not None
    torch.manual_seed(1)
    one, other = spec.span_layers(), spec.span_layers()
    assert not {id(p) for p in one.parameters()} & {id(p) for p in other.parameters()}
    assert not same(one.state_dict(), other.state_dict())
    torch.manual_seed(1)
    assert same(spec.span_layers().state_dict(), one.state_dict())
    assert opened(save_model(tmp_path / "bert")).spec().span_layers is None


def test_xlnets_beams_score_as_in_transformers(tmp_path: Path) -> None:
    hf = opened(save_xlnet_beams(tmp_path))
    engine, features = trainer(), windows(LENGTHS, hf.spec())
    model = engine.assemble(hf, head("conditional", starts=3, ends=4), seed=1)
    assert engine.describe(model)["head"] == "checkpoint"
    scores = engine.predict(model, features)
    assert scores.candidates is not None
    theirs = XLNetForQuestionAnswering.from_pretrained(tmp_path).eval()
    seen = 0
    for row in range(len(LENGTHS)):
        inputs, context, null = alone(features, row, hf)
        found = scores.candidates
        mine = np.flatnonzero(found.feature == row)
        masked = 1.0 - context.scatter(1, null[:, None], True).float()
        with torch.no_grad():
            states = theirs.transformer(**inputs).last_hidden_state
            first = theirs.start_logits(states, p_mask=masked).log_softmax(-1)
            output = theirs(**inputs, p_mask=masked, cls_index=null)
            answerable = torch.nn.functional.logsigmoid(-output.cls_logits)
            np.testing.assert_allclose(scores.null[row], torch.nn.functional.logsigmoid(output.cls_logits), atol=2e-5)
            for k in mine:
                start, end = int(found.start[k]), int(found.end[k])
                last = theirs.end_logits(states, start_positions=torch.tensor([start]), p_mask=masked).log_softmax(-1)
                expected = first[0, start] + last[0, end] + answerable[0]
                np.testing.assert_allclose(found.score[k], expected, atol=2e-5)
                seen += 1
    assert seen > 3 * len(LENGTHS)


def test_xlnets_beams_are_trained_on_and_saved_as_what_they_are(tmp_path: Path) -> None:
    hf = opened(save_xlnet_beams(tmp_path / "base"))
    engine, features = trainer(epochs=1.0), windows(LENGTHS, hf.spec())
    model = engine.assemble(hf, head("conditional"), seed=1)
    before = weights(model)
    train(engine, model, features)
    (tmp_path / "model").mkdir()
    engine.save(model, tmp_path / "model", state=False)
    assert engine.describe(model)["saved_as"] == "XLNetForQuestionAnswering"
    theirs, info = XLNetForQuestionAnswering.from_pretrained(tmp_path / "model", output_loading_info=True)
    assert not any(info[found] for found in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert torch.equal(theirs.start_logits.dense.weight, model.head.start.weight)
    for fresh in (opened(tmp_path / "base"), opened(tmp_path / "model")):
        again = engine.assemble(fresh, head("conditional"), seed=2)
        engine.load(again, tmp_path / "model")
        assert same(weights(again), weights(model))
        assert not same(weights(again), before)
    bare = engine.assemble(opened(save_model(tmp_path / "bare", "xlnet")), head("conditional"), seed=2)
    engine.load(bare, tmp_path / "model")
    assert same(weights(bare), weights(model))


def spoiled(folder: Path, change: str) -> Path:
    """A checkpoint with a head that nothing takes over."""
    if change == "beams":
        return save_xlnet_beams(folder)
    save_model(folder, "modernbert" if change == "half of two layers" else "bert", answers=True)
    state = load_file(folder / "model.safetensors")
    if change == "a weight is missing":
        del state["qa_outputs.bias"]
    elif change == "half of two layers":
        del state["head.dense.weight"]
    elif change == "another shape":
        state["qa_outputs.weight"] = torch.ones(3, 16)
    elif change == "a weight too many":
        state["has_answer.weight"] = torch.ones(1, 16)
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


SPOILED = {
    "a weight is missing": r"\(qa_outputs.weight\)",
    "half of two layers": r"\(head.norm.weight, classifier.weight, classifier.bias\)",
    "another shape": r"\(qa_outputs.bias\)",
    "a weight too many": r"\(qa_outputs.weight, qa_outputs.bias, has_answer.weight\)",
    "beams": r"\(start_logits.dense.weight, start_logits.dense.bias, .* and 7 more\)",
}


@pytest.mark.parametrize("change", SPOILED)
def test_a_run_with_a_random_head_is_refused_unless_it_trains(change: str, tmp_path: Path) -> None:
    folder = spoiled(tmp_path / "model", change)
    recipe = write_recipe(tmp_path, train=16, dev=8, max_steps=1)
    settings = [f"backbone={{use: hf, model: '{folder}', max_length: 64}}"]
    with (
        pytest.warns(QatkWarning, match=f"cannot take over the head of .* {SPOILED[change]}: it starts untrained"),
        pytest.raises(ModelError, match=r"the head is untrained, and the recipe has no data\.train") as caught,
    ):
        qatk.run(recipe, out=tmp_path / "refused", settings=[*settings, "data.train=null"])
    assert caught.value.exit_code == 2
    assert not (tmp_path / "refused" / "metrics.json").exists()
    with pytest.warns(QatkWarning, match="it starts untrained"):
        trained: Any = qatk.run(recipe, out=tmp_path / "trained", settings=settings)
    assert trained.manifest["model"]["head"] == "untrained"


def test_an_encoder_alone_answers_nothing(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    recipe = write_recipe(tmp_path, train=16, dev=8)
    settings = [f"backbone={{use: hf, model: '{save_model(tmp_path / 'model')}'}}", "data.train=null"]
    with pytest.raises(ModelError, match="answers would be random"):
        qatk.run(recipe, out=tmp_path / "refused", settings=settings)
    assert not [w for w in recwarn if isinstance(w.message, QatkWarning)]
