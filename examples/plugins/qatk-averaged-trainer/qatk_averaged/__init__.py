"""The trainer ``averaged``: registration and options only; the rest is in the sibling module."""

from __future__ import annotations

from collections.abc import Iterable

from qatk.api import Component, Fraction, hookimpl
from qatk_builtin.trainers import TorchOptions

QATK_API = 1
"""The version of qatk's hooks that this plugin is written for."""


class AveragedOptions(TorchOptions):
    """Options of the ``averaged`` trainer: those of ``torch``, and two more."""

    smoothing: Fraction = 0.1
    """The share of each target that is spread evenly over the window's scored tokens."""
    decay: Fraction = 0.99
    """How much of the averaged weights each step keeps."""


@hookimpl
def qatk_trainers() -> Iterable[Component]:
    """What this package offers."""
    summary = "torch with label smoothing and averaged weights"
    return [Component("averaged", f"{__name__}.trainer:AveragedTrainer", AveragedOptions, summary)]
