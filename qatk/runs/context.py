"""What every stage of a run works with."""

from __future__ import annotations

from dataclasses import dataclass

from qatk.plugins.protocols import Model
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
    """The examples of a run; without ``train`` it only scores."""

    train: Examples | None
    dev: Examples


@dataclass(frozen=True)
class Windows:
    """The features of a run; ``train`` is ``None`` where nothing is left to train."""

    train: Features | None
    dev: Features


@dataclass(frozen=True)
class Assembled:
    """An untrained model, and whether its head has no weights from a checkpoint."""

    model: Model
    head_is_untrained: bool
