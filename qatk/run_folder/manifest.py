"""``manifest.json``: what a run was made of, and how far it came. One reader and one writer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from qatk.errors import Interrupted, QatkError, Requeue, RunFolderError, message
from qatk.files import RUN_MARK, is_there, write_json
from qatk.recipes.sections import SECTIONS
from qatk.results.run import StageTime
from qatk.run_folder.checkpoints import STATES
from qatk.run_folder.reading import read_part, unreadable
from qatk.run_folder.secrets import hidden

MANIFEST = RUN_MARK
FORMAT = 2
"""Of the manifest. Form 1 packed the counts of splits into names such as ``train_questions``; it is still read."""


Number = int | float
_ONE = [path[0] for path, section in SECTIONS.items() if len(path) == 1 and not section.many]
_MANY = [path[0] for path, section in SECTIONS.items() if section.many]
"""The sections of a recipe that name one component, and those that name several."""


Content = dict[str, object]
"""An object as JSON has it."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Identity(_Record):
    """What makes two runs the same run.

    Attributes:
        recipe: digest of what the recipe computes.
        limit: questions used of each split, ``None`` for all.
    """

    recipe: str
    limit: int | None = None


class ComponentRecord(_Record):
    """A component of the run, and who supplied it.

    Attributes:
        source: digest of its sources, see :func:`qatk.plugins.sources.sources_digest`; ``""`` where it is not known.
    """

    kind: str
    name: str
    plugin: str
    distribution: str
    version: str
    source: str = ""

    @property
    def supplier(self) -> str:
        """Plugin, distribution and version."""
        return f"{self.plugin} ({self.distribution} {self.version})"


class DataRecord(_Record):
    """A split: digest of its content, questions, contexts, and questions that have an answer."""

    digest: str
    questions: int = 0
    contexts: int = 0
    answerable: int = 0


class StageRecord(_Record):
    """A stage that was completed.

    Attributes:
        seconds: how long it took.
        counts: what it counted.
        groups: counts by split (``train``, ``dev``), and ``out_of_reach`` by reason.
    """

    seconds: float = 0.0
    counts: Mapping[str, Number] = Field(default_factory=dict)
    groups: Mapping[str, Mapping[str, Number]] = Field(default_factory=dict)


class Best(_Record):
    """The dev metric whose best epoch is kept, and its value so far."""

    metric: str
    value: float


class Ended(_Record):
    """How a run ended that did not finish: ``stopped`` by a signal, or ``failed``; and why."""

    how: Literal["stopped", "failed"]
    why: str = ""


class ClustersRecord(_Record):
    """Clusters as :meth:`qatk.types.Clusters.as_dict` has them; of early runs only the ``kind`` is known."""

    kind: str
    count: int | None = None
    unnamed: int | None = None


class CalibrationRecord(_Record):
    """What was halved to fit the null threshold, and the threshold of each half."""

    clusters: ClustersRecord
    thresholds: tuple[float, float]

    @field_validator("clusters", mode="before")
    @classmethod
    def _of_early_runs(cls, value: object) -> object:
        return {"kind": value} if isinstance(value, str) else value


class Manifest(_Record):
    """The content of ``manifest.json``.

    Attributes:
        id: drawn when the run began: another execution of the same run has it too, another run of the same recipe not.
        name: what to call the run.
        recipe: with every default written out.
        machine: Python, platform, cores and versions of packages.
        data: by split.
        model: what the trainer says of it.
        stages: those that were completed, in order.
        spent: seconds that each stage which is not complete has taken, over all executions, when this was written.
        peak_memory_bytes: the most memory that a process of the run held.
        ended: how its last execution ended, if it did not finish and could still say so.
        untold: whether trackers, which heard that it began, have yet to hear that it is finished.
    """

    format: int = FORMAT
    identity: Identity
    id: str = ""
    name: str = ""
    recipe: Mapping[str, Any] = Field(default_factory=dict)
    components: tuple[ComponentRecord, ...] = ()
    machine: Mapping[str, object] = Field(default_factory=dict)
    data: Mapping[str, DataRecord] = Field(default_factory=dict)
    model: Mapping[str, object] = Field(default_factory=dict)
    best: Best | None = None
    calibration: CalibrationRecord | None = None
    stages: Mapping[str, StageRecord] = Field(default_factory=dict)
    spent: Mapping[str, float] = Field(default_factory=dict)
    peak_memory_bytes: int = 0
    ended: Ended | None = None
    untold: bool = False

    @field_validator("recipe")
    @classmethod
    def _check_recipe(cls, recipe: Mapping[str, Any]) -> Mapping[str, Any]:
        """Hold every place that names components to naming them: readers count on it."""
        many = [recipe[name] for name in _MANY if name in recipe]
        single = [recipe[name] for name in _ONE if name in recipe]
        data = recipe.get("data", {})
        if not (isinstance(data, dict) and all(isinstance(choices, list | tuple) for choices in many)):
            raise ValueError("it is not a recipe")
        choices = [*single, *data.values(), *(choice for part in many for choice in part)]
        if not all(isinstance(choice, dict) and isinstance(choice.get("use"), str) for choice in choices):
            raise ValueError("it is not a recipe: each component is a mapping with 'use'")
        return recipe

    @field_validator("model")
    @classmethod
    def _check_model(cls, model: Mapping[str, object]) -> Mapping[str, object]:
        if not isinstance(model.get("parameters", 0), int | float):
            raise ValueError("its parameters are not a number")
        return model

    def plain(self) -> Content:
        """As JSON has it; what is not known yet is left out, and so are passwords and tokens."""
        content = self.model_dump(mode="json", exclude_none=True, exclude_defaults=True) | {"format": self.format}
        return {name: hidden(value) for name, value in content.items()}

    @property
    def finished(self) -> bool:
        """Whether the run came as far as its scores."""
        return "score" in self.stages

    def stage_times(self, executed: Collection[str] | None = None) -> list[StageTime]:
        """The completed stages; those that are not among the ``executed`` ones are marked as skipped."""
        return [
            StageTime(name, stage.seconds, stage.counts, executed is not None and name not in executed, stage.groups)
            for name, stage in self.stages.items()
        ]


