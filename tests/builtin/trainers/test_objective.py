"""What options make of the loss: by hand on small scores, and in whole trainings."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from transformers import AutoModel, BartConfig

from head_cases import head
from model_tools import save_model, windows
from qatk.api import Batch, Examples, SpanLogits, UsageError
from qatk.plugins.host import PluginHost
from qatk.testing import check_component
from qatk_builtin.backbones import HfOptions
from qatk_builtin.backbones.hf import HfBackbone
from qatk_builtin.heads import LinearOptions
from qatk_builtin.heads.linear import LinearSpans
from qatk_builtin.trainers.pytorch.adversary import Adversary
from qatk_builtin.trainers.pytorch.batches import make_batch
from qatk_builtin.trainers.pytorch.gold_spans import GoldSpans, right_places
from qatk_builtin.trainers.pytorch.losses import divergence, span_loss
from qatk_builtin.trainers.pytorch.model import QAModel
from qatk_builtin.trainers.pytorch.objective import Objective, objective_of
from trainer_tools import LENGTHS, assemble, backbone, same, train, trainer, weights

CONTEXT = [False, False, True, True, True, True]


def small(start: list[int], end: list[int], scores: list[float] | None = None) -> tuple[SpanLogits, Batch]:
    """Windows of a null token, a question of one token and four context tokens; those of ends run backwards."""
    row = torch.tensor(scores or [0.3, -torch.inf, 1.0, -0.5, 0.0, 2.0]).expand(len(start), 6).clone()
    context, every = torch.tensor([CONTEXT] * len(start)), torch.ones(len(start), 6, dtype=torch.bool)
    null = torch.zeros(len(start), dtype=torch.int64)
    batch = Batch({}, context, every, null, torch.tensor(start), torch.tensor(end))
    return SpanLogits(row, row[:, [0, 1, 5, 4, 3, 2]], null.float()), batch


def test_without_options_it_is_the_loss_of_the_linear_head() -> None:
    output, batch = small([2, 0, 4], [3, 0, 5])
    due = LinearSpans(4, LinearOptions()).loss(output, batch)
    torch.testing.assert_close(span_loss(output, batch).mean(), due)


def test_smoothing_gives_a_share_to_the_tokens_beside_an_answer() -> None:
    output, batch = small([3, 0], [5, 0])
    start, end = output.start[0].log_softmax(0), output.end[0].log_softmax(0)
    beside = {3: {2: 0.5, 4: 0.5, 5: 0.25}, 5: {4: 0.5, 3: 0.25, 2: 0.125}}
    near = [
        -sum(share * logs[k] for k, share in beside[t].items()) / sum(beside[t].values())
        for logs, t in ((start, 3), (end, 5))
    ]
    plain = span_loss(output, batch)
    found = span_loss(output, batch, smoothing=0.2)
    torch.testing.assert_close(found[0], 0.8 * plain[0] + 0.2 * (near[0] + near[1]) / 2)
    torch.testing.assert_close(found[1], plain[1])


def test_a_lone_token_has_no_neighbours() -> None:
    output, batch = small([3], [3], [0.1, -torch.inf, -torch.inf, 1.0, -torch.inf, -torch.inf])
    output = SpanLogits(output.start, output.start, output.null)
    torch.testing.assert_close(span_loss(output, batch, smoothing=0.5), span_loss(output, batch))


def test_windows_without_an_answer_weigh_what_is_asked() -> None:
    output, batch = small([3, 0], [5, 0])
    plain = span_loss(output, batch)
    torch.testing.assert_close(span_loss(output, batch, impossible_weight=0.25), plain * torch.tensor([1, 0.25]))


def test_a_window_that_does_not_teach_null_has_its_spans_compete_alone() -> None:
    output, batch = small([3, 3, 0, 0], [5, 5, 0, 0])
    output.start.requires_grad_()
    plain = span_loss(output, batch)
    found = span_loss(output, batch, impossible_weight=0.5, teaches_null=torch.tensor([True, False, True, False]))
    alone = [column[1].detach().clone() for column in (output.start, output.end)]
    for column in alone:
        column[0] = -torch.inf
    due = -(alone[0].log_softmax(0)[3] + alone[1].log_softmax(0)[5]) / 2
    torch.testing.assert_close(found, torch.stack([plain[0], due, plain[2] / 2, torch.zeros(())]).detach())
    found.sum().backward()
    assert output.start.grad is not None
    assert output.start.grad[1, 0] == 0
    assert (output.start.grad[3] == 0).all()
    assert output.start.grad.isfinite().all()


def test_the_marginal_loss_is_of_all_right_spans_together() -> None:
    output, batch = small([2, 0, 4], [3, 0, 4])
    output.start.requires_grad_()
    spans = torch.tensor([[0, 2, 3], [0, 4, 5], [0, 2, 2], [1, 0, 0], [2, 4, 4]])
    start, end = output.start.softmax(1), output.end.softmax(1)
    total = torch.stack([sum(start[r, a] * end[r, b] for r, a, b in spans.tolist() if r == row) for row in range(3)])
    found = span_loss(output, batch, spans=spans)
    torch.testing.assert_close(found, -total.log() / 2)
    torch.testing.assert_close(found[1:], span_loss(output, batch)[1:])
    (gradient,) = torch.autograd.grad(found.sum(), output.start)
    assert gradient.isfinite().all()


def test_the_divergence_of_two_passes_is_0_only_where_they_agree() -> None:
    output, _ = small([2], [3])
    assert float(divergence(output.start, output.start)) == 0
    assert float(divergence(output.start, output.end)) > 0.01


TEXT = "Paris is old. Parisian bread is from Paris, and (Paris) is far from here."


def asked(texts: list[str], starts: list[int]) -> Examples:
    rows = [{"id": "a", "question": "Where?", "context": TEXT, "answers": {"text": texts, "answer_start": starts}}]
    return Examples.from_rows(rows)


def test_right_places_are_the_annotated_ones_and_whole_words() -> None:
    places = [TEXT.index("Paris"), TEXT.index("Paris,"), TEXT.index("Paris)")]
    assert {low for low, _ in right_places(asked(["Paris"], [places[1]]), 0)} == set(places)
    assert set(right_places(asked(["old. P", "is"], [9, 6]), 0)) == {(9, 15), (6, 8), (29, 31), (56, 58)}
    rows = [{"question": "?", "context": "काली बिल्ली, काल", "answers": {"text": ["काल"], "answer_start": [13]}}]
    assert set(right_places(Examples.from_rows(rows), 0)) == {(13, 16)}
    rows = [{"question": "How light?", "context": "It weighs 2,400 kg, not 400 g.", "answers": "400"}]
    assert set(right_places(Examples.from_rows(rows), 0)) == {(24, 27)}


@pytest.mark.parametrize("form", ["bert", "left"])
def test_right_places_become_tokens_of_the_batch(form: str, tmp_path: Path, host: PluginHost) -> None:
    hf = HfBackbone(HfOptions(model=str(save_model(tmp_path, form, max_position_embeddings=512))))
    examples = Examples.from_rows(
        [
            {"id": "a", "question": "Where?", "context": TEXT, "answers": {"text": ["Paris"], "answer_start": [37]}},
            {"id": "b", "question": "Who?", "context": "Nobody.", "answers": {"text": [], "answer_start": []}},
        ]
    )
    featurizer = host.build("featurizer", "stride", {"max_length": 400, "doc_stride": 4})
    features = featurizer.featurize(examples, hf.tokenizer(), hf.spec(), targets=True)
    rows = np.array([1, 0])
    batch = make_batch(features, rows, hf.spec(), torch.device("cpu"))
    spans = GoldSpans(examples, features).of(rows, batch)
    found = []
    table = batch.inputs["input_ids"]
    for row, first, last in spans.tolist():
        found.append(
            (row, hf.tokenizer().decode(table[row, first : last + 1]).replace(" ", "").replace("##", "").lower())
        )
    assert [row for row, _ in found] == [0, 1, 1, 1]
    assert [text for row, text in found if row] == ["paris"] * 3
    assert spans[0, 1:].tolist() == [int(batch.null_index[0])] * 2
    assert batch.start_target is not None
    assert int(batch.start_target[1]) in spans[1:, 1].tolist()


def test_an_adversary_moves_each_window_to_where_its_loss_is_higher(tmp_path: Path) -> None:
    hf = backbone(tmp_path, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    features = windows(LENGTHS, hf.spec())
    engine = trainer()
    model = assemble(engine, hf)
    batch = make_batch(features, np.arange(8), hf.spec(), torch.device("cpu"))
    model.train()
    adversary, losses, moved = Adversary(0.1), [], []
    with adversary.listening(model):
        handle = model.encoder.get_input_embeddings().register_forward_hook(lambda m, g, found: moved.append(found))
        losses.append(model.loss(model(batch), batch))
        with adversary.moved(losses[0]):
            losses.append(model.loss(model(batch), batch))
        losses.append(model.loss(model(batch), batch))
        handle.remove()
    first, there, again = (float(loss.detach()) for loss in losses)
    assert first < there
    assert first == again
    torch.testing.assert_close((moved[1] - moved[0]).flatten(1).norm(dim=1), torch.full((8,), 0.1))
    losses[1].backward()
    assert not model.encoder.get_input_embeddings()._forward_hooks


def test_an_adversary_moves_all_tables_that_share_the_words(tmp_path: Path) -> None:
    """Of BART, the encoder's and the decoder's: as one vector."""
    hf = backbone(tmp_path)
    torch.manual_seed(0)
    layers = {f"{half}_{n}": v for half in ("encoder", "decoder") for n, v in (("layers", 1), ("attention_heads", 2))}
    config = BartConfig(vocab_size=60, max_position_embeddings=64, d_model=16, dropout=0.0, pad_token_id=0, **layers)
    model = QAModel(AutoModel.from_config(config), LinearSpans(16, LinearOptions()), hf.tokenizer(), hf.spec()).train()
    batch = make_batch(windows(LENGTHS[:3], hf.spec()), np.arange(3), hf.spec(), torch.device("cpu"))
    batch.inputs.pop("token_type_ids")
    adversary, moved = Adversary(0.1), {}
    with adversary.listening(model):
        tables = [model.encoder.encoder.embed_tokens, model.encoder.decoder.embed_tokens]
        for table in tables:
            table.register_forward_hook(lambda table, given, found: moved.setdefault(table, []).append(found))
        loss = model.loss(model(batch), batch)
        with adversary.moved(loss):
            assert float(model.loss(model(batch), batch).detach()) > float(loss.detach())
    steps = [moved[table][1] - moved[table][0] for table in tables]
    assert all(float(step.norm().detach()) > 0 for step in steps)
    torch.testing.assert_close(torch.cat([s.flatten(1) for s in steps], 1).norm(dim=1), torch.full((3,), 0.1))


ALL = {
    "label_smoothing": 0.1,
    "marginal": True,
    "impossible_weight": 0.5,
    "null_from": "both-kinds",
    "r_drop": 1.0,
    "adversarial": 0.5,
    "layer_decay": 0.9,
    "average_decay": 0.9,
}


def test_promises_are_kept_with_all_of_them_together(host: PluginHost) -> None:
    check_component("trainer", "torch", {**ALL, "lora_rank": 2}, host=host)


def test_each_changes_the_training(tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    features = windows(LENGTHS, hf.spec())
    found = {}
    for name in (None, "label_smoothing", "impossible_weight", "r_drop", "adversarial"):
        engine = trainer(epochs=1.0, **({} if name is None else {name: ALL[name]}))
        model = assemble(engine, HfBackbone(hf.options))
        train(engine, model, features)
        found[name] = weights(model)
        assert not any(module._forward_hooks for module in model.modules())
    names = list(found)
    assert not any(same(found[a], found[b]) for k, a in enumerate(names) for b in names[:k])


def of_articles(*given: tuple[str, bool]) -> Examples:
    """A question for each title, with an answer or without."""
    gold = {True: {"text": ["old"], "answer_start": [9]}, False: {"text": [], "answer_start": []}}
    rows = [
        {"id": str(k), "title": title, "question": "What is Paris?", "context": TEXT, "answers": gold[answered]}
        for k, (title, answered) in enumerate(given)
    ]
    return Examples.from_rows(rows)


def test_articles_of_one_kind_teach_nothing_of_null(tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    features = windows(LENGTHS[:4], hf.spec())
    options = trainer(null_from="both-kinds").options
    examples = of_articles(("A", True), ("B", True), ("A", False), ("C", False))
    objective = objective_of(options, nullcontext, examples, features, 1)
    rows = np.array([3, 2, 0, 1])
    batch = objective.on_batch(make_batch(features, rows, hf.spec(), torch.device("cpu")), rows, 0)
    assert batch.extra["teaches_null"].tolist() == [False, True, True, False]
    for given in (of_articles(("A", True), ("B", False)), replace(examples, answer_offsets=None)):
        with pytest.raises(UsageError, match=r"trainer\.null_from: no article of the training data"):
            objective_of(options, nullcontext, given, features, 1)


def test_a_training_learns_as_much_of_null_as_its_articles_teach(tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    features = windows(LENGTHS, hf.spec())
    found = []
    for name, titles in (("all", "AAAAAAAA"), ("both-kinds", "AAAAAAAA"), ("both-kinds", "AAAABCDE")):
        engine = trainer(epochs=1.0, null_from=name)
        model = assemble(engine, HfBackbone(hf.options))
        engine.take_examples(of_articles(*zip(titles, [True, False] * 4, strict=True)))
        train(engine, model, features)
        found.append(weights(model))
    assert same(*found[:2])
    assert not same(*found[1:])


def test_r_drop_learns_from_two_passes_and_from_how_far_they_are_apart(tmp_path: Path) -> None:
    hf = backbone(tmp_path, hidden_dropout_prob=0.3)
    engine = trainer(r_drop=5.0)
    model = assemble(engine, hf).train()
    batch = make_batch(windows(LENGTHS, hf.spec()), np.arange(8), hf.spec(), torch.device("cpu"))
    one = model(batch)
    state = torch.get_rng_state()
    found = Objective(engine.options, engine.engine.autocast, None, None).loss(model, one, batch)
    torch.set_rng_state(state)
    other = model(batch)
    gaps = [divergence(*pair) for a, b in ((one.start, other.start), (one.end, other.end)) for pair in ((a, b), (b, a))]
    assert min(float(gap.detach()) for gap in gaps) > 1e-4
    due = (model.loss(one, batch) + model.loss(other, batch)) / 2 + 5 * torch.stack(gaps).mean()
    torch.testing.assert_close(found, due)


def test_without_dropout_a_second_pass_says_the_same(tmp_path: Path) -> None:
    hf = backbone(tmp_path, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    features = windows(LENGTHS, hf.spec())
    losses = []
    for options in ({}, {"r_drop": 5.0}, {"adversarial": 1e-9}):
        engine = trainer(max_steps=1, log_every=1, **options)
        model = engine.assemble(HfBackbone(hf.options), head_without_dropout(), seed=1)
        losses.append(train(engine, model, features)[0].loss)
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-5)


def head_without_dropout() -> Any:
    from qatk_builtin.heads.linear import LinearHead

    return LinearHead(LinearOptions(dropout=0.0))


class Bag(nn.Module):
    """No embeddings that it would name."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> None:
        """Not called."""


def test_what_does_not_fit_is_said(tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    features = windows(LENGTHS, hf.spec())
    for name in ("label_smoothing", "marginal", "impossible_weight", "null_from", "r_drop"):
        engine = trainer(**{name: ALL[name]})
        model = engine.assemble(HfBackbone(hf.options), head("biaffine"), seed=1)
        with pytest.raises(UsageError, match=f"head: {name} needs a head that scores starts and ends"):
            train(engine, model, features)
    plain = QAModel(Bag(), nn.Linear(4, 2), hf.tokenizer(), hf.spec())
    with pytest.raises(UsageError, match="Bag does not name its own"), Adversary(1.0).listening(plain):
        pass
