"""Rates by depth, schedules, layers drawn anew and averaged weights: what each does, for every architecture."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from transformers import (
    AutoModel,
    BartConfig,
    CanineConfig,
    DebertaV2Config,
    MBartConfig,
    OPTConfig,
    PretrainedConfig,
    XLMConfig,
)

from model_tools import ARCHITECTURES, SHAPE, save_model, windows
from qatk.api import QatkWarning, UsageError
from qatk_builtin.backbones import HfOptions
from qatk_builtin.backbones.hf import HfBackbone
from qatk_builtin.trainers import TorchOptions
from qatk_builtin.trainers.pytorch.averages import LatestWeights
from qatk_builtin.trainers.pytorch.batches import make_batch
from qatk_builtin.trainers.pytorch.depth import draw_anew, frozen, heights, layers_of, lowest
from qatk_builtin.trainers.pytorch.model import QAModel
from qatk_builtin.trainers.pytorch.optimizer import rate_factor
from qatk_builtin.trainers.pytorch.trainer import TorchTrainer
from trainer_tools import LENGTHS, assemble, backbone, same, train, trainer, weights

LOWEST = ("word_emb", "tok_embeddings", "rel_embeddings", "relative_attention_bias", "mask_emb", "embeddings_project")

_HALVES = {"layers": 2, "attention_heads": 2, "ffn_dim": 32}
_SIZES = {"vocab_size": 60} | {f"{half}_{n}": v for half in ("encoder", "decoder") for n, v in _HALVES.items()}


def of_form(folder: Path, form: str) -> HfBackbone:
    return HfBackbone(HfOptions(model=str(save_model(folder, form)), max_length=64))  # XLNet itself has no limit


@given(st.integers(1, 200), st.floats(0, 1), st.sampled_from(["linear", "cosine", "constant"]))
def test_rates_rise_to_the_peak_and_then_never_rise_again(total: int, share: float, form: str) -> None:
    warmup = round(share * total)
    rates = [rate_factor(step, warmup, total, form) for step in range(total)]
    assert all(0 < rate <= 1 for rate in rates)
    assert rates[:warmup] == sorted(rates[:warmup])
    assert rates[warmup:] == sorted(rates[warmup:], reverse=True)
    if warmup < total:
        assert rates[warmup] == 1


def test_the_forms_of_schedules() -> None:
    found = {
        form: [round(rate_factor(s, 0, 4, form), 3) for s in range(4)] for form in ("linear", "cosine", "constant")
    }
    assert found == {"linear": [1, 0.75, 0.5, 0.25], "cosine": [1, 0.854, 0.5, 0.146], "constant": [1, 1, 1, 1]}
    engine = trainer(schedule="constant", warmup=0.0)
    assert engine.options.schedule == "constant"


def test_training_follows_the_schedule(tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    engine = trainer(schedule="cosine", warmup=0.0, log_every=1, epochs=2.0)
    events = train(engine, assemble(engine, hf), windows(LENGTHS, hf.spec()))
    rates = [event.learning_rate / 1e-2 for event in events if event.kind == "step"]
    assert rates == pytest.approx([rate_factor(step, 0, 4, "cosine") for step in range(4)])


@pytest.mark.parametrize("form", ARCHITECTURES)
def test_rates_fall_with_depth_in_every_architecture(form: str, tmp_path: Path) -> None:
    engine = trainer(layer_decay=0.5, weight_decay=0.1)
    model = assemble(engine, of_form(tmp_path, form))
    optimizer = engine.optimizer(model)
    rate = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    assert rate.keys() == {id(p) for p in trained.values()}
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(rate)
    layers = layers_of(model.encoder)
    assert len(layers) == (1 if form == "albert" else 2)
    for above, layer in enumerate(reversed(layers)):
        assert {rate[id(p)] for p in layer.parameters()} == {1e-2 * 0.5**above}
    assert {rate[id(p)] for p in model.head.parameters()} == {1e-2}
    low = [name for name in trained if any(word in name for word in LOWEST)]
    assert low
    assert {rate[id(trained[name])] for name in low} == {1e-2 * 0.5 ** len(layers)}
    bare = {id(p) for group in optimizer.param_groups if not group["weight_decay"] for p in group["params"]}
    assert all(id(p) in bare for name, p in trained.items() if name.endswith("bias"))


def needing_gradients(model: QAModel, run: Callable[[], object]) -> list[set[bool]]:
    """Whether what linear layers give needs gradients, in each layer of the encoder."""
    seen: list[set[bool]] = []
    for layer in layers_of(model.encoder):
        seen.append(set())
        for part in (m for m in layer.modules() if isinstance(m, nn.Linear)):
            part.register_forward_hook(lambda part, given, out, found=seen[-1]: found.add(out.requires_grad))
    run()
    return seen


_TWO = {"encoder.layers.0.": 3, "encoder.layers.1.": 2, "decoder.layers.0.": 1, "decoder.layers.1.": 0}
_RELATIVE = {"relative_attention": True, "pos_att_type": ["p2c"], "position_buckets": 8, "conv_kernel_size": 3}


@pytest.mark.parametrize(
    ("config", "due"),
    [
        (BartConfig(**_SIZES, d_model=16), _TWO),
        (MBartConfig(**_SIZES, d_model=16), _TWO | {"encoder.layer_norm.": 2, "decoder.layer_norm.": 0}),
        (
            XLMConfig(vocab_size=60, emb_dim=16, n_layers=2, n_heads=2),
            {"attentions.0.": 1, "ffns.0.": 1, "layer_norm2.0.": 1},
        ),
        (
            DebertaV2Config(vocab_size=60, **SHAPE | {"num_hidden_layers": 3}, **_RELATIVE),
            {"encoder.layer.0.": 2, "encoder.conv.": 2, "encoder.layer.1.": 1, "encoder.layer.2.": 0},
        ),
        (
            OPTConfig(vocab_size=60, **SHAPE, word_embed_proj_dim=8, ffn_dim=16, do_layer_norm_before=False),
            {"decoder.layers.0.": 1, "decoder.layers.1.": 0, "decoder.project_out.": 0},
        ),
        (
            CanineConfig(**SHAPE, num_hash_buckets=16, upsampling_kernel_size=3),
            {
                "initial_char_encoder.": 3,
                "chars_to_molecules.": 3,
                "encoder.layer.0.": 2,
                "encoder.layer.1.": 1,
                "projection.": 1,
                "final_char_encoder.": 0,
            },
        ),
    ],
    ids=lambda given: getattr(given, "model_type", ""),
)
def test_what_lies_beside_layers_is_no_part_of_the_top_one(
    config: PretrainedConfig, due: dict[str, int], tmp_path: Path
) -> None:
    hf = backbone(tmp_path)
    model = QAModel(AutoModel.from_config(config), nn.Linear(16, 2), hf.tokenizer(), hf.spec())
    found = heights(model)
    named = {name: found[id(p)] for name, p in model.encoder.named_parameters()}
    depth = len(layers_of(model.encoder))
    assert depth == max(due.values()) + 1
    assert all(height == depth for name, height in named.items() if "emb" in name or "project_in" in name)
    assert {start: {h for n, h in named.items() if n.startswith(start)} for start in due} == {
        start: {height} for start, height in due.items()
    }
    ids = torch.full((2, 9), 7)
    with frozen(model, TorchOptions(frozen_layers=depth - 1)):
        seen = needing_gradients(model, lambda: model.encoder(input_ids=ids, attention_mask=torch.ones_like(ids)))
    assert seen == [{False}] * (depth - 1) + [{True}]


def test_lower_layers_move_less(tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    engine = trainer(layer_decay=0.01, max_steps=1)
    model = assemble(engine, hf)
    before = weights(model)
    train(engine, model, windows(LENGTHS, hf.spec()))
    moved = {name: float((value - before[name]).abs().max()) for name, value in weights(model).items()}
    top, low = (max(v for n, v in moved.items() if f"layer.{k}.attention" in n) for k in (1, 0))
    assert 0 < 50 * low < top


@pytest.mark.parametrize("form", ARCHITECTURES)
def test_top_layers_are_drawn_anew_in_every_architecture(form: str, tmp_path: Path) -> None:
    model = assemble(trainer(), of_form(tmp_path, form))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(3.0)
    before = weights(model)
    torch.manual_seed(1)
    draw_anew(model, 1)
    top = {id(p) for p in layers_of(model.encoder)[-1].parameters()}
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name]) == (id(parameter) not in top), name
        assert id(parameter) not in top or float(parameter.detach().mean()) < 1.5


def test_only_a_training_that_begins_draws_layers_anew(tmp_path: Path) -> None:
    hf = backbone(tmp_path / "base")
    features = windows(LENGTHS, hf.spec())
    engine = trainer(reinitialise_layers=2, log_every=1)
    model = assemble(engine, HfBackbone(hf.options))
    (tmp_path / "state").mkdir()
    events = engine.fit(model, features, None, seed=3)
    next(events)
    engine.save(model, tmp_path / "state", state=True)
    list(events)
    other = trainer(reinitialise_layers=2)
    resumed = assemble(other, HfBackbone(hf.options), seed=9)
    train(other, resumed, features, resume=tmp_path / "state")
    assert same(weights(resumed), weights(model))
    plain = trainer()
    untouched = assemble(plain, HfBackbone(hf.options))
    train(plain, untouched, features)
    assert not same(weights(untouched), weights(model))


@pytest.mark.parametrize(
    ("form", "options"),
    [*((form, {}) for form in (*ARCHITECTURES, "deberta-v3")), ("bert", {"gradient_checkpointing": True})],
    ids=str,
)
def test_no_gradients_go_through_frozen_layers_in_any_architecture(
    form: str, options: dict[str, Any], tmp_path: Path
) -> None:
    kind, config = ("deberta-v2", {"norm_rel_ebd": "layer_norm"}) if form == "deberta-v3" else (form, {})
    hf = HfBackbone(HfOptions(model=str(save_model(tmp_path, kind, **config)), max_length=64))
    engine = trainer(frozen_layers=1, max_steps=2, **options)
    model = assemble(engine, hf)
    learns = {name: p.requires_grad for name, p in model.named_parameters()}
    below, *above = layers_of(model.encoder)
    batch = make_batch(windows(LENGTHS, hf.spec()), np.arange(8), hf.spec(), torch.device("cpu"))
    before, low = weights(model), {id(p) for p in lowest(model, 1)}

    def told() -> Any:
        said = "frozen_layers is 1: nothing of AlbertModel is left to train, the head learns alone"
        return nullcontext() if above else pytest.warns(QatkWarning, match=said)

    with told(), frozen(model, engine.options):
        assert needing_gradients(model, lambda: model.train()(batch)) == [{False}, *({True} for _ in above)]
    with told():
        train(engine, model, windows(LENGTHS, hf.spec()))
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name]) or (id(parameter) not in low and learns[name]), name
    assert low >= {id(p) for p in below.parameters()}
    heads = [name for name in before if name.startswith("head.")]
    assert not any(torch.equal(weights(model)[name], before[name]) for name in heads)
    assert {name: p.requires_grad for name, p in model.named_parameters()} == learns


@pytest.mark.parametrize("form", ARCHITECTURES)
def test_all_that_several_processes_train_has_gradients_in_every_architecture(form: str, tmp_path: Path) -> None:
    model = assemble(trainer(), of_form(tmp_path, form))
    batch = make_batch(windows(LENGTHS, model.spec), np.arange(8), model.spec, torch.device("cpu"))
    learns = {name for name, p in model.named_parameters() if p.requires_grad}
    model.freeze_idle(batch)
    model.train().loss(model(batch), batch).backward()
    assert not any(p.requires_grad and p.grad is None for p in model.parameters())
    idle = {name for name in learns if not model.get_parameter(name).requires_grad}
    words = {"xlnet": ["mask_emb"], "longformer": ["query_global", "key_global", "value_global"]}.get(form, [])
    assert idle == {name for name in learns if any(word in name for word in words)}  # no window here has a separator


@pytest.mark.parametrize(
    "options",
    [{}, {"gradient_checkpointing": True, "adversarial": 0.1, "layer_decay": 0.9, "average_decay": 0.5}],
    ids=["alone", "with-others"],
)
def test_training_with_frozen_layers_goes_on_bit_for_bit(options: dict[str, Any], tmp_path: Path) -> None:
    hf = backbone(tmp_path / "base")
    features = windows(LENGTHS, hf.spec())
    engine = trainer(frozen_layers=1, log_every=1, **options)
    model = assemble(engine, HfBackbone(hf.options))
    (tmp_path / "state").mkdir()
    for event in engine.fit(model, features, None, seed=3):
        if event.kind == "step" and event.step == 2:
            engine.save(model, tmp_path / "state", state=True)
    other = trainer(frozen_layers=1, **options)
    resumed = assemble(other, HfBackbone(hf.options), seed=9)
    train(other, resumed, features, resume=tmp_path / "state")
    assert same(weights(resumed), weights(model))


def test_a_manifest_says_how_many_parameters_are_trained(tmp_path: Path) -> None:
    model, engine = assemble(trainer(), backbone(tmp_path)), trainer(frozen_layers=2)
    due = sum(p.numel() for p in model.head.parameters())
    assert engine.describe(model)["trained_parameters"] == due
    assert "trained_parameters" not in trainer().describe(model)
    with pytest.raises(UsageError, match="frozen_layers is 3, but BertModel has 2"):
        train(trainer(frozen_layers=3), model, windows(LENGTHS, model.spec))
    with pytest.raises(UsageError, match="frozen_layers and reinitialise_layers are more than the 2 layers"):
        train(trainer(frozen_layers=1, reinitialise_layers=2), model, windows(LENGTHS, model.spec))


def test_one_layer_that_is_used_again_and_again_is_frozen_whole(tmp_path: Path) -> None:
    model = assemble(trainer(), of_form(tmp_path, "albert"))
    said = "frozen_layers is 2, but AlbertModel has 1 layer, used 2 times: none of these can be frozen alone"
    with pytest.raises(UsageError, match=rf"{said}.*\n.*leave it out"):
        lowest(model, 2)


class Bag(nn.Module):
    """No list of layers, no architecture of transformers."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(9, 4)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> None:
        """Not called."""


