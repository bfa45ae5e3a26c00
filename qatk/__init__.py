"""qatk: train, evaluate, compare and serve extractive question answering models.

``qatk.run(recipe)`` trains and evaluates, ``qatk.evaluate(data, predictions)`` scores predictions,
``qatk.compare(a, b)`` compares systems, ``qatk.load_run(folder)`` reads a finished run.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qatk.evaluation.evaluate import evaluate as evaluate
    from qatk.run_folder.load import load_run as load_run
    from qatk.runs.run import run as run
    from qatk.sweeps.compare import compare as compare

_HOMES = {
    "run": "qatk.runs.run",
    "evaluate": "qatk.evaluation.evaluate",
    "compare": "qatk.sweeps.compare",
    "load_run": "qatk.run_folder.load",
}

__all__ = ["compare", "evaluate", "load_run", "run"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'qatk' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
