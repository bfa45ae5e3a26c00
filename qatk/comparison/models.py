"""Models as systems of a comparison: each answers the data, one after the other."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qatk.comparison.names import Source
from qatk.languages import Normalisation
from qatk.progress import advance
from qatk.results.evaluation import Evaluation
from qatk.types import Examples

if TYPE_CHECKING:
    from qatk.inference.model import AnsweringModel
    from qatk.plugins.host import PluginHost


@dataclass(frozen=True, eq=False)
class Answered:
    """What a model answered.

    Attributes:
        evaluation: its answers, scored by the metrics of a recipe that names none.
        facts: ``examples_per_second``, ``parameters`` and ``model_bytes``, as far as they are known.
        manifest: of its run, if it is one.
    """

    evaluation: Evaluation
    facts: Mapping[str, float]
    manifest: Mapping[str, Any] = field(default_factory=dict)


def ask_models(
    models: Mapping[str, Source], examples: Examples, by: Normalisation, host: PluginHost | None
) -> dict[str, Answered]:
    """The answers of models, by the names of these in the comparison, compared by one normalisation.

    All are loaded before the first one answers, so that a mistake in the last name costs no time.

    Raises:
        QatkError: a subclass of it, as :func:`qatk.inference.model.load_model` and the prediction raise.
    """
    if not models:
        return {}
    from qatk.inference.model import load_model
    from qatk.plugins.host import PluginHost

    host = host or PluginHost.discover()
    loaded = {name: load_model(source, host=host) for name, source in models.items()}
    answered = {}
    for name, source in models.items():
        advance(f"answering: {name}", 0)
        answered[name] = _ask(loaded.pop(name), source, examples, by)
    return answered


def _ask(model: AnsweringModel, source: Source, examples: Examples, by: Normalisation) -> Answered:
    from qatk.evaluation.metrics import judge
    from qatk.inference.sources import is_run
    from qatk.plugins.live import LiveMetric
    from qatk.recipes.sections import DEFAULTS
    from qatk.run_folder.manifest import read_finished

    began = time.perf_counter()
    predictions = model.predict(examples)
    facts = {"examples_per_second": len(examples) / (time.perf_counter() - began)}
    described = model.parts.trainer.describe(model.model) or {}
    if isinstance(parameters := described.get("parameters"), int | float):
        facts["parameters"] = parameters
    folder = Path(str(model.sections["backbone"].get("model", "")))
    if folder.is_dir():
        facts["model_bytes"] = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    metrics = [model.host.live(LiveMetric, "metric", str(choice["use"])) for choice in DEFAULTS["metrics"]]
    for metric in metrics:
        metric.normalise_by(by)
    manifest = read_finished(Path(source)).plain() if is_run(source) else {}
    return Answered(judge(examples, predictions, metrics), facts, manifest)
