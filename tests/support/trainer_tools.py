"""Trainers and small models for their tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from model_tools import save_model
from qatk.api import Features, TrainEvent
from qatk_builtin.backbones import HfOptions
from qatk_builtin.backbones.hf import HfBackbone
from qatk_builtin.heads import LinearOptions
from qatk_builtin.heads.linear import LinearHead
from qatk_builtin.trainers import TorchOptions
from qatk_builtin.trainers.pytorch.model import QAModel
from qatk_builtin.trainers.pytorch.trainer import TorchTrainer

LENGTHS = [9, 14, 30, 11, 22, 17, 9, 40]


def trainer(**options: Any) -> TorchTrainer:
    plain = {"device": "cpu", "precision": "fp32", "learning_rate": 1e-2, "batch_size": 4}
    return TorchTrainer(TorchOptions(**plain | options))


def backbone(folder: Path, form: str = "bert", **config: Any) -> HfBackbone:
    return HfBackbone(HfOptions(model=str(save_model(folder, form, **config))))


def assemble(engine: TorchTrainer, hf: HfBackbone, *, seed: int = 1, **options: Any) -> QAModel:
    return engine.assemble(hf, LinearHead(LinearOptions(**options)), seed=seed)


def weights(model: QAModel) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


def train(engine: TorchTrainer, model: QAModel, features: Features, **more: Any) -> list[TrainEvent]:
    return list(engine.fit(model, features, more.pop("dev", None), seed=3, **more))
