"""``qatk export``: a model written in another format, with all that it answers by, and held against what it was."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qatk.calibration.calibrate import FILE as CALIBRATION
from qatk.errors import ModelError, UsageError
from qatk.evaluation.metrics import judge
from qatk.exports.folder import ExportManifest, SpecRecord, is_export, plain_sections
from qatk.exports.runtimes import PRECISION, export_files, exporter_of
from qatk.files import expanded, file_digest, is_there, replacing, storage_errors, write_json
from qatk.inference.model import AnsweringModel, load_model
from qatk.inference.promised import still_holds
from qatk.inference.samples import read_as_scored, sample_for
from qatk.inference.sources import changes_of, find_source, folder_of, normalisation_of_run
from qatk.inference.tuned import warn_of_tuned
from qatk.plugins.host import PluginHost
from qatk.plugins.live import LiveMetric
from qatk.plugins.live_exports import LiveExporter
from qatk.recipes.compose import Sections, default_parts
from qatk.recipes.sections import DEFAULTS, RETRIEVAL
from qatk.results import RunResult
from qatk.run_folder.copies import here
from qatk.run_folder.parameters import FILE as PARAMETERS
from qatk.run_folder.reading import read_part
from qatk.spelling import spelled
from qatk.types import Examples, Predictions

CLOSE = 1e-4
"""How far the scores of a float32 export may be from those of the model, at most."""
SAMPLE = 64
"""Questions whose windows the exporter gets; where there is data, its first ones, which are then not scored."""
Checks = dict[str, object]


@dataclass(frozen=True)
class Exported:
    """What :func:`export` wrote.

    Attributes:
        folder: of the exported model.
        size: of the exporter's files, in bytes.
        checks: how the answers differ from those of the model, as in ``export.json``.
    """

    folder: Path
    size: int
    checks: Mapping[str, object]


def export(
    model: str | Path | RunResult,
    to: str,
    out: str | Path,
    *,
    precision: str | None = None,
    settings: Mapping[str, object] | None = None,
    data: object = None,
    answering: Sections | Iterable[str] | None = None,
    host: PluginHost | None = None,
) -> Exported:
    """Write a model in another format, check its answers, and note in ``export.json`` how they differ.

    Args:
        model: as in :func:`qatk.load_model`.
        to: the exporter, such as ``onnx``.
        out: the folder to make.
        precision: an option of the exporter: ``fp32``, ``fp16`` or ``int8``.
        settings: further options of the exporter.
        data: what to check on, and with gold to measure EM, F1 and speed on, as in :func:`qatk.evaluate`; examples need
            no gold. By default a few sample questions.
        answering: what the export answers by otherwise than the model, as the ``settings`` of :func:`qatk.load_model`.
        host: the plugins to use.

    Raises:
        ModelError: the model cannot be exported; or, in float32, its answers would change.
        UsageError: an unknown exporter or option, a model that is an export, or a folder that holds something.
    """
    host, folder = host or PluginHost.discover(), Path(expanded(out))
    options = {**(settings or {}), **({} if precision is None else {PRECISION: precision})}
    exporter = exporter_of({"use": to, **options}, host)
    local = here(model)
    if is_export(local):
        raise UsageError(f"{model} is exported already", fix="name the model that it was made of")
    if is_there(folder) and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is there already", fix=f"name another folder with {spelled('out')}")
    changes, exact = changes_of(answering or {}), _exact(local, host)
    changes |= {name: {**changes.get(name, {}), **options} for name, options in exact.items()}
    own = load_model(local, device="cpu", settings=changes, runtime=DEFAULTS["runtime"]["use"], host=host)
    by = normalisation_of_run(own.run, host)
    examples = sample_for(exporter) if data is None else read_as_scored(data, by.column, host)
    if data is not None and examples.has_gold:
        by.names(examples)  # which refuses what cannot be scored, before anything long
        warn_of_tuned(own.run, own.sections, examples.digest)
    sample, rest = _divided(examples, apart=data is not None)
    with replacing(folder) as new:
        manifest = _write(own, exporter, sample, new)
        opened = load_model(new, host=host)
        checks = _checks(own, opened, rest, "sample questions" if data is None else "data")
        _refuse_changed(manifest, checks)
        named = str(local if isinstance(model, RunResult) else model)
        manifest.model_copy(update={"model": named, "checks": checks}).write(new)
        size = sum((new / name).stat().st_size for name in manifest.files)
    return Exported(folder, size, checks)


def _exact(model: str | Path, host: PluginHost) -> dict[str, dict[str, object]]:
    """Float32 for the trainer, where it has a choice: what an export is held against."""
    name = str(find_source(model, host).sections["trainer"].get("use", DEFAULTS["trainer"]["use"]))
    known = host.find("trainer", name).component.options.model_fields
    return {"trainer": {PRECISION: "fp32"}} if PRECISION in known else {}


def _divided(examples: Examples, *, apart: bool) -> tuple[Examples, Examples]:
    """Questions for the exporter and questions to check on: others, where there are enough."""
    if not len(examples):
        raise UsageError("the data has no question to check the export on")
    first = np.arange(min(SAMPLE, len(examples)))
    rest = np.arange(len(first), len(examples)) if apart and len(examples) >= 2 * SAMPLE else np.arange(len(examples))
    return examples.take(first), examples.take(rest)


def _write(model: AnsweringModel, exporter: LiveExporter, sample: Examples, folder: Path) -> ExportManifest:
    """Write the exporter's files, the tokenizer, and what the model answers by."""
    parts = model.parts
    assert parts.trainer is not None
    windows = parts.featurizer.featurize(sample, model.tokenizer, model.spec, split="prediction")
    said = export_files(exporter, parts.trainer, model.model, model.spec, windows, folder)
    files = {file.name: file_digest(file) for file in sorted(folder.iterdir())}
    kept = ("parameters", "head")
    about = {name: value for name, value in model.described.items() if name in kept} | {"versions": said}
    with storage_errors(folder):
        model.tokenizer.save_pretrained(folder)
        for place, name in ((model.run, CALIBRATION), (folder_of(parts.backbone), PARAMETERS)):
            if place is not None and (place / name).is_file():
                shutil.copy(place / name, folder / name)
        holds = model.promise is not None and still_holds(model.promise, exporter.option(PRECISION, "fp32"))
        if not holds and (file := folder / CALIBRATION).exists():
            _drop_promise(file)
    sections, by = plain_sections(model.sections), normalisation_of_run(model.run, model.host)
    manifest = ExportManifest(
        model=model.name,
        exporter={"use": exporter.registered.name, **exporter.options.model_dump(mode="json")},
        spec=SpecRecord.of(model.spec),
        sections={name: sections[name] for name in ("featurizer", "head", "decoder", RETRIEVAL) if name in sections},
        files=files,
        about=about,
        language=by.language,
        language_column=by.column,
    )
    manifest.write(folder)
    return manifest


