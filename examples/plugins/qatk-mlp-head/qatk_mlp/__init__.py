"""The head ``mlp``: registration and options only; the rest is in the sibling module."""

from __future__ import annotations

from collections.abc import Iterable

from qatk.api import Component, Options, hookimpl

QATK_API = 1
"""The version of qatk's hooks that this plugin is written for."""


class MlpOptions(Options):
    """Options of the ``mlp`` head."""

    width: int = 256
    """Units of the hidden layer."""
    dropout: float = 0.1
    """Dropout before the scores."""


@hookimpl
def qatk_heads() -> Iterable[Component]:
    """The components of this package."""
    summary = "start and end scores from two layers with GELU"
    return [Component("mlp", f"{__name__}.head:Mlp", MlpOptions, summary)]
