"""qatk: train, evaluate, compare and serve extractive question answering models.

- ``qatk.run(recipe)`` trains a model and evaluates it.
- ``qatk.evaluate(data, predictions)`` scores predictions.
- ``qatk.compare(a, b)`` compares systems.
- ``qatk.calibrate(run)`` fits the null threshold, and can promise an error rate.
- ``qatk.report(run)`` reports a finished run again.
- ``qatk.export(model, "onnx", folder)`` writes a model in a format that answers faster.
- ``qatk.bench(model, runtimes=["onnx:int8"])`` measures how fast models answer.
- ``qatk.load_run(folder)`` reads a finished run; ``qatk.list_runs(folder)`` lists all runs, also unfinished ones.
- ``qatk.load_model(model)`` loads a model that answers questions.
- ``qatk.push(model, repo)`` and ``qatk.pull(repo)`` publish models on the hub and fetch them.
- ``qatk.pipeline("question-answering", model)`` replaces the pipeline that transformers removed.
- ``qatk.QatkError`` is raised for whatever a user can correct.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qatk.errors import QatkError as QatkError
    from qatk.evaluation.evaluate import evaluate as evaluate
    from qatk.hub.pull import pull as pull
    from qatk.hub.push import push as push
    from qatk.inference.bench import bench as bench
    from qatk.inference.exporting import export as export
    from qatk.inference.model import load_model as load_model
    from qatk.inference.pipeline import install_pipeline as install_pipeline
    from qatk.inference.pipeline import pipeline as pipeline
    from qatk.run_folder.listing import list_runs as list_runs
    from qatk.run_folder.load import load_run as load_run
    from qatk.runs.calibrating import calibrate as calibrate
    from qatk.runs.reporting import report as report
    from qatk.runs.run import run as run
    from qatk.sweeps.compare import compare as compare
    from qatk.types import Examples as Examples

    __version__: str

_HOMES = {
    "Examples": "qatk.types",
    "QatkError": "qatk.errors",
    "run": "qatk.runs.run",
    "calibrate": "qatk.runs.calibrating",
    "report": "qatk.runs.reporting",
    "evaluate": "qatk.evaluation.evaluate",
    "export": "qatk.inference.exporting",
    "bench": "qatk.inference.bench",
    "compare": "qatk.sweeps.compare",
    "install_pipeline": "qatk.inference.pipeline",
    "load_model": "qatk.inference.model",
    "pull": "qatk.hub.pull",
    "push": "qatk.hub.push",
    "pipeline": "qatk.inference.pipeline",
    "list_runs": "qatk.run_folder.listing",
    "load_run": "qatk.run_folder.load",
}

__all__ = [
    "Examples",
    "QatkError",
    "bench",
    "calibrate",
    "compare",
    "evaluate",
    "export",
    "install_pipeline",
    "list_runs",
    "load_model",
    "load_run",
    "pipeline",
    "pull",
    "push",
    "report",
    "run",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version  # not for each import of qatk

        return version("qatk")
    if name not in _HOMES:
        raise AttributeError(f"module 'qatk' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
