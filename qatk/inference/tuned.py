"""Figures of the very questions that a null threshold was fitted on, which are better than those of others."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

from qatk.calibration.calibrate import FILE
from qatk.errors import QatkWarning
from qatk.files import is_there
from qatk.recipes.compose import Sections
from qatk.run_folder.manifest import MANIFEST, read_manifest
from qatk.run_folder.reading import read_part


def warn_of_tuned(run: Path | None, sections: Sections, digest: Callable[[], str]) -> None:
    """Warn where a model answers by a threshold that its run fitted on the questions that it is scored on.

    Args:
        run: the folder with its calibration; an export does not say what that was fitted on.
        sections: the model's; its decoder names the threshold.
        digest: gives that of the questions, over all of their text; called where the run fitted a threshold.
    """
    if run is None or sections["decoder"].get("null_threshold") != "calibrated":
        return
    if not (is_there(run / MANIFEST) and is_there(run / FILE)):
        return
    held = read_part(run / FILE)
    if not isinstance(held, Mapping):
        return
    of_run = read_manifest(run).data.get(str(held.get("on", "dev")))
    if of_run is not None and of_run.digest == digest():
        what = f"the threshold was fitted on these questions: their EM and F1 are too good{_held_out(held)}"
        warnings.warn(QatkWarning(what), stacklevel=3)


def _held_out(calibration: Mapping[str, object]) -> str:
    """Those of thresholds that did not see the questions, where the run has them."""
    known = calibration.get("held_out") if "promise" not in calibration else None  # which has another threshold
    both = [known.get(name) for name in ("exact", "f1")] if isinstance(known, Mapping) else []
    first = [each.get("first") for each in both if isinstance(each, Mapping)]
    figures = [f"{value:.2f}" for value in first if isinstance(value, int | float)]
    return f"; held out, they are {figures[0]} and {figures[1]}" if len(figures) == 2 else ""
