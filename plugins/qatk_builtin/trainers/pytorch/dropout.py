"""Dropout for CPUs, where torch draws a random number for each element, in one thread."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_STEPS = 2**16
"""Of a probability: an element's random number has 16 bits."""


def draw_by_four(model: nn.Module) -> None:
    """Let a model's dropouts be :class:`DropoutByFour`. Those that are called as functions stay."""
    found = [(module, name, part) for module in model.modules() for name, part in module.named_children()]
    for module, name, part in found:
        if type(part) is nn.Dropout:
            setattr(module, name, DropoutByFour(part.p, part.inplace).train(part.training))


class DropoutByFour(nn.Dropout):
    """Dropout that cuts each random number of 64 bits into four.

    A probability is rounded to a multiple of 2^-16, and elements that are kept are scaled by what that one asks for.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """The input with each element dropped or scaled; outside training, the input."""
        steps = round(self.p * _STEPS)
        if not self.training or self.inplace or not 0 < steps < _STEPS:
            return super().forward(input)
        number = input.numel()
        draws = torch.empty(-(-number // 4), dtype=torch.int64).random_(-(2**63), None)
        kept = draws.view(torch.int16)[:number].view(input.shape) >= steps - _STEPS // 2
        return input.mul(kept).mul_(_STEPS / (_STEPS - steps))
