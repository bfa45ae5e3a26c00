"""Recipes: one YAML file is a run, checked as a whole before anything starts."""

from __future__ import annotations

from pathlib import Path

PLAN = "plan.json"
"""The file that makes a folder a plan: recipes of the runs of a comparison."""


def is_plan(path: str | Path) -> bool:
    """Whether a folder is a plan."""
    return (Path(path) / PLAN).is_file()


def is_recipe(path: str | Path) -> bool:
    """Whether a path is that of a recipe, by its ending; a folder is none."""
    return Path(path).suffix in (".yaml", ".yml") and not Path(path).is_dir()
