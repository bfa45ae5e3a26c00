"""What a model is loaded from: the sections of a recipe, and the run that trained it, wherever it lies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import cast

import yaml

from qatk.arguments import settings_of
from qatk.calibration.calibrate import FILE
from qatk.calibration.risk_control import KeptPromise
from qatk.errors import ModelError, RunFolderError, UsageError
from qatk.exports.folder import is_export, read_export, refuse_foreign
from qatk.exports.runtimes import PRECISION
from qatk.languages import ENGLISH, Normalisation
from qatk.plugins import values
from qatk.plugins.host import PluginHost
from qatk.plugins.live import LiveBackbone
from qatk.plugins.normalisers import recorded_normalisation
from qatk.plugins.optional import LocatedBackbone
from qatk.recipes.compose import Sections, model_part
from qatk.recipes.document import assigned
from qatk.recipes.sections import RETRIEVAL
from qatk.results import RunResult
from qatk.run_folder.copies import here
from qatk.run_folder.manifest import MANIFEST, Manifest, is_run, read_finished
from qatk.run_folder.provenance import check_suppliers
from qatk.run_folder.reading import read_part, unreadable
from qatk.spelling import spelled

CONFIG = "config.json"
"""The configuration file of a model in the form of transformers."""
PUBLISHED = "qatk"
"""The folder in a published model with the manifest, recipe, report and calibration of the run that trained it."""


@dataclass(frozen=True)
class Source:
    """What a model is loaded from.

    Attributes:
        sections: the recipe's backbone, featurizer, runtime and decoder, its head and trainer if it is no export, and
            its ``passages`` if it has them.
        run: the folder with the calibration of the run that trained it; ``None`` of other models.
        weights: the folder of trained weights, where the backbone does not bring them.
        precision: in which its answers were computed, those of the run or of the export; ``""`` where nothing says.
    """

    sections: Sections
    run: Path | None = None
    weights: Path | None = None
    precision: str = ""

    @cached_property
    def _calibration(self) -> object:
        """What ``calibration.json`` holds, which is read once."""
        assert self.run is not None
        return read_part(self.run / FILE)

    def promise(self) -> KeptPromise | None:
        """The error rate that ``calibration.json`` promises, if there is one."""
        if self.run is None or not (file := self.run / FILE).exists():
            return None
        try:
            return KeptPromise.of(self._calibration, self.precision)
        except ValueError as error:
            fix = self._remedy(f"qatk calibrate {self.run} makes it again")
            raise RunFolderError(str(error), where=str(file), fix=fix) from None

    def fitted_threshold(self) -> float:
        """The null threshold of ``calibration.json``, fitted on all questions of a set for data to come.

        Raises:
            UsageError: for a model without a run.
            RunFolderError: where nothing was fitted, or the file cannot be read.
        """
        if self.run is None:
            what = "the model has no run, so no null threshold was fitted for it"
            raise UsageError(what, where="null_threshold: calibrated", fix="give a number")
        if not (file := self.run / FILE).exists():
            fix = self._remedy(f"fit one: qatk calibrate {self.run}")
            raise RunFolderError(f"no null threshold was fitted: {file} is missing", fix=fix)
        try:
            content = self._calibration
            threshold = content.get("threshold") if isinstance(content, dict) else None
            if isinstance(threshold, bool) or not isinstance(threshold, int | float):
                raise unreadable(file, "it holds no null threshold")
        except RunFolderError as error:
            fix = self._remedy(f"qatk calibrate {self.run} fits it again")
            raise RunFolderError(error.what, fix=fix) from None
        return float(threshold)

    def _remedy(self, of_run: str) -> str:
        """What to do about ``calibration.json``, of a run in its own folder what is given."""
        assert self.run is not None
        if is_export(self.run):
            return "calibrate its run, and export that again"
        if self.run.name == PUBLISHED:
            return "calibrate its run and publish that again, or give a number"
        return of_run


def find_source(model: str | Path, host: PluginHost, revision: object = None) -> Source:
    """What a model is loaded from, by its name; see :func:`qatk.inference.model.load_model`.

    Args:
        model: its name.
        host: the plugins.
        revision: of a model of the hub.

    Raises:
        ModelError: if there is no such model.
        RunFolderError: if its run is unfinished, or needs a plugin that is not installed.
    """
    if not str(model).strip():
        raise ModelError("no model is named", fix="name a run folder, the folder of a model, or a hub id")
    folder = Path(model)
    if is_export(folder):
        export = read_export(folder)
        sections = export.model_sections(folder, _defaults()["exported"])
        return Source(sections, folder, precision=export.precision)
    if is_run(folder):
        return _of_run(folder, host)
    refuse_foreign(folder)
    named: dict[str, dict[str, object]] = {name: {} for name in ("featurizer", "head", "trainer", "runtime", "decoder")}
    sections = {**named, "backbone": backbone_section(str(model))}
    if revision is not None:
        sections["backbone"] = {**sections["backbone"], "revision": revision}
    place = folder_of(model_part(LiveBackbone, "backbone", sections, host))
    if place is None or not is_run(published := place / PUBLISHED):
        return Source(sections)
    manifest = _checked(published, host, str(model))
    backbone = _saved_backbone(manifest.recipe["backbone"], str(model))
    return Source({**_sections(manifest), "backbone": backbone}, published, precision=_precision(manifest))


def changes_of(settings: Sections | Iterable[str]) -> dict[str, dict[str, object]]:
    """The options to change by section. Raises :class:`UsageError` for a section without options."""
    if isinstance(settings, Mapping) and not any("." in str(key) for key in settings):
        sections: Mapping[str, object] = settings
    else:
        sections = assigned(settings_of(settings), "settings")
    if wrong := [name for name, options in sections.items() if not isinstance(options, Mapping)]:
        what = f"settings hold {sections[wrong[0]]!r} for {wrong[0]!r}, where its options are due"
        raise UsageError(what, fix="for example {'decoder': {'n_best_size': 5}}, or ['decoder.n_best_size=5']")
    return {name: dict(cast("Mapping[str, object]", options)) for name, options in sections.items()}


def normalisation_of_run(run: Path | None, host: PluginHost) -> Normalisation:
    """By which the run of a model compared answers, see :attr:`Source.run`; the default of a model without one."""
    if run is None:
        return ENGLISH
    recipe = {"metrics": [vars(read_export(run))]} if is_export(run) else read_finished(run).recipe
    return recorded_normalisation(recipe, host)


def normalisation_of_models(models: Iterable[str | Path | RunResult], host: PluginHost) -> Normalisation:
    """By which the runs of models compared answers; the default where none has a run.

    Raises:
        UsageError: where runs compared them by different ones; and as of :func:`find_source`.
    """
    if len(found := _normalisations(models, host)) > 1:
        (first, one), (second, other), *_ = found.values()
        names = [by.language if by.column is None else f"column {by.column!r}" for by in (one, other)]
        what = f"the normalisers differ: {first} was scored by {names[0]}, {second} by {names[1]}"
        raise UsageError(what, fix=f"name one for both with {spelled('language')} or {spelled('language_column')}")
    return next((by for _, by in found.values()), ENGLISH)


def language_column_of(models: Iterable[str | Path | RunResult], host: PluginHost) -> str | None:
    """The column of languages that the answers of a model are scored by, the first one's that has such."""
    return next((by.column for _, by in _normalisations(models, host).values() if by.column is not None), None)


