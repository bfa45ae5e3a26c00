"""The head ``mlp``. Registration and options only; the rest stands in the sibling module."""

from __future__ import annotations

from collections.abc import Iterable

from qatk.api import Component, Options, hookimpl

QATK_API = 1
"""The version of qatk's hooks that this plugin is made for."""


class MlpOptions(Options):
    """Options of the ``mlp`` head."""

    width: int = 256
    """Units of the layer in between."""
    dropout: float = 0.1
    """Dropout before the scores."""


@hookimpl
def qatk_heads() -> Iterable[Component]:
    """What this package offers."""
    summary = "start and end scores by two layers, GELU between"
    return [Component("mlp", f"{__name__}.head:Mlp", MlpOptions, summary)]
