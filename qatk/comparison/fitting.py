"""Which options of a comparison go with what is compared: of the command and of ``qatk.compare`` alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from qatk.errors import UsageError
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