def _normalisations(
    models: Iterable[str | Path | RunResult], host: PluginHost
) -> dict[tuple[str, str | None], tuple[object, Normalisation]]:
    """Each that runs compared answers by, with the first model of such a run, by language and column."""
    found: dict[tuple[str, str | None], tuple[object, Normalisation]] = {}
    for model in models:
        if (run := find_source(here(model), host).run) is not None:
            by = normalisation_of_run(run, host)
            found.setdefault((by.language, by.column), (model, by))
    return found


def folder_of(backbone: LiveBackbone) -> Path | None:
    """The local folder of a backbone's model, fetched where it is on the hub; ``None`` of one that has no such."""
    if not isinstance(backbone.component, LocatedBackbone):
        return None
    with backbone.during("preparation"):
        return values.expect(backbone.component.folder(), Path)


def _of_run(folder: Path, host: PluginHost) -> Source:
    """The choices of a finished run. Its backbone is the model that it saved, where transformers can read that."""
    manifest = _checked(folder, host, str(folder))
    weights = folder / "model"
    if not weights.is_dir():
        raise RunFolderError(f"the run in {folder} has no model: the folder model/ is missing", fix="run it again")
    sections = _sections(manifest)
    if (weights / CONFIG).is_file():
        sections["backbone"] = _saved_backbone(sections["backbone"], str(weights))
    return Source(sections, folder, weights, _precision(manifest))


