"""A comparison as a folder: ``plan.json`` lists its runs, and ``recipes/N.yaml`` is the recipe of run N.

Whatever starts commands can make the runs: ``qatk run --task FOLDER:N`` makes one; ``qatk compare FOLDER`` gathers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from qatk.errors import RunFolderError, UsageError
from qatk.files import discard, is_there, parse_json, read_text, storage_errors, write_atomically, write_json
from qatk.plugins.host import PluginHost
from qatk.recipes import PLAN, is_plan
from qatk.recipes.recipe import Recipe, load_recipe, to_yaml
from qatk.run_folder.recipes import find_recipe
from qatk.run_folder.secrets import hidden
from qatk.sweeps.plan import Planned

RECIPES = "recipes"
"""The folder of the recipes."""


class _Run(BaseModel):
    """One run as ``plan.json`` has it; paths are relative to ``directory``, the recipe's to the plan."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    number: int
    system: str
    seed: int
    recipe: str
    source: str
    folder: str
    limit: int | None = None
    data: str


class _Plan(BaseModel):
    """The content of ``plan.json``; ``directory`` is where paths of recipes are relative to."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    qatk_plan: Literal[1] = 1
    directory: str
    runs: list[_Run]


@dataclass(frozen=True)
class Task:
    """Run ``number`` of a plan, ready to be made from ``directory``, to which the paths of its recipe are relative."""

    number: int
    recipe: Recipe
    folder: Path
    limit: int | None
    directory: Path


def write_plan(folder: Path, runs: Sequence[Planned], host: PluginHost) -> None:
    """Write the recipes of these runs and what is to become of them; files of the same content stay as they are.

    A recipe with a secret, such as a password, can be read by its owner alone.

    Raises:
        UsageError: where the folder holds something else, or is a file.
        StorageError: where it cannot be written.
    """
    if is_there(folder) and not is_plan(folder) and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} holds something that is not a plan", fix="name another folder with --plan")
    with storage_errors(folder):
        (folder / RECIPES).mkdir(parents=True, exist_ok=True)
    rows, names = [], {f"{number}.yaml" for number in range(1, len(runs) + 1)}
    for number, run in enumerate(runs, 1):
        filled = find_recipe(run.recipe, host, run.settings).filled()
        head = f"# Run {number} of {len(runs)}: {run.name}, of {run.recipe}\n"
        _write_changed(folder / RECIPES / f"{number}.yaml", head + to_yaml(filled), private=hidden(filled) != filled)
        rows.append(_row(number, run))
    for old in (folder / RECIPES).glob("*.yaml"):
        if old.name not in names:
            discard(old)
    write_json(folder / PLAN, _Plan(directory=str(Path.cwd()), runs=rows).model_dump())


def _row(number: int, run: Planned) -> _Run:
    return _Run(
        number=number,
        system=run.system,
        seed=run.seed,
        recipe=f"{RECIPES}/{number}.yaml",
        source=str(run.recipe),
        folder=str(run.folder),
        limit=run.limit,
        data=run.data,
    )


def _write_changed(path: Path, text: str, *, private: bool) -> None:
    """Leave the time of a file alone where make and snakemake would go by it; ``private`` is for its owner alone."""
    if private:
        with storage_errors(path):
            path.chmod(0o600) if path.exists() else path.touch(0o600)
    if not path.is_file() or path.read_text("utf-8") != text:
        write_atomically(path, text)


def read_plan(folder: Path) -> list[Planned]:
    """The runs of a plan, with their folders as they are reached from here.

    Raises:
        UsageError: where the folder is no plan.
        RunFolderError: where its ``plan.json`` is damaged.
    """
    plan = _read(folder)
    return [
        Planned(
            system=run.system,
            seed=run.seed,
            recipe=folder / run.recipe,
            settings=(),
            limit=run.limit,
            folder=_reached(plan, run.folder),
            data=run.data,
        )
        for run in plan.runs
    ]


def read_task(text: str, host: PluginHost) -> Task:
    """The run that ``FOLDER:N`` names.

    Raises:
        UsageError: where there is no such plan, or no such run in it.
        RecipeError: where its recipe was changed into a wrong one, or a plugin is missing.
    """
    name, colon, number = text.rpartition(":")
    if not colon or not name or not re.fullmatch("[0-9]{1,9}", number):
        raise UsageError(f"{text!r} is no task", where="--task", fix="write --task FOLDER:N, such as plan:1")
    folder = Path(name)
    plan = _read(folder)
    run = next((run for run in plan.runs if run.number == int(number)), None)
    if run is None:
        fix = f"the plan has {len(plan.runs)} runs, numbered from 1"
        raise UsageError(f"{folder} has no run {number}", where="--task", fix=fix)
    recipe = load_recipe(folder / run.recipe, host, importing=True)
    named = Recipe(run.source, recipe.text, recipe.scalars, recipe.choices)  # its name follows from the source
    directory = Path(plan.directory)
    if not directory.is_dir():
        fix = "give the tasks the same folders as the plan, or plan again where they run"
        raise UsageError(f"{directory} is not here; the recipes' paths are relative to it", where=text, fix=fix)
    return Task(run.number, named, Path(run.folder), run.limit, directory)


def _read(folder: Path) -> _Plan:
    if not is_plan(folder):
        fix = "qatk compare RECIPE --over KEY=A,B --plan FOLDER writes one"
        raise UsageError(f"{folder} is not a plan: it has no {PLAN}", fix=fix)
    content = parse_json(read_text(folder / PLAN), folder / PLAN)
    try:
        return _Plan.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        what = f"{folder / PLAN} cannot be read: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise RunFolderError(what, fix="write the plan again") from None


def _reached(plan: _Plan, folder: str) -> Path:
    """A run folder, named from here where that is possible."""
    path = Path(plan.directory) / folder
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
