"""Masked words: what is hidden, what is learnt from it, and that training goes on from it bit for bit."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from model_tools import save_model
from qatk.api import Batch, Examples, Features, QatkWarning, UsageError
from qatk.plugins.host import PluginHost
from qatk.types import Int64
from qatk_builtin.backbones import HfOptions, TinyOptions
from qatk_builtin.backbones.hf import HfBackbone
from qatk_builtin.backbones.tiny import TinyBackbone
from qatk_builtin.trainers import TorchOptions
from qatk_builtin.trainers.pytorch.batches import make_batch
from qatk_builtin.trainers.pytorch.masked_words import DUE, PLACES
from qatk_builtin.trainers.pytorch.masking import Masking
from qatk_builtin.trainers.pytorch.model import QAModel
from qatk_builtin.trainers.pytorch.trainer import TorchTrainer
from trainer_tools import assemble, backbone, same, train, trainer, weights

TEXT = "The unquestionable, state-of-the-art Zürichsee isn't 1234567890 metres long. 東京都に住む人々は多い。"
ASKED = Examples.from_rows(
    [{"id": str(n), "question": "Unquestionable where?", "context": f"{TEXT} {n}", "answers": []} for n in range(3)]
)


def cut(host: PluginHost, hf: Any, examples: Examples, length: int = 400) -> Features:
    featurizer = host.build("featurizer", "stride", {"max_length": length, "doc_stride": 8})
    return featurizer.featurize(examples, hf.tokenizer(), hf.spec(), targets=True)


def masking(examples: Examples, features: Features, model: QAModel, *, share: float = 0.3, seed: int = 1) -> Masking:
    found = Masking(TorchOptions(masked_words=1.0, masked_share=share), examples, features, seed)
    with found.beside(model):
        return found


def with_mask_token(hf: HfBackbone) -> HfBackbone:
    hf.tokenizer().mask_token = hf.tokenizer().convert_ids_to_tokens(4)
    return hf


@pytest.mark.parametrize("form", ["bert", "left", "roberta", "xlnet"])
def test_words_of_the_context_are_hidden_whole(form: str, tmp_path: Path, host: PluginHost) -> None:
    hf = with_mask_token(
        HfBackbone(HfOptions(model=str(save_model(tmp_path, form)), max_length=None if form != "xlnet" else 512))
    )
    features = cut(host, hf, ASKED, 64)
    model = assemble(trainer(), hf)
    rows = np.arange(len(features))[::-1].copy()
    plain = make_batch(features, rows, hf.spec(), torch.device("cpu"))
    whole = apart = 0
    for seed in range(9):
        batch = masking(ASKED, features, model, seed=seed).on_batch(plain, rows, 0)
        hidden = torch.zeros(batch.token_mask.shape, dtype=torch.bool)
        hidden.view(-1)[batch.extra[PLACES]] = True
        assert torch.equal(batch.extra[DUE], plain.inputs["input_ids"].flatten()[batch.extra[PLACES]])
        assert torch.equal(batch.inputs["input_ids"][~hidden], plain.inputs["input_ids"][~hidden])
        assert not (hidden & ~plain.context_mask).any()
        for line, row in enumerate(rows.tolist()):
            begin, stop = features.token_offsets[row : row + 2]
            tokens = list(
                zip(
                    hidden[line][plain.token_mask[line]],
                    features.char_start[begin:stop],
                    features.char_end[begin:stop],
                    strict=True,
                )
            )
            context = ASKED.context_of(int(features.example_index[row]))
            for word in re.finditer(r"[^\W一-龠ぁ-ん]+|[一-龠ぁ-ん]+", context):
                inside = [bool(gone) for gone, low, high in tokens if word.start() <= low < high <= word.end()]
                blanks = word[0][0] < "ぁ"
                assert len(set(inside)) < 2 or not blanks, word[0]
                whole += blanks and sum(inside) > 1
                apart += len(set(inside)) == 2
    assert whole > 5
    assert apart > 5


def test_vowel_signs_belong_to_their_word(host: PluginHost) -> None:
    asked, letters = (
        Examples.from_rows([{"id": "0", "question": "Where?", "context": context, "answers": []}])
        for context in ("किताब कब", " ".join("किताब कब"))
    )
    hf = TinyBackbone(TinyOptions(vocab_size=300, hidden_size=32, layers=1))
    hf.prepare(letters)  # so that each is a token
    features = cut(host, hf, asked)
    tokens = np.arange(len(features.char_start))
    model = assemble(trainer(), with_mask_token(hf))
    found = masking(asked, features, model)._words(tokens, np.zeros_like(tokens), np.arange(1))
    words = np.unique(found[features.char_start >= 0], return_counts=True)[1]
    assert words.tolist() == [5, 2]


def test_shares_are_those_of_bert_and_follow_from_the_seed(host: PluginHost) -> None:
    examples = host.build("dataset", "facts", {"questions": 300, "unanswerable": 0.0}).load()
    hf = TinyBackbone(TinyOptions(vocab_size=900, hidden_size=8, layers=1))
    hf.prepare(examples)
    features, model = cut(host, hf, examples), assemble(trainer(), hf)
    rows = np.arange(len(features))
    plain = make_batch(features, rows, hf.spec(), torch.device("cpu"))
    one, other = (masking(examples, features, model, share=0.15, seed=seed) for seed in (1, 2))
    batch = one.on_batch(plain, rows, 0)
    now, due = batch.inputs["input_ids"].flatten()[batch.extra[PLACES]], batch.extra[DUE]
    assert len(due) / int(plain.context_mask.sum()) == pytest.approx(0.15, abs=0.01)
    masked = now == hf.tokenizer().mask_token_id
    assert masked.float().mean().item() == pytest.approx(0.8, abs=0.02)
    assert (now == due).float().mean().item() == pytest.approx(0.1, abs=0.02)
    assert len(now[~masked & (now != due)].unique()) > 200
    assert torch.equal(one.on_batch(plain, rows, 0).inputs["input_ids"], batch.inputs["input_ids"])
    assert not torch.equal(other.on_batch(plain, rows, 0).inputs["input_ids"], batch.inputs["input_ids"])


class Recording(TorchTrainer):
    def on_batch(self, batch: Batch, rows: Int64) -> Batch:
        batch = super().on_batch(batch, rows)
        self.hidden.setdefault(self.epoch, {})[int(rows[0])] = batch.extra[PLACES].tolist()
        return batch


def test_each_epoch_hides_other_words_of_the_same_window(tmp_path: Path, host: PluginHost) -> None:
    hf = with_mask_token(HfBackbone(HfOptions(model=str(save_model(tmp_path)))))
    features = cut(host, hf, ASKED, 64)
    options = {"device": "cpu", "precision": "fp32", "batch_size": 1, "masked_words": 1.0, "masked_share": 0.5}
    engine = Recording(TorchOptions(**options, epochs=2.0))
    engine.hidden = {}
    engine.take_examples(ASKED)
    train(engine, assemble(engine, hf), features)
    first, second = engine.hidden[0], engine.hidden[1]
    assert first.keys() == second.keys() == set(range(len(features)))
    assert all(first[row] != second[row] for row in first)


@pytest.mark.parametrize("form", ["bert", "albert", "modernbert"])
def test_the_loss_is_that_of_the_hidden_tokens(form: str, tmp_path: Path, host: PluginHost) -> None:
    hf = with_mask_token(HfBackbone(HfOptions(model=str(save_model(tmp_path, form)))))
    features = cut(host, hf, ASKED, 64)
    model = assemble(trainer(), hf)
    model.train()
    rows = np.arange(len(features))
    found = Masking(TorchOptions(masked_words=1.0, masked_share=0.3), ASKED, features, 1)
    with found.beside(model):
        batch = found.on_batch(make_batch(features, rows, hf.spec(), torch.device("cpu")), rows, 0)
        states = []
        model.head.register_forward_pre_hook(lambda _, given: states.append(given[0]))
        model(batch)
        assert model.masked_words is not None
        loss = model.masked_words.loss(batch)
        logits = model.masked_words.transform(states[0]) @ model.encoder.get_input_embeddings().weight.T
        due = torch.full((batch.token_mask.numel(),), -100)
        due[batch.extra[PLACES]] = batch.extra[DUE]
        torch.testing.assert_close(loss, cross_entropy(logits.flatten(0, 1), due))
        none = {PLACES: batch.extra[PLACES][:0], DUE: batch.extra[DUE][:0]}
        model(batch)
        assert float(model.masked_words.loss(replace(batch, extra=none)).detach()) == 0
    assert model.masked_words is None
    assert not any("masked_words" in name for name, _ in model.named_parameters())


def test_a_small_encoder_learns_hidden_words_of_contexts_alone(tmp_path: Path, host: PluginHost) -> None:
    examples = host.build("dataset", "facts", {"questions": 16, "long": 0.0}).load()
    hf = TinyBackbone(TinyOptions(vocab_size=300, hidden_size=32, layers=1))
    hf.prepare(examples)
    features = cut(host, hf, examples)
    engine = trainer(masked_words=1.0, epochs=50.0, learning_rate=2e-2, weight_decay=0.0, batch_size=8)
    model = assemble(engine, hf)
    engine.take_examples(examples)
    before = weights(model)
    losses = [event.loss for event in train(engine, model, features) if event.kind == "epoch"]
    shares = (
        np.unique(features.input_ids[features.char_start >= 0], return_counts=True)[1]
        / (features.char_start >= 0).sum()
    )
    blind = -float((shares * np.log(shares)).sum())  # of who knows how common each token is, and sees no context
    assert blind < losses[0] < 1.1 * math.log(300)
    assert losses[-1] < 0.8 * blind
    after = weights(model)
    assert {name for name in before if torch.equal(before[name], after[name])} == {n for n in before if "head" in n}
    engine.save(model, tmp_path, state=False)
    stage = HfBackbone(HfOptions(model=str(tmp_path)))
    assert same(stage.encoder().state_dict(), model.encoder.state_dict())


def test_dev_figures_of_a_head_that_learns_nothing_are_warned_of(tmp_path: Path, host: PluginHost) -> None:
    hf = with_mask_token(HfBackbone(HfOptions(model=str(save_model(tmp_path)))))
    features, engine = cut(host, hf, ASKED, 64), trainer(masked_words=1.0, max_steps=1)
    engine.take_examples(ASKED)
    model = assemble(engine, hf)
    with pytest.warns(QatkWarning, match="trains no head.*: set keep_best: null and score_epochs: false"):
        train(engine, model, features, dev=features)
    train(engine, model, features)
    model.head_begins = "checkpoint"
    train(engine, model, features, dev=features)


def test_data_without_answers_are_warned_of_where_nothing_else_is_learnt(tmp_path: Path, host: PluginHost) -> None:
    hf = with_mask_token(HfBackbone(HfOptions(model=str(save_model(tmp_path)))))
    features = cut(host, hf, ASKED, 64)
    for options in ({}, {"masked_words": 0.5}):
        engine = trainer(max_steps=1, **options)
        engine.take_examples(ASKED)
        with pytest.warns(QatkWarning, match="no window of the training data has an answer"):
            train(engine, assemble(engine, hf), features)


@pytest.mark.filterwarnings("ignore:no window of the training data has an answer")
def test_training_goes_on_bit_for_bit(tmp_path: Path, host: PluginHost) -> None:
    """In the middle of an epoch, beside second passes and averaged weights."""
    save_model(tmp_path / "base")
    more = {"average_decay": 0.5, "r_drop": 1.0, "adversarial": 0.1}

    def ready(**options: Any) -> tuple[Any, QAModel]:
        engine = trainer(masked_words=0.5, **more, **options)
        engine.take_examples(ASKED)
        return engine, assemble(engine, with_mask_token(HfBackbone(HfOptions(model=str(tmp_path / "base")))), seed=9)

    engine, model = ready(log_every=1)
    features = cut(host, with_mask_token(HfBackbone(HfOptions(model=str(tmp_path / "base")))), ASKED, 24)
    assert len(features) > 8
    (tmp_path / "state").mkdir()
    for event in engine.fit(model, features, features, seed=3):
        if event.step == 4 and event.kind == "step":
            engine.save(model, tmp_path / "state", state=True)
    other, resumed = ready()
    train(other, resumed, features, dev=features, resume=tmp_path / "state")
    assert same(weights(resumed), weights(model))
    plain, without = ready()
    plain.options = plain.options.model_copy(update={"masked_words": 0.0})
    train(plain, without, features)
    assert not same(weights(without), weights(model))


class Bag(nn.Module):
    """No embeddings that it would name."""

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> None:
        """Not called."""


def test_what_cannot_hide_words_is_said(tmp_path: Path, host: PluginHost) -> None:
    hf = backbone(tmp_path)
    features = cut(host, hf, ASKED, 64)
    engine = trainer(masked_words=1.0)
    engine.take_examples(ASKED)
    with pytest.raises(UsageError, match=f"masked_words needs a mask token, and the tokenizer of {tmp_path} has none"):
        train(engine, assemble(engine, hf), features)
    bag = QAModel(Bag(), nn.Linear(4, 2), hf.tokenizer(), hf.spec())
    with pytest.raises(UsageError, match="masked_words needs the encoder's word embeddings, and Bag does not name"):
        masking(ASKED, features, bag)
