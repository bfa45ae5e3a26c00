"""The process that ``qatk bench`` starts for each figure: it reads a job as JSON, and writes what it measured."""

from __future__ import annotations

import json
import pickle
import sys
import time
import warnings
from contextlib import nullcontext, redirect_stdout
from pathlib import Path

import numpy as np

from qatk.errors import QatkError
from qatk.exports.runtimes import PRECISION
from qatk.inference.bench import Job
from qatk.inference.model import AnsweringModel, load_model
from qatk.inference.sources import normalisation_of_run
from qatk.memory import peak_memory
from qatk.plugins.host import PluginHost
from qatk.plugins.live import LiveMetric
from qatk.recipes.compose import default_parts
from qatk.spelling import in_command
from qatk.types import Examples

WARM_UP = 3
"""Calls before the first one that counts."""
FEWEST = 5
"""Calls that count, at least."""


def main() -> None:
    """Measure the job on standard input; an error of qatk is written as its parts."""
    job, out = Job(**json.load(sys.stdin)), sys.stdout
    warnings.simplefilter("ignore")
    try:
        with redirect_stdout(sys.stderr), in_command() if job.commanded else nullcontext():
            found = _run(job)
    except QatkError as error:
        found = {"what": error.what, "where": error.where, "fix": error.fix, "exit_code": error.exit_code}
    json.dump(found, out)


def _run(job: Job) -> dict[str, object]:
    with Path(job.data).open("rb") as file:
        examples: Examples = pickle.load(file)
    host = PluginHost.discover(files=job.files, block=job.block)
    began = time.perf_counter()
    model = load_model(job.model, device=job.device, runtime=job.runtime, host=host)
    model.predict(examples.take(np.arange(1)))
    loaded = time.perf_counter() - began
    times = _times(model, examples, job.batch_size, job.seconds)
    memory = peak_memory()
    return {
        "runtime": model.parts.runtime.registered.name,
        "precision": str(model.described.get(PRECISION, "")),
        "batch_size": job.batch_size,
        "questions_per_second": job.batch_size * len(times) / sum(times),
        "p50_ms": 1000 * float(np.quantile(times, 0.5)),
        "p99_ms": 1000 * float(np.quantile(times, 0.99)),
        "memory_bytes": memory,
        "model_bytes": model.model_bytes or 0,
        "load_seconds": loaded,
        "calls": len(times),
        **(_scores(model, examples) if job.score and examples.has_gold else {}),
    }


def _times(model: AnsweringModel, examples: Examples, size: int, seconds: float) -> list[float]:
    """The seconds of calls over the questions, again from the first after the last."""
    times: list[float] = []
    row, spent = -WARM_UP, 0.0
    while row < FEWEST or spent < seconds:
        rows = np.sort((np.arange(size) + max(row, 0) * size) % len(examples))
        asked = examples.take(rows)
        began = time.perf_counter()
        model.predict(asked)
        if row >= 0:
            times.append(time.perf_counter() - began)
            spent += times[-1]
        row += 1
    return times


def _scores(model: AnsweringModel, examples: Examples) -> dict[str, float]:
    from qatk.evaluation.metrics import judge

    metrics = default_parts(LiveMetric, "metrics", normalisation_of_run(model.run, model.host), model.host)
    found = judge(examples, model.predict(examples), metrics).metrics
    return {name: found[name] for name in ("exact", "f1")}