def how_it_ended(error: BaseException) -> Ended:
    """What is noted of a run that this ends before it is finished."""
    if isinstance(error, Interrupted | Requeue) or not isinstance(error, Exception):
        return Ended(how="stopped", why=str(error) if isinstance(error, QatkError) else "")
    return Ended(how="failed", why=str(error) if isinstance(error, QatkError) else message(repr(error)))


def is_run(path: str | Path) -> bool:
    """Whether a path is that of a run folder."""
    return is_there(manifest := Path(path) / MANIFEST) and manifest.is_file()


def read_manifest(path: Path) -> Manifest:
    """The manifest of a run folder.

    Raises:
        RunFolderError: where there is none, it is malformed, or of a newer form.
    """
    file = path / MANIFEST
    if not is_there(file):
        raise RunFolderError(f"{path} is not a run folder: it has no {MANIFEST}")
    content = read_part(file)
    if not isinstance(content, dict) or not isinstance(content.get("format"), int):
        raise unreadable(file, "it is not the manifest of a run")
    if content["format"] not in (1, FORMAT):
        what = f"{path} was written by another version of qatk, which this one cannot read"
        raise RunFolderError(what, fix=f"its manifest has form {content['format']}; this qatk reads 1 and {FORMAT}")
    try:
        return Manifest.model_validate(_of_form_1(content) if content["format"] == 1 else content)
    except ValidationError as error:
        first = error.errors()[0]
        raise unreadable(
            file, f"{'.'.join(map(str, first['loc']))}: {first['msg'].removeprefix('Value error, ')}"
        ) from None


def worth_keeping(path: Path, manifest: Manifest) -> bool:
    """Whether a run came further than what the next start makes again in seconds; a first mistake costs no folder."""
    return bool(set(manifest.stages) - {"data", "features"}) or (path / STATES).exists()


def read_finished(path: Path) -> Manifest:
    """The manifest of a run that came as far as its scores.

    Raises:
        RunFolderError: as :func:`read_manifest`, and where the run is unfinished.
    """
    manifest = read_manifest(path)
    if not manifest.finished:
        raise RunFolderError(f"the run in {path} is unfinished", fix="continue it with qatk run RECIPE --resume")
    return manifest


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write the manifest of a run folder. Raises :class:`qatk.errors.StorageError`."""
    write_json(path / MANIFEST, manifest.plain())


def _of_form_1(content: Content) -> Content:
    """A manifest of form 1 in today's form. Its digests of sources were of single files, so they are left out."""
    stages = content.get("stages")
    components = content.get("components")
    if isinstance(stages, dict):
        stages = {name: _unpacked(stage) if isinstance(stage, dict) else stage for name, stage in stages.items()}
    if isinstance(components, list):
        components = [{**row, "source": ""} if isinstance(row, dict) else row for row in components]
    renewed = {"stages": stages, "components": components}
    given = {name: value for name, value in renewed.items() if value is not None}
    return {"identity": {"recipe": ""}, **content, "format": FORMAT, **given}


def _unpacked(stage: Content) -> Content:
    """A stage with its counts by split as groups: ``train_questions`` becomes ``questions`` of ``train``."""
    counts: Content = {}
    groups: dict[str, Content] = {}
    counted = stage.get("counts")
    for name, value in counted.items() if isinstance(counted, dict) else ():
        group = next((g for g in ("train", "dev", "out_of_reach") if name.startswith(f"{g}_")), None)
        if group is None:
            counts[name] = value
        else:
            groups.setdefault(group, {})[name.removeprefix(f"{group}_")] = value
    return {**stage, "counts": counts, "groups": groups}
