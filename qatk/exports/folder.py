"""``export.json``: what an exported model answers by, what it was made of, and how it was checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from qatk.errors import DataError, ModelError
from qatk.files import file_digest, is_there, parse_json, write_json
from qatk.plugins.model_types import BackboneSpec
from qatk.recipes.compose import Sections
from qatk.recipes.sections import RETRIEVAL

MANIFEST = "export.json"
FORMAT = 1
_AGAIN = "export the model again: qatk export MODEL"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SpecRecord(_Record):
    """A :class:`qatk.plugins.model_types.BackboneSpec` as JSON holds it."""

    name: str
    hidden_size: int
    max_length: int
    padding_side: str
    pad_id: int
    null_id: int
    has_type_ids: bool

    @classmethod
    def of(cls, spec: BackboneSpec) -> SpecRecord:
        """What a record holds of a spec."""
        return cls(**{name: getattr(spec, name) for name in cls.model_fields})

    def spec(self) -> BackboneSpec:
        """The spec again."""
        return BackboneSpec(**self.model_dump())


class ExportManifest(_Record):
    """The content of ``export.json``.

    Attributes:
        qatk: its version.
        model: what was exported, as the user named it.
        exporter: its name and options, as a recipe has them.
        spec: of the backbone.
        sections: featurizer, head and decoder of the model, and its passages if it has them.
        files: digest of each of the exporter's files, by name.
        about: what exporter and trainer say of them.
        checks: how the answers differ from those of the model that was exported.
        language: the normaliser by which its run compared answers.
        language_column: the column of the data that names each question's.
    """

    format: int = FORMAT
    qatk: str = Field(default_factory=lambda: version("qatk"))
    model: str
    exporter: Mapping[str, object]
    spec: SpecRecord
    sections: Mapping[str, Mapping[str, object]]
    files: Mapping[str, str] = Field(default_factory=dict)
    about: Mapping[str, object] = Field(default_factory=dict)
    checks: Mapping[str, object] = Field(default_factory=dict)
    language: str | None = None
    language_column: str | None = None

    @property
    def precision(self) -> str:
        """Of the files."""
        return str(self.exporter.get("precision", "fp32"))

    def model_sections(self, folder: Path, backbone: Mapping[str, object]) -> Sections:
        """The sections of a recipe that the model answers by; ``backbone`` reads what lies beside the manifest."""
        kept = {name: self.sections.get(name, {}) for name in ("featurizer", "decoder")}
        kept |= {RETRIEVAL: self.sections[RETRIEVAL]} if RETRIEVAL in self.sections else {}
        runtime = {"use": str(self.exporter["use"])}
        if "precision" in self.exporter:
            runtime["precision"] = self.precision
        return {"backbone": {**backbone, "model": str(folder)}, **kept, "runtime": runtime}

    def write(self, folder: Path) -> None:
        """Write it. Raises :class:`StorageError`."""
        write_json(folder / MANIFEST, self.model_dump(mode="json"))


def is_export(model: str | Path) -> bool:
    """Whether a model is named by the folder of an export."""
    return is_there(manifest := Path(model) / MANIFEST) and manifest.is_file()


def refuse_foreign(folder: Path) -> None:
    """Raise :class:`ModelError` for a folder that has a graph, and neither a manifest of qatk nor weights."""
    if not is_there(folder) or not folder.is_dir() or any(folder.glob("*.safetensors")):
        return
    graphs = [*folder.glob("*.onnx"), *(file for file in folder.glob("*.xml") if file.with_suffix(".bin").exists())]
    if graphs:
        what = f"{graphs[0].name} is not of an export by qatk, or {MANIFEST} is missing, which says how it answers"
        raise ModelError(what, where=str(folder), fix=_AGAIN)


def read_export(folder: Path) -> ExportManifest:
    """The manifest of an exported model.

    Raises:
        ModelError: it is damaged, of another form, or the files are not those that it was written with.
    """
    file = folder / MANIFEST
    try:
        content = parse_json(file.read_text("utf-8"), file)
    except (OSError, UnicodeDecodeError, DataError) as error:
        raise ModelError(f"the export cannot be read: {error}", where=str(file), fix=_AGAIN) from None
    if not isinstance(content, dict) or not isinstance(content.get("format"), int):
        raise ModelError("it is not the manifest of an export", where=str(file), fix=_AGAIN)
    if content["format"] != FORMAT:
        what = f"it was exported by another version of qatk (form {content['format']}; this one reads {FORMAT})"
        raise ModelError(what, where=str(file), fix=f"{_AGAIN}, or install qatk {content.get('qatk', '')}".rstrip())
    try:
        manifest = ExportManifest.model_validate(content)
        if not isinstance(manifest.exporter.get("use"), str):
            raise ValueError("it names no exporter")
    except (ValidationError, ValueError) as error:
        said = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise ModelError(f"it is not the manifest of an export: {said}", where=str(file), fix=_AGAIN) from None
    check_files(folder, manifest)
    return manifest


def check_files(folder: Path, manifest: ExportManifest) -> None:
    """Raise :class:`ModelError` where a file is missing, damaged or of another export."""
    for name, digest in manifest.files.items():
        if not (folder / name).is_file():
            raise ModelError(f"the exported model lacks {name}", where=str(folder), fix=_AGAIN)
        if file_digest(folder / name) != digest:
            what = f"{name} is damaged, or of another export: it is not the file that {MANIFEST} was written with"
            raise ModelError(what, where=str(folder / name), fix=_AGAIN)


def plain_sections(sections: Sections) -> dict[str, dict[str, object]]:
    """Sections as JSON holds them."""
    found: dict[str, dict[str, object]] = json.loads(json.dumps(sections, default=str))
    return found
