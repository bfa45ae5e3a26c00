"""A recipe becomes live components."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from qatk.languages import DEFAULT, Normalisation
from qatk.plugins.adapter import Live, Normalised
from qatk.plugins.host import PluginHost
from qatk.plugins.live import (
    LiveBackbone,
    LiveDataset,
    LiveDecoder,
    LiveHead,
    LiveMetric,
    LiveReporter,
    LiveSlicer,
    LiveTracker,
    LiveTrainer,
)
from qatk.plugins.live_exports import LiveRuntime
from qatk.plugins.live_windows import LiveFeaturizer, LiveRetriever
from qatk.plugins.normalisers import named_language, normalisation_of
from qatk.plugins.registered import Registered
from qatk.recipes.recipe import Recipe
from qatk.recipes.sections import DEFAULTS, RETRIEVAL, Choice
from qatk.types import Examples

L = TypeVar("L", bound=Live[object])
N = TypeVar("N", bound=Normalised[object])
Sections = Mapping[str, Mapping[str, object]]
"""Sections of a recipe by name, each with ``use`` and the options of a component."""


@dataclass(frozen=True)
class Pipeline:
    """The live components of a run; ``sets`` are its further evaluation sets, by name."""

    train: LiveDataset | None
    dev: LiveDataset
    sets: Mapping[str, LiveDataset]
    backbone: LiveBackbone
    featurizer: LiveFeaturizer
    retriever: LiveRetriever | None
    head: LiveHead
    trainer: LiveTrainer
    runtime: LiveRuntime
    decoder: LiveDecoder
    metrics: Sequence[LiveMetric]
    slicers: Sequence[LiveSlicer]
    reporters: Sequence[LiveReporter]
    trackers: Sequence[LiveTracker]
    normalisation: Normalisation
    host: PluginHost

    def normalisers(self, scored: Iterable[Examples]) -> list[Registered]:
        """The normalisers by which answers to these examples are compared."""
        names = {name for examples in scored for name in self.normalisation.names(examples)}
        if not any(registered.is_called(DEFAULT) for registered in self.host.components("normaliser")):
            names.discard(DEFAULT)  # the core has it, whatever plugins are let in
        return [self.host.find("normaliser", name) for name in sorted(names)]

    def suppliers(self) -> list[Registered]:
        """All of them, with their plugins."""
        given: list[Live[object]] = [live for live in (self.train, self.retriever) if live]
        data = [*given, self.dev, *self.sets.values()]
        one = (*data, self.backbone, self.featurizer, self.head, self.trainer, self.runtime, self.decoder)
        return [live.registered for live in (*one, *self.metrics, *self.slicers, *self.reporters, *self.trackers)]


@dataclass(frozen=True)
class ModelParts:
    """The live components that make answers, of a run or of a model; an exported one has neither head nor trainer."""

    backbone: LiveBackbone
    featurizer: LiveFeaturizer
    head: LiveHead | None
    trainer: LiveTrainer | None
    runtime: LiveRuntime
    decoder: LiveDecoder
    retriever: LiveRetriever | None = None


def compose_model(sections: Sections, host: PluginHost) -> ModelParts:
    """Build the components of a model from the sections of a recipe; an empty section is the default one.

    Raises:
        UsageError: where a component or an option is unknown.
        PluginError: where one cannot be imported, or lacks a method of its protocol.
    """
    return ModelParts(
        backbone=model_part(LiveBackbone, "backbone", sections, host),
        featurizer=model_part(LiveFeaturizer, "featurizer", sections, host),
        head=model_part(LiveHead, "head", sections, host) if "head" in sections else None,
        trainer=model_part(LiveTrainer, "trainer", sections, host) if "trainer" in sections else None,
        runtime=model_part(LiveRuntime, "runtime", sections, host),
        decoder=model_part(LiveDecoder, "decoder", sections, host),
        retriever=retriever_part(sections, host),
    )


def retriever_part(sections: Sections, host: PluginHost) -> LiveRetriever | None:
    """What chooses a model's windows; ``None`` where its section is missing or empty."""
    chosen = sections.get(RETRIEVAL)
    return host.live_section(LiveRetriever, "retriever", chosen) if chosen else None


def model_part(adapter: type[L], kind: str, sections: Sections, host: PluginHost) -> L:
    """One component of a model; raises as :func:`compose_model` does."""
    given = sections.get(kind, {})
    return host.live_section(adapter, kind, {**(DEFAULTS[kind] if "use" not in given else {}), **given})


def default_parts(adapter: type[N], section: str, by: Normalisation, host: PluginHost) -> list[N]:
    """The components of a recipe that names none of a section, such as its metrics, comparing by one normalisation."""
    parts = [host.live_section(adapter, section.removesuffix("s"), chosen) for chosen in DEFAULTS[section]]
    for part in parts:
        part.normalise_by(by)
    return parts


def compose(recipe: Recipe, host: PluginHost) -> Pipeline:
    """Build every component that the recipe chose, with the normaliser that any of its metrics names.

    Raises:
        PluginError: where one cannot be imported, or lacks a method of its protocol.
    """
    metrics = _many(LiveMetric, recipe, "metrics")
    language, column = named_language(metric.options.model_dump() for metric in metrics)
    normalisation = normalisation_of(language, column, host)
    slicers = _many(LiveSlicer, recipe, "slicers")
    free = (slicer for slicer in slicers if named_language([slicer.options.model_dump()]) == (None, None))
    decoder = _must(LiveDecoder, recipe, "decoder")
    for part in (decoder, *metrics, *free):
        part.normalise_by(normalisation)
    return Pipeline(
        train=_build(LiveDataset, train) if (train := recipe.one("data", "train")) else None,
        dev=_must(LiveDataset, recipe, "data", "dev"),
        sets={name: _must(LiveDataset, recipe, "data", name) for name in recipe.sets},
        backbone=_must(LiveBackbone, recipe, "backbone"),
        featurizer=_must(LiveFeaturizer, recipe, "featurizer"),
        retriever=_build(LiveRetriever, chosen) if (chosen := recipe.one(RETRIEVAL)) else None,
        head=_must(LiveHead, recipe, "head"),
        trainer=_must(LiveTrainer, recipe, "trainer"),
        runtime=_must(LiveRuntime, recipe, "runtime"),
        decoder=decoder,
        metrics=metrics,
        slicers=slicers,
        reporters=_many(LiveReporter, recipe, "reporters"),
        trackers=_many(LiveTracker, recipe, "trackers"),
        normalisation=normalisation,
        host=host,
    )


def _build(adapter: type[L], choice: Choice) -> L:
    return adapter.build(choice.registered, choice.options)


def _must(adapter: type[L], recipe: Recipe, *path: str) -> L:
    choice = recipe.one(*path)
    assert choice is not None, f"the recipe's check requires {'.'.join(path)}"
    return _build(adapter, choice)


def _many(adapter: type[L], recipe: Recipe, name: str) -> list[L]:
    choices = recipe.choices.get((name,), [])
    assert isinstance(choices, list)
    return [_build(adapter, choice) for choice in choices]
