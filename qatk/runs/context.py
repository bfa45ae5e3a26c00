"""What every stage of a run works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from qatk.plugins.model_types import BackboneSpec
from qatk.recipes.compose import Pipeline
from qatk.recipes.recipe import Recipe
from qatk.run_folder.folder import RunFolder
from qatk.runs.stages import Stages
from qatk.runs.trackers import Trackers
from qatk.types import Examples, Features


@dataclass(frozen=True)
class Context:
    """One execution of a run. ``limit``: questions used of each split, ``None`` for all."""

    recipe: Recipe
    parts: Pipeline
    folder: RunFolder
    stages: Stages
    trackers: Trackers
    limit: int | None


@dataclass(frozen=True)
class Data:
    """The examples of a run; without ``train`` it only scores. ``sets`` are scored too, and decide nothing."""

    train: Examples | None
    dev: Examples
    sets: Mapping[str, Examples] = field(default_factory=dict)

    @property
    def scored(self) -> list[Examples]:
        """Those that answers are held against."""
        return [self.dev, *self.sets.values()]

    def splits(self) -> dict[str, Examples]:
        """All that there are, by name."""
        return {**({} if self.train is None else {"train": self.train}), "dev": self.dev, **self.sets}


@dataclass(frozen=True)
class Windows:
    """The features of a run; ``train`` is ``None`` where nothing is left to train. ``spec`` is of the backbone."""

    train: Features | None
    dev: Features
    spec: BackboneSpec
    sets: Mapping[str, Features] = field(default_factory=dict)