_PARTS = ("backbone", "featurizer", "head", "trainer", "decoder")


def _checked(run: Path, host: PluginHost, where: str) -> Manifest:
    """The manifest of a finished run, all of whose components that make answers are here."""
    manifest = read_finished(run)
    if absent := [name for name in _PARTS if name not in manifest.recipe]:
        raise unreadable(run / MANIFEST, f"its recipe has no {' and no '.join(absent)}")
    check_suppliers([row for row in manifest.components if row.kind in (*_PARTS, "retriever", "runtime")], host, where)
    return manifest


def _sections(manifest: Manifest) -> dict[str, Mapping[str, object]]:
    found = {name: manifest.recipe[name] for name in (*_PARTS, RETRIEVAL) if name in manifest.recipe}
    return {**found, "runtime": manifest.recipe.get("runtime", {})}


def _precision(manifest: Manifest) -> str:
    """In which the run predicted: that of its runtime, else that of its trainer."""
    return str(manifest.recipe.get("runtime", {}).get(PRECISION) or manifest.model.get(PRECISION, ""))


_OF_ORIGIN = ("model", "revision", "tokenizer", "layers")
"""Options of the usual backbone that say where a run began, not what it saved."""


def _saved_backbone(recorded: Mapping[str, object], model: str) -> Mapping[str, object]:
    """The backbone that reads a saved model. What a run's own backbone was told of another source is left behind."""
    default = _defaults()["backbone"]
    kept = {}
    if str(recorded["use"]).rpartition("/")[2] == default["use"]:
        kept = {name: value for name, value in recorded.items() if name not in _OF_ORIGIN}
    return {**default, **kept, "model": model}


def backbone_section(model: str) -> dict[str, object]:
    """The section of a recipe that reads a model by its name."""
    return {**_defaults()["backbone"], "model": model}


def _defaults() -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = yaml.safe_load(
        files("qatk.inference").joinpath("defaults.yaml").read_text("utf-8")
    )
    return found


def with_device(sections: Sections, device: str) -> Sections:
    """Sections with the trainer on a device. Raises :class:`UsageError` for an export on a device but the CPU."""
    if "trainer" in sections:
        return {**sections, "trainer": {**sections["trainer"], "device": device}}
    if device not in ("cpu", "auto"):
        raise UsageError("exported for the CPU", where=spelled("device", device), fix="leave it out")
    return sections


def with_runtime(sections: Sections, chosen: Mapping[str, object], host: PluginHost) -> Sections:
    """Sections with another runtime. The precision of one that has no such option is the trainer's.

    Raises:
        UsageError: for another runtime than an export is for, and one that is not there.
    """
    own = sections["runtime"]
    if "trainer" not in sections and chosen not in (own, {"use": own["use"]}):
        host.find("runtime", str(chosen["use"]))
        wanted = ":".join(map(str, chosen.values()))
        what = f"the model is exported for {own['use']}:{own.get(PRECISION)}, not for {wanted}"
        raise UsageError(what, where=spelled("runtime"), fix="leave it out, or export the model again")
    if "trainer" not in sections:
        return sections
    options = host.find("runtime", str(chosen["use"])).component.options.model_fields
    if PRECISION not in chosen or PRECISION in options:
        return {**sections, "runtime": chosen}
    trainer = {**sections["trainer"], PRECISION: chosen[PRECISION]}
    return {**sections, "trainer": trainer, "runtime": {"use": chosen["use"]}}