def test_an_encoder_without_layers_is_refused(tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    spec = hf.spec()
    plain = QAModel(Bag(), nn.Linear(4, 2), hf.tokenizer(), spec)
    with pytest.raises(UsageError, match=r"Bag keeps its layers in no list(?s:.*) or lora_rank, whichever is given"):
        draw_anew(plain, 1)
    with pytest.raises(UsageError, match="Bag keeps its layers in no list"):
        trainer(layer_decay=0.9).optimizer(plain)
    plain.encoder.layers = nn.ModuleList([nn.Linear(4, 4)])
    with pytest.raises(UsageError, match="Bag does not say how its weights are drawn"):
        draw_anew(plain, 1)
    with pytest.raises(UsageError, match="reinitialise_layers is 3, but BertModel has 2"):
        draw_anew(assemble(trainer(), hf), 3)


class Noting(TorchTrainer):
    """Keeps the weights of each step."""

    def __init__(self, options: TorchOptions) -> None:
        super().__init__(options)
        self.steps: list[dict[str, Tensor]] = []

    def on_step(self, model: QAModel) -> None:
        super().on_step(model)
        self.steps.append(weights(model))


def noting(**options: Any) -> Noting:
    plain = {"device": "cpu", "precision": "fp32", "learning_rate": 1e-2, "batch_size": 4, "epochs": 3.0}
    return Noting(TorchOptions(**plain | options))


def test_the_moving_average_is_the_one_of_the_steps(tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    engine = noting(average_decay=0.3)
    model = assemble(engine, hf)
    due = weights(model)
    train(engine, model, windows(LENGTHS, hf.spec()))
    for n, step in enumerate(engine.steps, 1):
        keep = min(0.3, (1 + n) / (10 + n))
        due = {name: keep * value + (1 - keep) * step[name] for name, value in due.items()}
    assert len(engine.steps) == 6
    for name, value in weights(model).items():
        torch.testing.assert_close(value, due[name], msg=name)


@pytest.mark.parametrize(("number", "ends"), [(1, [5]), (2, [3, 5]), (9, [1, 3, 5])])
def test_the_mean_of_the_latest_epochs(number: int, ends: list[int], tmp_path: Path) -> None:
    hf = backbone(tmp_path)
    features = windows(LENGTHS, hf.spec())
    engine = noting(average_epochs=number)
    model = assemble(engine, hf)
    train(engine, model, features, dev=features)
    for name, value in weights(model).items():
        torch.testing.assert_close(value, torch.stack([engine.steps[k][name] for k in ends]).mean(0), msg=name)


def test_the_mean_of_weights_that_stay_is_these_weights(tmp_path: Path) -> None:
    model = assemble(trainer(), backbone(tmp_path))
    due, average = weights(model), LatestWeights(model, 3)
    for _ in range(3):
        average.after_step(model)
        found = average.weights(model)
    assert same(found, due)


def test_the_mean_is_had_where_a_gpu_goes_on_from_a_state_in_main_memory() -> None:
    saved = {"kept": {2: {"0": torch.ones(2)}}, "steps": 2}
    with FakeTensorMode(allow_non_fake_inputs=True):  # on devices that this machine need not have
        model: Any = nn.ParameterList([nn.Parameter(torch.empty(2, device="cuda"))])
        average = LatestWeights(model, 2)
        average.load_state_dict(saved)
        average.after_step(model)
        assert {value.device.type for value in average.weights(model).values()} == {"cuda"}
        kept = average.state_dict()["kept"]
    assert {(step, value.device.type) for step, state in kept.items() for value in state.values()} == {
        (2, "cpu"),
        (3, "cpu"),
    }


@pytest.mark.parametrize(
    ("options", "stop"), [({"average_decay": 0.5}, 4), ({"average_epochs": 2}, 3), ({"average_epochs": 2}, 5)], ids=str
)
def test_averaged_training_resumes_bit_for_bit(options: dict[str, Any], stop: int, tmp_path: Path) -> None:
    """Stopped in the middle of an epoch, and at its end."""
    hf = backbone(tmp_path / "base")
    features = windows([*LENGTHS, 12], hf.spec())
    straight = noting(**options)
    whole = assemble(straight, HfBackbone(hf.options))
    train(straight, whole, features, dev=features)
    first, second = noting(**options, log_every=1), noting(**options)
    model = assemble(first, HfBackbone(hf.options))
    (tmp_path / "state").mkdir()
    for event in first.fit(model, features, features, seed=3):
        if event.step == stop and event.kind == ("epoch" if stop == 3 else "step"):
            first.save(model, tmp_path / "state", state=True)
            break
    resumed = assemble(second, HfBackbone(hf.options), seed=77)
    train(second, resumed, features, dev=features, resume=tmp_path / "state")
    assert len(second.steps) == 9 - stop
    assert same(weights(resumed), weights(whole))
    assert same(second.steps[-1], straight.steps[-1])
