"""``qatk.bench`` and ``qatk bench``: how fast models answer, and what that takes, each measured in a fresh process."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from qatk.arguments import list_of, whole
from qatk.errors import QatkError, UsageError
from qatk.exports.folder import is_export
from qatk.exports.runtimes import PRECISION, runtime_section
from qatk.inference.exporting import SAMPLE, export
from qatk.inference.samples import read_as_scored, sample_examples
from qatk.inference.sources import find_source, language_column_of
from qatk.inference.tuned import warn_of_tuned
from qatk.plugins.host import PluginHost
from qatk.plugins.live_exports import LiveRuntime
from qatk.progress import advance
from qatk.results import RunResult
from qatk.run_folder.copies import here, place_named
from qatk.spelling import commanded, spelled
from qatk.types import Examples

SECONDS = 5.0
"""How long each case is measured, at least."""
_PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from qatk.inference.bench_process import main; main()"
"""Modules are looked for where this process looks for them, not in the folder it happens to run in."""


@dataclass(frozen=True)
class Measured:
    """What one model did with one runtime and batch size.

    Attributes:
        model, runtime, precision: which.
        batch_size: questions of a call.
        questions_per_second: answered, over all calls.
        p50_ms, p99_ms: time of a call in milliseconds, which half and 99 % of the calls did not exceed.
        memory_bytes: the most that the process held, from its start to the last call.
        model_bytes: size of the model and its tokenizer.
        load_seconds: from the start of loading to the first answer.
        calls: how many were timed.
        exact, f1: in per cent, where the data has gold answers.
    """

    model: str
    runtime: str
    precision: str
    batch_size: int
    questions_per_second: float
    p50_ms: float
    p99_ms: float
    memory_bytes: int
    model_bytes: int
    load_seconds: float
    calls: int
    exact: float | None = None
    f1: float | None = None

    def as_dict(self) -> dict[str, object]:
        """All that is known of it as plain values, as ``qatk bench --json`` prints it."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Job:
    """What a process measures.

    Attributes:
        model, runtime, device: what answers, as in :func:`qatk.load_model`.
        batch_size: questions of a call.
        seconds: how long it is measured, at least.
        data: the file of the questions.
        score: whether the answers are scored.
        files, block: plugins, as in :class:`qatk.plugins.host.PluginHost`.
        commanded: whether a command asks for it, see :mod:`qatk.spelling`.
    """

    model: str
    runtime: str | None
    device: str | None
    batch_size: int
    seconds: float
    data: str
    score: bool
    files: Sequence[str]
    block: Sequence[str]
    commanded: bool


def bench(
    *models: str | Path | RunResult,
    runtimes: Sequence[str] = (),
    batch_sizes: Sequence[int] = (1, 8, 32),
    data: object = None,
    seconds: float = SECONDS,
    device: str | None = None,
    host: PluginHost | None = None,
) -> list[Measured]:
    """Measure how fast models answer, with runtimes and batch sizes, each combination in a fresh process.

    Args:
        models: as in :func:`qatk.load_model`.
        runtimes: ``NAME`` or ``NAME:PRECISION``; none means each model's own. Exported models have their own alone.
        batch_sizes: questions of a call.
        data: what is asked, and with gold answers scored, as in :func:`qatk.evaluate`; examples need no gold. By
            default a few sample questions.
        seconds: how long each combination is measured, at least.
        device: of the trainer.
        host: the plugins to use.

    Raises:
        UsageError: for no model, a batch of no question, no time, and data without a question.
        QatkError: a subclass of it, as :func:`qatk.load_model` and the prediction raise.
    """
    host = host or PluginHost.discover()
    runtimes = list_of(runtimes, "runtimes", "for example runtimes=['torch', 'onnx:int8']")
    sizes = [whole(size, "batch_sizes", 1) for size in list_of(batch_sizes, "batch_sizes", "for example [1, 8, 32]")]
    examples = None if data is None else read_as_scored(data, language_column_of(models, host), host)
    return list(measure(models, runtimes, sizes, data=examples, seconds=seconds, device=device, host=host))


