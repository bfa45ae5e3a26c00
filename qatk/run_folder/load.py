"""Runs read back from their folders: no model is loaded, no data file needed."""

from __future__ import annotations

from pathlib import Path

from qatk.errors import UsageError, suggest
from qatk.results.evaluation import Evaluation
from qatk.results.run import RunResult
from qatk.run_folder.event_log import read_events
from qatk.run_folder.examples_table import read_examples
from qatk.run_folder.folder import SETS
from qatk.run_folder.manifest import read_finished
from qatk.run_folder.reading import read_figures, unreadable


def load_run(folder: str | Path, *, nbest: bool = True, on: str = "dev") -> RunResult:
    """The result of a finished run.

    Args:
        folder: the run's.
        nbest: read the best spans of each question too, which are the most of it.
        on: the evaluation set that the result is about; the others are its ``sets``.

    Raises:
        RunFolderError: where the folder is no run, or one that did not come as far as its scores.
        UsageError: where it has no evaluation set of this name.
    """
    path = Path(folder)
    manifest = read_finished(path)
    places = {"dev": path, **{name: path / SETS / name for name in manifest.data if name not in ("train", "dev")}}
    if on not in places:
        raise UsageError(f"the run has no evaluation set {on!r}", where=str(path), fix=suggest(on, places))
    evaluations = {name: read_evaluation(place, nbest=nbest) for name, place in places.items()}
    return RunResult(
        name=manifest.name,
        folder=path,
        manifest=manifest.plain(),
        evaluation=evaluations.pop(on),
        events=read_events(path / "events.jsonl"),
        stages=manifest.stage_times(),
        on=on,
        sets=evaluations,
    )


def read_evaluation(path: Path, *, nbest: bool = True) -> Evaluation:
    """Predictions, gold and figures of a run folder; best spans where they are wanted."""
    metrics = read_figures(path / "metrics.json")
    evaluation = read_examples(path / "examples.parquet", metrics, nbest=nbest)
    if evaluation.per_question and not metrics:
        raise unreadable(path / "metrics.json", "it holds none of the metrics that the questions have")
    return evaluation
