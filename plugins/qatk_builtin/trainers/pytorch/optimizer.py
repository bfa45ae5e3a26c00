"""AdamW over two groups of parameters, and the schedule of the learning rates."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim import Optimizer

from qatk_builtin.trainers import TorchOptions


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """The trainable parameters in two groups: with weight decay, and without (biases and norms)."""
    bare = {
        id(parameter)
        for module in model.modules()
        for name, parameter in module.named_parameters(recurse=False)
        if name.endswith("bias") or "norm" in type(module).__name__.lower()
    }
    trained = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trained if id(p) not in bare], "weight_decay": weight_decay},
        {"params": [p for p in trained if id(p) in bare], "weight_decay": 0.0},
    ]


def adamw(model: nn.Module, options: TorchOptions) -> Optimizer:
    """AdamW with the options' peak learning rate and weight decay, fused where torch has it so."""
    fused = next(model.parameters()).device.type in ("cpu", "cuda")
    return torch.optim.AdamW(parameter_groups(model, options.weight_decay), lr=options.learning_rate, fused=fused)


def is_fused(optimizer: Optimizer) -> bool:
    """Whether every group is stepped by a fused kernel, which leaves the weights alone where ``found_inf`` says so."""
    return all(group.get("fused") for group in optimizer.param_groups)


class Schedule:
    """Linear warm-up and decay of each group's own learning rate.

    Args:
        optimizer: as it was made: the rates that its groups have now are their peaks.
        warmup: steps over which the rates rise.
        total: all steps.
    """

    def __init__(self, optimizer: Optimizer, warmup: int, total: int) -> None:
        self._optimizer, self._warmup, self._total = optimizer, warmup, total
        self._peaks: list[float] = [group["lr"] for group in optimizer.param_groups]

    def set(self, step: int) -> float:
        """Give the groups their rates of a step (from 0); the highest of them."""
        factor = rate_factor(step, self._warmup, self._total)
        rates = [peak * factor for peak in self._peaks]
        for group, rate in zip(self._optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        return max(rates)


def rate_factor(step: int, warmup: int, total: int) -> float:
    """Share of the peak learning rate at a step (from 0): up over ``warmup`` steps, then down; never 0."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return (total - step) / (total - warmup)