def measure(
    models: Sequence[str | Path | RunResult],
    runtimes: Sequence[str],
    batch_sizes: Sequence[int],
    *,
    data: Examples | None,
    seconds: float,
    device: str | None,
    host: PluginHost,
) -> Iterator[Measured]:
    """What :func:`bench` measures, each combination when it is done. Raises as that does."""
    if not models:
        raise UsageError("there is no model to measure", fix="name a run folder, a saved model or an export")
    if any(size < 1 for size in batch_sizes) or not batch_sizes:
        raise UsageError("a batch has 1 question or more", where=spelled("batch_sizes"), fix="such as 1, 8 and 32")
    if not seconds > 0:
        raise UsageError(f"{seconds} is no time", where=spelled("seconds"), fix="give more than 0")
    if data is not None and not len(data):
        raise UsageError("the data has no question", where=spelled("data"))
    local = {str(place_named(model)): str(here(model)) for model in models}
    if data is not None and data.has_gold:
        for source in (find_source(model, host) for model in local.values()):
            warn_of_tuned(source.run, source.sections, data.digest)
    plugins = list(host.files), list(host.block)
    cases = [(model, runtime) for model in local for runtime in _runtimes_of(local[model], runtimes, host)]
    with TemporaryDirectory(prefix="qatk-bench-") as folder:
        questions = Path(folder) / "questions.pickle"
        questions.write_bytes(pickle.dumps(sample_examples() if data is None else data))
        for number, (model, runtime) in enumerate(cases):
            advance("measuring", number, len(cases))
            place, chosen = _prepared(local[model], runtime, Path(folder) / str(number), data, host)
            scores = None
            for size in batch_sizes:
                job = Job(place, chosen, device, size, seconds, str(questions), scores is None, *plugins, commanded())
                found = _measure(job)
                scores = scores or {name: found.get(name) for name in ("exact", "f1")}
                yield Measured(model=model, **{**found, **scores})
        advance("measuring", len(cases), len(cases))


def _runtimes_of(model: str, runtimes: Sequence[str], host: PluginHost) -> list[str | None]:
    """The runtimes to measure a model with. Raises :class:`UsageError` for an unknown one."""
    for runtime in runtimes:
        host.find("runtime", str(runtime_section(runtime)["use"]))
    return [None] if not runtimes or is_export(model) else list(runtimes)


def _prepared(
    model: str, runtime: str | None, folder: Path, data: Examples | None, host: PluginHost
) -> tuple[str, str | None]:
    """What a process loads: the model, or where a runtime needs files, these, so that no memory goes into exporting."""
    if runtime is None:
        return model, None
    section = runtime_section(runtime)
    known = host.find("runtime", str(section["use"])).component.options.model_fields
    chosen = {name: value for name, value in section.items() if name in ("use", *known)}
    needed = host.live_section(LiveRuntime, "runtime", chosen).needs()
    if needed is None:
        return model, runtime
    sample = None if data is None else data.take(np.arange(min(SAMPLE, len(data))))
    precision = str(needed.get(PRECISION, "fp32"))
    export(model, str(needed["use"]), folder, precision=precision, data=sample, host=host)
    return str(folder), None


def _measure(job: Job) -> dict[str, Any]:
    """Run a job in a process of its own."""
    words, environ = [sys.executable, "-c", _PROGRAM, *sys.path], {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
    given = json.dumps(asdict(job))
    done = subprocess.run(words, input=given, capture_output=True, text=True, check=False, env=environ)
    try:
        found = json.loads(done.stdout)
    except ValueError:
        said = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise QatkError(f"the process that measures {job.model} failed: {said[0]}") from None
    if "what" in found:
        kind = UsageError if found["exit_code"] == UsageError.exit_code else QatkError
        raise kind(found["what"], where=found["where"], fix=found["fix"])
    return dict(found)
