"""Where a training stands beside its weights: what a resumed one needs in order to go on as if it had never stopped."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

Totals = tuple[float, int, int, float]
"""Of a meter: the sum of losses, the windows that they are of, all windows, seconds."""


@dataclass
class Course:
    """Where a training stands.

    Attributes:
        evaluated: whether the dev windows have been scored since the last step, or there was none.
        splits: the parts that each part of a batch is split into for want of memory.
        meters: what the meters have summed up since their last reading, by name.
        generators: the states of all generators of random numbers, as :func:`generator_states` gives them.
    """

    evaluated: bool = True
    splits: int = 1
    meters: dict[str, Totals] = field(default_factory=dict)
    generators: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, saved: Mapping[str, Any]) -> Course:
        """What :meth:`plain` gave; of a state that was saved before there was any, that of an epoch's end."""
        known = {name: saved[name] for name in cls.__dataclass_fields__ if name in saved}
        return cls(**known)

    def plain(self) -> dict[str, object]:
        """Numbers, strings, tensors and containers of these."""
        return dict(vars(self))


def generator_states(device: torch.device) -> dict[str, Any]:
    """The states of the generators that :func:`accelerate.utils.set_seed` seeds."""
    name, keys, *rest = np.random.get_state(legacy=True)
    found: dict[str, Any] = {
        "python": random.getstate(),
        "numpy": (name, torch.from_numpy(np.asarray(keys, np.int64)), *rest),
        "torch": torch.get_rng_state(),
    }
    if device.type == "cuda":
        found["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        found["mps"] = torch.mps.get_rng_state()
    return found


def restore_generators(states: Mapping[str, Any], device: torch.device) -> None:
    """Put back what :func:`generator_states` gave; the device's own only where it was of such a device."""
    random.setstate(states["python"])
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(states["torch"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
    elif device.type == "mps" and "mps" in states:
        torch.mps.set_rng_state(states["mps"])
