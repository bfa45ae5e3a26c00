"""What is compared, and which options go with it: for the command and for ``qatk.compare`` alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from qatk.errors import UsageError
from qatk.evaluation.given import AT_HAND, Given
from qatk.recipes import is_plan, is_recipe
from qatk.run_folder.manifest import is_run
from qatk.spelling import commanded, spelled

Compared = Literal["recipes", "a written plan", "no recipe", "a plan", "data", "files", "no data", "run folders"]
"""What is compared; several of these may hold."""

_ONLY_FOR: Mapping[Compared, Sequence[tuple[Sequence[str], str]]] = {
    "recipes": [
        (("data", "null_odds", "na_prob_thresh"), "models and prediction files"),
        (("use", "options", "language"), "{data}"),
        (("align",), "prediction files"),
        (("common",), "run folders and prediction files"),
        (("group_seeds",), "run folders; the seeds of a recipe are grouped anyway"),
    ],
    "a written plan": [
        (("jobs", "executor", "keep"), "runs that this command makes"),
        (("on", "cluster"), "the comparison of runs: qatk compare PLAN"),
    ],
    "no recipe": [(("settings", "out", "limit", "plan", "jobs", "executor", "keep"), "a recipe{both}")],
    "a plan": [
        (
            ("data", "null_odds", "na_prob_thresh", "use", "options", "align", "runtime", "language"),
            "models and prediction files",
        ),
        (("common", "group_seeds"), "run folders"),
    ],
    "data": [(("on",), "run folders without {data}")],
    "files": [(("group_seeds",), "run folders")],
    "no data": [(("use", "runtime"), "{data} or recipes"), (("options",), "{data}")],
    "run folders": [(("null_odds", "na_prob_thresh"), "prediction files")],
}
"""The options that do not go with what is compared, and what each is for."""


def kinds_of(sources: Sequence[Given], *, varied: bool, data: bool) -> list[Compared]:
    """What the sources are: recipes; a plan alone; or run folders, predictions and models.

    Args:
        sources: what is compared.
        varied: whether keys or seeds of a recipe are varied; a run folder is one then.
        data: whether there are data to score on.

    Raises:
        UsageError: for sources of kinds that are not compared with one another.
    """
    named = [None if isinstance(source, AT_HAND) else Path(source) for source in sources]
    recipes = [path is not None and (is_recipe(path) or (varied and is_run(path))) for path in named]
    if varied or any(recipes):
        if others := [str(path or "predictions") for path, recipe in zip(named, recipes, strict=True) if not recipe]:
            what = f"not a recipe: {', '.join(others)}"
            fix = f"compare recipes (.yaml files) with recipes; {spelled('over')} and {spelled('seeds')} need a recipe"
            raise UsageError(what, fix=fix)
        return ["recipes"]
    if plan := next((path for path in named if path is not None and is_plan(path)), None):
        if len(named) > 1:
            what = f"{plan} is a plan, which is compared alone"
            raise UsageError(what, fix="name only the plan, or only run folders")
        return ["no recipe", "a plan"]
    files = [path is None or path.is_file() for path in named]
    if data:
        return ["no recipe", "data", "files"] if all(files) else ["no recipe", "data"]
    return ["no recipe", "no data"] if any(files) else ["no recipe", "no data", "run folders"]


def refuse_unfit(compared: Sequence[Compared], given: Mapping[str, object]) -> None:
    """Refuse options that would have no effect.

    Args:
        compared: what is compared.
        given: the values of options by name; ``None``, ``False`` and what is empty is not given.

    Raises:
        UsageError: for options that are not for what is compared.
    """
    data, option = spelled("data"), spelled("options")
    words = {"data": data, "both": f"; {option} also for {data}" if option == spelled("settings") else ""}
    for what in compared:
        for options, why in _ONLY_FOR[what]:
            if unfit := [spelled(name) for name in options if _is_given(given.get(name))]:
                fix = "see qatk compare --help" if commanded() else "see help(qatk.compare)"
                raise UsageError(f"{', '.join(unfit)}: only for {why.format(**words)}", fix=fix)


def _is_given(value: object) -> bool:
    """Frames are given, and say nothing of it as a truth value."""
    return value is not None and value is not False and not (isinstance(value, list | tuple | Mapping) and not value)
