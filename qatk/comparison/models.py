"""Models as systems of a comparison: each answers the data, one after the other."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qatk.comparison.answers import Found
from qatk.errors import UsageError
from qatk.evaluation.prediction_files import Source
from qatk.languages import Normalisation
from qatk.progress import advance
from qatk.spelling import spelled
from qatk.types import Examples

if TYPE_CHECKING:
    from qatk.inference.model import AnsweringModel
    from qatk.plugins.host import PluginHost


def ask_models(
    models: Mapping[str, Source],
    examples: Examples,
    by: Normalisation,
    host: PluginHost | None,
    runtimes: Mapping[str, str],
) -> dict[str, Found]:
    """The answers of models, by the names of these in the comparison, compared by one normalisation.

    ``runtimes`` has those that were chosen for models.

    All are loaded before the first one answers, so that a mistake in the last name costs no time.

    Raises:
        QatkError: a subclass of it, as :func:`qatk.inference.model.load_model` and the prediction raise.
    """
    if not models:
        return {}
    from qatk.inference.model import load_model
    from qatk.plugins.host import PluginHost
    from qatk.run_folder.copies import here

    models = {name: here(source) for name, source in models.items()}
    host = host or PluginHost.discover()
    loaded = {name: load_model(source, runtime=runtimes.get(name), host=host) for name, source in models.items()}
    answered = {}
    for name, source in models.items():
        advance(f"answering: {name}", 0)
        answered[name] = _ask(loaded.pop(name), source, examples, by)
    return answered


def _ask(model: AnsweringModel, source: Source, examples: Examples, by: Normalisation) -> Found:
    from qatk.evaluation.metrics import judge
    from qatk.inference.tuned import warn_of_tuned
    from qatk.plugins.live import LiveMetric
    from qatk.recipes.compose import default_parts
    from qatk.run_folder.manifest import is_run, read_finished

    warn_of_tuned(model.run, model.sections, examples.digest)
    began = time.perf_counter()
    predictions = model.predict(examples)
    facts = {"examples_per_second": len(examples) / (time.perf_counter() - began)}
    if isinstance(parameters := model.described.get("parameters"), int | float):
        facts["parameters"] = parameters
    if (size := model.model_bytes) is not None:
        facts["model_bytes"] = size
    metrics = default_parts(LiveMetric, "metrics", by, model.host)
    manifest = read_finished(Path(source)).plain() if is_run(source) else {}
    return Found(judge(examples, predictions, metrics), manifest, facts)


def runtimes_of(of: Mapping[str, Source], runtimes: Sequence[str]) -> dict[str, str]:
    """The runtime of each source, where any is given."""
    if len(runtimes) not in (0, 1, len(of)):
        what = f"{len(runtimes)} runtimes for {len(of)} systems"
        raise UsageError(what, where=spelled("runtime"), fix="give one for all, or one for each in order")
    return dict(zip(of, list(runtimes) * (len(of) if len(runtimes) == 1 else 1), strict=False))
