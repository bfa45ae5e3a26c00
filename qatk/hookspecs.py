"""The hooks: read this file first.

A plugin is a module (or any object) that is registered in the entry-point group ``qatk``. It implements some of the
hooks below and marks them with ``qatk.api.hookimpl``. Each hook is called once, when qatk first needs to know the
components; it takes no arguments and returns an iterable of :class:`qatk.api.Component`. The protocol of the same name
in :mod:`qatk.api` says what a component of a kind must be able to do. No hook is ``firstresult``, historic or a
wrapper, so the order of plugins does not matter, and installing a plugin changes nothing until a recipe names one of
its components.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from qatk.component import Component

PROJECT = "qatk"
API_VERSION = 1
"""The version of these hooks and of the protocols behind them. It increases when plugins for an earlier
version may stop working. A plugin states its version in its module, ``QATK_API = 1``; without this line it is 1."""
hookspec = pluggy.HookspecMarker(PROJECT)
"""Marks the declaration of a hook."""
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a plugin's implementation of a hook."""


@hookspec
def qatk_datasets() -> Iterable[Component]:
    """Return sources of examples: files, hubs, generators. See :class:`qatk.api.Dataset`."""


@hookspec
def qatk_backbones() -> Iterable[Component]:
    """Return tokenizers with their encoders. See :class:`qatk.api.Backbone`."""


@hookspec
def qatk_featurizers() -> Iterable[Component]:
    """Return components that turn examples into token windows. See :class:`qatk.api.Featurizer`."""


@hookspec
def qatk_retrievers() -> Iterable[Component]:
    """Return components that choose which windows of long contexts are scored. See :class:`qatk.api.Retriever`."""


@hookspec
def qatk_heads() -> Iterable[Component]:
    """Return components that turn encoder states into span scores. See :class:`qatk.api.Head`."""


@hookspec
def qatk_trainers() -> Iterable[Component]:
    """Return components that train a model and predict with it. See :class:`qatk.api.Trainer`."""


@hookspec
def qatk_runtimes() -> Iterable[Component]:
    """Return components that predict with a trained model. See :class:`qatk.api.Runtime`."""


@hookspec
def qatk_exporters() -> Iterable[Component]:
    """Return components that write a trained model in another format. See :class:`qatk.api.Exporter`."""


@hookspec
def qatk_launchers() -> Iterable[Component]:
    """Return components that run the commands of a comparison somewhere. See :class:`qatk.api.Launcher`."""


@hookspec
def qatk_decoders() -> Iterable[Component]:
    """Return components that turn span scores into answers. See :class:`qatk.api.Decoder`."""


@hookspec
def qatk_metrics() -> Iterable[Component]:
    """Return components that score each question; the core averages. See :class:`qatk.api.Metric`."""


@hookspec
def qatk_normalisers() -> Iterable[Component]:
    """Return components that bring answers of a language into the form in which metrics compare them.

    The name of each is what a metric's option ``language`` names. See :class:`qatk.api.Normaliser`.
    """


@hookspec
def qatk_slicers() -> Iterable[Component]:
    """Return components that name groups of questions to report on. See :class:`qatk.api.Slicer`."""


@hookspec
def qatk_reporters() -> Iterable[Component]:
    """Return components that show or write the result of a run. See :class:`qatk.api.Reporter`."""


@hookspec
def qatk_trackers() -> Iterable[Component]:
    """Return components that log a run while it goes on. See :class:`qatk.api.Tracker`."""
