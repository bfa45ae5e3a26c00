"""Read finished runs from their folders, without loading models or data files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from qatk.errors import UsageError, suggest
from qatk.files import place_of, url_of
from qatk.plugins.normalisers import recorded_normalisation
from qatk.results.evaluation import Evaluation
from qatk.results.run import RunResult
from qatk.run_folder.copies import here, model_bytes
from qatk.run_folder.event_log import read_events
from qatk.run_folder.examples_table import read_examples
from qatk.run_folder.folder import SETS
from qatk.run_folder.manifest import read_finished
from qatk.run_folder.reading import read_figures, unreadable
from qatk.run_folder.remote import speaking_of

if TYPE_CHECKING:
    from qatk.languages import Normalisation
    from qatk.plugins.host import PluginHost


def load_run(folder: str | Path, *, nbest: bool = True, on: str = "dev", host: PluginHost | None = None) -> RunResult:
    """Read the result of a finished run.

    Args:
        folder: the run folder, or its URL.
        nbest: whether to read the n-best spans of each question, which take most of the time.
        on: the evaluation set of the result; the others are in its ``sets``.
        host: the plugins that bring the run's normaliser, where it has another than ``en``.

    Raises:
        RunFolderError: if the folder is not a run folder, or the run did not reach its scores.
        UsageError: if it has no evaluation set of this name.
    """
    path, url = Path(here(folder, model=False)), url_of(folder)
    with speaking_of(url, path):
        return replace(_read_run(path, nbest, on, host), url=url)


def _read_run(path: Path, nbest: bool, on: str, host: PluginHost | None) -> RunResult:
    manifest = read_finished(path)
    places = {"dev": path, **{name: path / SETS / name for name in manifest.data if name not in ("train", "dev")}}
    if on not in places:
        raise UsageError(f"the run has no evaluation set {on!r}", where=str(path), fix=suggest(on, places))
    by, cluster = recorded_normalisation(manifest.recipe, host), manifest.recipe.get("cluster")
    read_from = manifest.recipe.get("data", {})
    evaluations = {
        name: replace(
            read_evaluation(place, by, nbest=nbest), cluster=cluster, data=_named(name, read_from.get(name) or {})
        )
        for name, place in places.items()
    }
    return RunResult(
        name=manifest.name,
        folder=path,
        manifest=manifest.plain(),
        evaluation=evaluations.pop(on),
        events=read_events(path / "events.jsonl"),
        stages=manifest.stage_times(),
        on=on,
        sets=evaluations,
        model_bytes=model_bytes(path),
    )


def _named(on: str, section: Mapping[str, object]) -> str:
    """What to call an evaluation set: its name in the recipe, with that of its file, else of its dataset."""
    if isinstance(path := section.get("path"), str):
        return f"{on} ({place_of(path).rpartition('/')[2]})"
    return f"{on} ({section.get('name') or section['use']})" if section else on


def read_evaluation(path: Path, by: Normalisation, *, nbest: bool) -> Evaluation:
    """Predictions, gold answers and metrics of a run folder, with n-best spans if wanted; ``by`` normalises."""
    metrics = read_figures(path / "metrics.json")
    evaluation = read_examples(path / "examples.parquet", metrics, nbest=nbest)
    if evaluation.per_question and not metrics:
        raise unreadable(path / "metrics.json", "it holds none of the metrics that the questions have")
    return replace(evaluation, normalisation=by)
