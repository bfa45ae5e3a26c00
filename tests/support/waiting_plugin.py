"""A plugin for tests of runs that something happens to: a trainer that waits for it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from qatk.api import Component, hookimpl
from qatk_builtin.trainers import TorchOptions
from qatk_builtin.trainers.pytorch.model import QAModel
from qatk_builtin.trainers.pytorch.trainer import TorchTrainer

STEPS, PATIENCE_S = 8, 300


class WaitingOptions(TorchOptions):
    """Options of the ``waiting`` trainer."""

    until: str
    """The file that it waits for."""


class WaitingTrainer(TorchTrainer):
    """As ``torch``, but after so many steps it goes on only once a file is there."""

    options: WaitingOptions

    def __init__(self, options: WaitingOptions) -> None:
        super().__init__(options)
        self._steps = 0

    def on_step(self, model: QAModel) -> None:
        super().on_step(model)
        self._steps += 1
        end = time.monotonic() + PATIENCE_S
        while self._steps == STEPS and not Path(self.options.until).exists():
            if time.monotonic() > end:
                raise TimeoutError(f"{self.options.until} never came")
            time.sleep(0.02)


@hookimpl
def qatk_trainers() -> Iterable[Component]:
    return [Component("waiting", WaitingTrainer, WaitingOptions, "as torch, after something has happened")]
