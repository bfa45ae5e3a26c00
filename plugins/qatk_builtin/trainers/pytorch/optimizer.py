"""AdamW over groups of parameters, and the schedule of the learning rates."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from qatk_builtin.trainers import TorchOptions
from qatk_builtin.trainers.pytorch.depth import heights
from qatk_builtin.trainers.pytorch.model import QAModel


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """The trainable parameters in two groups: with weight decay, and without (biases, norms, magnitudes of DoRA)."""
    bare = {
        id(parameter)
        for module in model.modules()
        for name, parameter in module.named_parameters(recurse=False)
        if name.endswith("bias") or any(word in type(module).__name__.lower() for word in ("norm", "dora"))
    }
    trained = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trained if id(p) not in bare], "weight_decay": weight_decay},
        {"params": [p for p in trained if id(p) in bare], "weight_decay": 0.0},
    ]


def layered_groups(model: QAModel, options: TorchOptions) -> list[dict[str, Any]]:
    """The groups of :func:`parameter_groups`, each by the height of its parameters, with their learning rates.

    A rate is that of the options times ``layer_decay`` for each encoder layer above (ELECTRA, Clark et al. 2020).
    """
    above = heights(model)
    found: dict[tuple[int, float], dict[str, Any]] = {}
    for group in parameter_groups(model, options.weight_decay):
        for parameter in group["params"]:
            height, decay = above[id(parameter)], group["weight_decay"]
            rate = options.learning_rate * options.layer_decay**height
            rated = found.setdefault((height, decay), {"params": [], "weight_decay": decay, "lr": rate})
            rated["params"].append(parameter)
    return list(found.values())


def adamw(model: QAModel, options: TorchOptions) -> Optimizer:
    """AdamW with the options' peak learning rates and weight decay, fused where torch has it so."""
    fused = next(model.parameters()).device.type in ("cpu", "cuda")
    plain = options.layer_decay == 1
    groups = parameter_groups(model, options.weight_decay) if plain else layered_groups(model, options)
    return torch.optim.AdamW(groups, lr=options.learning_rate, fused=fused)


def is_fused(optimizer: Optimizer) -> bool:
    """Whether every group is stepped by a fused kernel, which leaves the weights alone where ``found_inf`` says so."""
    return all(group.get("fused") for group in optimizer.param_groups)


class Schedule:
    """Linear warm-up, and then the form that is asked for, of each group's own learning rate.

    Args:
        optimizer: as it was made: the rates that its groups have now are their peaks.
        warmup: steps over which the rates rise.
        total: all steps.
        form: ``linear`` or ``cosine`` fall towards 0; ``constant`` stays.
    """

    def __init__(self, optimizer: Optimizer, warmup: int, total: int, form: str = "linear") -> None:
        self._optimizer, self._warmup, self._total, self._form = optimizer, warmup, total, form
        self._peaks: list[float] = [group["lr"] for group in optimizer.param_groups]

    def set(self, step: int) -> float:
        """Give the groups their rates of a step (from 0); the highest of them."""
        factor = rate_factor(step, self._warmup, self._total, self._form)
        rates = [peak * factor for peak in self._peaks]
        for group, rate in zip(self._optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        return max(rates)


def rate_factor(step: int, warmup: int, total: int, form: str = "linear") -> float:
    """Share of the peak learning rate at a step (from 0): up over ``warmup`` steps, then as ``form`` says; never 0."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    left = (total - step) / (total - warmup)
    return {"linear": left, "cosine": (1 - math.cos(math.pi * left)) / 2, "constant": 1.0}[form]