def _drop_promise(file: Path) -> None:
    """Of a run whose threshold the export does not use, the error rate that this threshold keeps."""
    content = read_part(file)
    if isinstance(content, dict) and content.pop("promise", None) is not None:
        write_json(file, content)


def _checks(own: AnsweringModel, opened: AnsweringModel, examples: Examples, on: str) -> Checks:
    """How the answers of two models differ, and how fast they come."""
    before, seconds = _timed(own, examples)
    after, seconds_after = _timed(opened, examples)
    same = np.array([a == b for a, b in zip(before.text, after.text, strict=True)])
    checks: Checks = {
        "on": on,
        "questions": len(examples),
        "same_answers": int(same.sum()),
        "largest_difference": _largest_difference(before, after, same),
        "questions_per_second": {"before": len(examples) / seconds, "after": len(examples) / seconds_after},
    }
    if examples.has_gold:
        by = normalisation_of_run(own.run, own.host)
        metrics = default_parts(LiveMetric, "metrics", by, own.host)
        judged = [judge(examples, found, metrics).metrics for found in (before, after)]
        checks |= {name: {"before": judged[0][name], "after": judged[1][name]} for name in ("exact", "f1")}
        checks["language"] = by.name_of(examples)
    return checks


def _timed(model: AnsweringModel, examples: Examples) -> tuple[Predictions, float]:
    model.predict(examples.take(np.arange(min(4, len(examples)))))  # what is slow only once
    began = time.perf_counter()
    return model.predict(examples), time.perf_counter() - began


def _largest_difference(before: Predictions, after: Predictions, same: np.ndarray) -> float:
    """Of the scores of equal answers, and of all null scores."""
    pairs = [(before.null_score, after.null_score), (before.score[same], after.score[same])]
    found = [np.abs(a - b)[np.isfinite(a) & np.isfinite(b)].max(initial=0.0) for a, b in pairs]
    return float(max(found))


def _refuse_changed(manifest: ExportManifest, checks: Checks) -> None:
    """Refuse a float32 export that answers otherwise than the model."""
    if manifest.precision != "fp32":
        return
    asked, same, far = checks["questions"], checks["same_answers"], checks["largest_difference"]
    if asked != same or not isinstance(far, float) or far > CLOSE:
        what = f"the export answers {same} of {asked} questions as the model does, with scores up to {far:.2g} apart"
        raise ModelError(what, fix="use the runtime torch, and report this as a bug of the exporter")
