"""A recipe becomes live components."""

from __future__ import annotations

from dataclasses import dataclass

from qatk.plugins.registered import Part
from qatk.recipes.recipe import Recipe
from qatk.recipes.sections import Choice


@dataclass(frozen=True)
class Pipeline:
    """The live components of a run."""

    train: Part | None
    dev: Part | None
    backbone: Part
    featurizer: Part
    head: Part
    trainer: Part
    decoder: Part
    metrics: list[Part]
    slicers: list[Part]
    reporters: list[Part]
    trackers: list[Part]

    def parts(self) -> list[Part]:
        """All of them."""
        single = (self.train, self.dev, self.backbone, self.featurizer, self.head, self.trainer, self.decoder)
        return [*filter(None, single), *self.metrics, *self.slicers, *self.reporters, *self.trackers]


def compose(recipe: Recipe) -> Pipeline:
    """Build every component that the recipe chose.

    Raises:
        PluginError: where one cannot be imported, or lacks a method of its protocol.
    """
    return Pipeline(
        train=_build(recipe.one("data", "train")),
        dev=_build(recipe.one("data", "dev")),
        backbone=_must(recipe, "backbone"),
        featurizer=_must(recipe, "featurizer"),
        head=_must(recipe, "head"),
        trainer=_must(recipe, "trainer"),
        decoder=_must(recipe, "decoder"),
        metrics=_many(recipe, "metrics"),
        slicers=_many(recipe, "slicers"),
        reporters=_many(recipe, "reporters"),
        trackers=_many(recipe, "trackers"),
    )


def _build(choice: Choice | None) -> Part | None:
    return None if choice is None else choice.registered.build(choice.options)


def _must(recipe: Recipe, name: str) -> Part:
    part = _build(recipe.one(name))
    assert part is not None, f"the recipe's check requires {name}"
    return part


def _many(recipe: Recipe, name: str) -> list[Part]:
    choices = recipe.choices.get((name,), [])
    assert isinstance(choices, list)
    return [choice.registered.build(choice.options) for choice in choices]
