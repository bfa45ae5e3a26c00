"""The global random generators of Python, numpy and torch: parts of a run must leave them as they are."""

from __future__ import annotations

import pickle
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


def random_states() -> dict[str, bytes]:
    """The states of the global generators, torch's where it is loaded, in a form that can be compared."""
    states: dict[str, object] = {"random": random.getstate(), "numpy.random": np.random.get_state()}
    if (torch := sys.modules.get("torch")) is not None:
        states["torch"] = torch.get_rng_state().numpy().tobytes()
    return {name: pickle.dumps(state) for name, state in states.items()}


def moved(before: dict[str, bytes], after: dict[str, bytes]) -> str:
    """The generators whose state differs."""
    return ", ".join(name for name, state in before.items() if after[name] != state)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the global generators for the body; afterwards they are as they were."""
    torch = sys.modules.get("torch")
    python, numpy, tensor = random.getstate(), np.random.get_state(), torch.get_rng_state() if torch else None
    random.seed(seed)
    np.random.seed(seed)
    if torch:
        torch.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        if torch:
            torch.set_rng_state(tensor)
