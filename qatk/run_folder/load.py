"""Runs read back from their folders: no model is loaded, no data file needed."""

from __future__ import annotations

from pathlib import Path

from qatk.results.evaluation import Evaluation
from qatk.results.run import RunResult
from qatk.run_folder.event_log import read_events
from qatk.run_folder.examples_table import read_examples
from qatk.run_folder.manifest import read_finished
from qatk.run_folder.reading import read_figures, unreadable


def load_run(folder: str | Path, *, nbest: bool = True) -> RunResult:
    """The result of a finished run.

    Args:
        folder: the run's.
        nbest: read the best spans of each question too, which are the most of it.

    Raises:
        RunFolderError: where the folder is no run, or one that did not come as far as its scores.
    """
    path = Path(folder)
    manifest = read_finished(path)
    return RunResult(
        name=manifest.name,
        folder=path,
        manifest=manifest.plain(),
        evaluation=read_evaluation(path, nbest=nbest),
        events=read_events(path / "events.jsonl"),
        stages=manifest.stage_times(),
    )


def read_evaluation(path: Path, *, nbest: bool = True) -> Evaluation:
    """Predictions, gold and figures of a run folder; best spans where they are wanted."""
    metrics = read_figures(path / "metrics.json")
    evaluation = read_examples(path / "examples.parquet", metrics, nbest=nbest)
    if evaluation.per_question and not metrics:
        raise unreadable(path / "metrics.json", "it holds none of the metrics that the questions have")
    return evaluation
