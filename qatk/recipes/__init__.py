"""Recipes: one YAML file is a run, checked as a whole before anything starts."""

from __future__ import annotations

from pathlib import Path


def is_recipe(path: str | Path) -> bool:
    """Whether a path is that of a recipe, by its ending; a folder is none."""
    return Path(path).suffix in (".yaml", ".yml") and not Path(path).is_dir()
