"""Averages of the weights that training passes through, which are evaluated and saved in place of the last ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from qatk_builtin.trainers import TorchOptions
from qatk_builtin.trainers.pytorch.model import QAModel
from qatk_builtin.trainers.pytorch.sharding import part_of


class MovingAverage:
    """The exponential moving average of the weights after each step (Polyak averaging).

    In the first steps it keeps less of what was before, (1 + n) / (10 + n) after n steps, so that the weights from
    before training do not stay in it.
    """

    def __init__(self, model: QAModel, decay: float) -> None:
        self._decay, self._steps = decay, 0
        self._values = _copied(model)

    def after_step(self, model: QAModel) -> None:
        """Take in the weights."""
        self._steps += 1
        keep = min(self._decay, (1 + self._steps) / (10 + self._steps))
        state = model.state_dict()
        floating = [name for name, value in self._values.items() if value.is_floating_point()]
        before, now = ([part_of(of[name]) for name in floating] for of in (self._values, state))
        torch._foreach_lerp_(before, now, 1 - keep)

    def weights(self, model: QAModel) -> Mapping[str, Tensor]:
        """The average, by the names of the model."""
        return self._values

    def state_dict(self) -> dict[str, Any]:
        """What goes on: the average and the steps so far."""
        return {"values": self._values, "steps": self._steps}

    def load_state_dict(self, state: Mapping[str, Any], /) -> None:
        """Go on from a state."""
        self._steps = int(state["steps"])
        for name, value in self._values.items():
            value.copy_(state["values"][name])


class LatestWeights:
    """The mean of the weights at the ends of the latest epochs (LAWA, Kaddour 2022), which lie in main memory."""

    def __init__(self, model: QAModel, number: int) -> None:
        self._number, self._steps = number, 0
        self._kept: dict[int, dict[str, Tensor]] = {}

    def after_step(self, model: QAModel) -> None:
        """Count."""
        self._steps += 1

    def weights(self, model: QAModel) -> Mapping[str, Tensor]:
        """The mean; asked at an epoch's end, which it takes in once however often it is asked.

        In double precision, so that the mean of equal values, such as those of frozen layers, is this value.
        """
        if self._steps not in self._kept:
            self._kept[self._steps] = {name: value.cpu() for name, value in _copied(model).items()}
        for step in sorted(self._kept)[: -self._number]:
            del self._kept[step]
        return {
            name: torch.stack([kept[name].double() for kept in self._kept.values()]).mean(0).to(value)
            if value.is_floating_point()
            else value
            for name, value in model.state_dict().items()
        }

    def state_dict(self) -> dict[str, Any]:
        """What goes on: the weights at the ends of epochs, and the steps so far."""
        return {"kept": self._kept, "steps": self._steps}

    def load_state_dict(self, state: Mapping[str, Any], /) -> None:
        """Go on from a state."""
        self._steps, self._kept = int(state["steps"]), dict(state["kept"])


def average_of(model: QAModel, options: TorchOptions) -> MovingAverage | LatestWeights | None:
    """The average that the options ask for."""
    if options.average_decay is not None:
        return MovingAverage(model, options.average_decay)
    return None if options.average_epochs is None else LatestWeights(model, options.average_epochs)


def _copied(model: QAModel) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}
