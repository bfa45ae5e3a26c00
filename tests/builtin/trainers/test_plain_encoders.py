"""Encoders that are plain modules, without a configuration of transformers: trained, kept, stopped, loaded again."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

import qatk
from head_cases import head
from model_tools import windows
from qatk.api import ModelError
from qatk.plugins.host import PluginHost
from qatk_builtin.backbones import TinyOptions
from qatk_builtin.backbones.tiny import TinyBackbone
from small import write_recipe
from tiny_cases import prepared
from trainer_tools import LENGTHS, assemble, same, train, trainer, weights

PLUGIN = '''
from types import SimpleNamespace
from torch import nn
from qatk.api import Component, hookimpl
from qatk_builtin.backbones import TinyOptions
from qatk_builtin.backbones.tiny import TinyBackbone

class Bag(nn.Module):
    """Embeddings and one layer: no transformer, no configuration."""

    def __init__(self, tokens, size):
        super().__init__()
        self.words, self.layer = nn.Embedding(tokens, size), nn.Linear(size, size)

    def forward(self, input_ids, attention_mask, token_type_ids=None):
        return SimpleNamespace(last_hidden_state=self.layer(self.words(input_ids)))

class BagBackbone(TinyBackbone):
    def encoder(self):
        return Bag(len(self.tokenizer()), self.options.hidden_size)

@hookimpl
def qatk_backbones():
    return [Component("bag", f"{__name__}:BagBackbone", TinyOptions, "words alone")]
'''


class Bag(nn.Module):
    """What the plugin has; ``settings`` is what an encoder of another library may call ``config``."""

    def __init__(self, tokens: int, size: int, settings: object) -> None:
        super().__init__()
        self.words, self.layer = nn.Embedding(tokens, size), nn.Linear(size, size)
        if settings is not None:
            self.config = settings

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: Any = None) -> Any:
        return SimpleNamespace(last_hidden_state=self.layer(self.words(input_ids)))


class BagBackbone(TinyBackbone):
    settings: object = None

    def encoder(self) -> nn.Module:
        return Bag(len(self.tokenizer()), self.options.hidden_size, self.settings)


def bag(settings: object) -> BagBackbone:
    made = BagBackbone(TinyOptions(vocab_size=150, hidden_size=16, max_length=64))
    made._tokenizer, made.settings = prepared().tokenizer(), settings
    return made


@pytest.mark.parametrize("name", ["linear", "conditional"])
@pytest.mark.parametrize("settings", [None, {"size": 16}, SimpleNamespace(size=16)])
def test_it_is_saved_and_loaded_without_a_configuration(settings: object, name: str, tmp_path: Path) -> None:
    backbone, engine = bag(settings), trainer(epochs=1.0)

    def begun(seed: int) -> Any:
        if name == "linear":
            return assemble(engine, backbone, seed=seed)  # type: ignore[arg-type]
        return engine.assemble(backbone, head(name), seed=seed)

    features = windows(LENGTHS, backbone.spec())
    model = begun(1)
    train(engine, model, features)
    (tmp_path / "model").mkdir()
    engine.save(model, tmp_path / "model", state=False)
    assert engine.describe(model)["saved_as"] == "qatk"
    assert not (tmp_path / "model" / "config.json").exists()
    fresh = begun(2)
    assert not same(weights(fresh), weights(model))
    engine.load(fresh, tmp_path / "model")
    assert same(weights(fresh), weights(model))
    (tmp_path / "model" / "head.safetensors").unlink()
    with pytest.raises(ModelError, match="the weights are of another model"):
        engine.load(fresh, tmp_path / "model")


def test_a_run_of_it_ends_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "qatk_bag.py").write_text(PLUGIN)
    host = PluginHost.discover(files=[str(tmp_path / "qatk_bag.py")], environ={})
    recipe = write_recipe(tmp_path, train=32, dev=12)
    settings = ["backbone={use: bag, vocab_size: 400, hidden_size: 32, max_length: 64}"]
    first = qatk.run(recipe, out=tmp_path / "run", settings=settings, host=host)
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    del manifest["stages"]["predict"], manifest["stages"]["score"]
    (tmp_path / "run" / "manifest.json").write_text(json.dumps(manifest))
    again = qatk.run(recipe, out=tmp_path / "run", settings=settings, host=host, resume=True)
    assert again.metrics == first.metrics
    assert again.evaluation.predictions.score.tolist() == first.evaluation.predictions.score.tolist()
