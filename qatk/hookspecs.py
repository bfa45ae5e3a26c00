"""The hooks: the page to read first.

A plugin is a module (or any object) registered under the entry-point group ``qatk``. It implements any of the
hooks below, marked with ``qatk.api.hookimpl``. Each takes no argument and returns an iterable of
:class:`qatk.api.Component`; what a component of each kind must be able to do is the protocol of the same name
in :mod:`qatk.api`. No hook is ``firstresult``, historic or a wrapper, so the order of plugins cannot matter, and
installing a plugin changes nothing until a recipe names one of its components.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from qatk.component import Component

PROJECT = "qatk"
API_VERSION = 1
"""The version of these hooks and of the protocols behind them. It rises when a plugin made for an earlier one may no
longer work. A plugin says in its module what it is made for, ``QATK_API = 1``; one that does not is made for 1."""
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def qatk_datasets() -> Iterable[Component]:
    """Sources of examples: files, hubs, generators. See :class:`qatk.api.Dataset`."""


@hookspec
def qatk_backbones() -> Iterable[Component]:
    """Tokenizers with their encoders. See :class:`qatk.api.Backbone`."""


@hookspec
def qatk_featurizers() -> Iterable[Component]:
    """Examples to token windows. See :class:`qatk.api.Featurizer`."""


@hookspec
def qatk_heads() -> Iterable[Component]:
    """Encoder states to span scores. See :class:`qatk.api.Head`."""


@hookspec
def qatk_trainers() -> Iterable[Component]:
    """Train a model, and predict with it. See :class:`qatk.api.Trainer`."""


@hookspec
def qatk_decoders() -> Iterable[Component]:
    """Span scores to answers. See :class:`qatk.api.Decoder`."""


@hookspec
def qatk_metrics() -> Iterable[Component]:
    """One value a question; the core averages. See :class:`qatk.api.Metric`."""


@hookspec
def qatk_slicers() -> Iterable[Component]:
    """Named groups of questions to report on. See :class:`qatk.api.Slicer`."""


@hookspec
def qatk_reporters() -> Iterable[Component]:
    """Show or write the result of a run. See :class:`qatk.api.Reporter`."""


@hookspec
def qatk_trackers() -> Iterable[Component]:
    """Follow a run while it goes on. See :class:`qatk.api.Tracker`."""
