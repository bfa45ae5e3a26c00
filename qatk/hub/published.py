"""What goes along of a run that is published, without the paths of the machine that it was made on."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from qatk.errors import UsageError
from qatk.files import finite, is_there
from qatk.run_folder.manifest import MANIFEST, ComponentRecord, read_manifest
from qatk.run_folder.parameters import FILE as PARAMETERS
from qatk.run_folder.recipes import RECIPE, as_run

REPORT = "report.md"
AS_THEY_ARE = ("metrics.json", "calibration.json", PARAMETERS)
"""Files of a run that go along; its data and its answers do not."""
_NAME_ALONE = ("trackers", "launcher")
"""Sections of which only the names of components go along: the rest are servers, accounts and folders."""
_MODELS = ("model", "tokenizer", "teacher")
"""Options that name a model: by its place, or by its id on the hub."""
_HUB_ID = re.compile(r"\w[\w.-]*(/[\w.-]+)?")
_PATH = re.compile(r"/|~|\.{1,2}[/\\]|\\|[A-Za-z][\w+.-]*:[/\\]")
"""How a path or a URL begins that cannot be anything else."""


def names_hub(text: object, run: Path | None) -> bool:
    """Whether a text may be an id of the hub: it looks like one, and neither here nor near the run is such a file."""
    return isinstance(text, str) and _HUB_ID.fullmatch(text) is not None and not _is_near(text, run)


def of_run(run: Path) -> dict[str, Path | str]:
    """The files of a run that go along, by name: themselves, or the texts that stand for them.

    Raises:
        RunFolderError: where one cannot be read.
    """
    files: dict[str, Path | str] = {name: run / name for name in AS_THEY_ARE if is_there(run / name)}
    manifest, shortened = read_manifest(run), Shortened(run)
    components = tuple(map(_without_path, manifest.components))
    told = {"recipe": shortened.recipe(manifest.recipe), "components": components, "ended": None}
    shown = manifest.model_copy(update=told)
    files[MANIFEST] = json.dumps(finite(shown.plain()), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    files[RECIPE] = as_run(shown)
    if is_there(run / REPORT):
        files[REPORT] = shortened.report((run / REPORT).read_text("utf-8"))
    return files


class Shortened:
    """Recipes of a run in which a path is its last part. What is not known to be on the hub counts as a path.

    Args:
        run: its folder; relative paths are looked for in the working directory, and in every folder above the run.
    """

    def __init__(self, run: Path) -> None:
        self._run, self._models = run, dict[str, str]()

    def recipe(self, recipe: Mapping[str, object]) -> dict[str, object]:
        """A recipe with every path shortened."""
        return {
            name: _names_alone(part) if name in _NAME_ALONE else self._part(part, name, data=name == "data")
            for name, part in recipe.items()
        }

    def report(self, text: str) -> str:
        """A report in Markdown, with the paths of the same models shortened; some characters are references there."""
        for path, short in self._models.items():
            form = "(?:&#8203;)?".join(f"(?:{re.escape(char)}|&#{ord(char)};)" for char in path)
            text = re.sub(form, short, text)
        return text

    def _part(self, value: object, key: str, *, data: bool, use: str = "") -> object:
        if isinstance(value, dict):
            use = str(value.get("use", use))
            return {name: self._part(item, name, data=data, use=use) for name, item in value.items()}
        if isinstance(value, list):
            return [self._part(item, key, data=data, use=use) for item in value]
        if not isinstance(value, str) or key == "use" or not self._is_path(value, key, data=data, use=use):
            return value
        short = re.split(r"[/\\]", value.rstrip("/\\"))[-1]
        if key in _MODELS:
            self._models[value] = short
        return short

    def _is_path(self, text: str, key: str, *, data: bool, use: str) -> bool:
        if not re.search(r"[/\\]", text) or text.startswith("package:"):
            return False
        is_id = (key == "name" and use.rpartition("/")[2] == "hub") if data else key in _MODELS
        if data or is_id or key == "runs":
            return not (is_id and names_hub(text, self._run))
        return _PATH.match(text) is not None or _is_near(text, self._run)


def _is_near(text: str, run: Path | None) -> bool:
    """Whether there is such a file in the working directory, or in a folder that the run is in."""
    try:
        return any(is_there(place / text) for place in (Path(), *([] if run is None else run.absolute().parents)))
    except UsageError:  # no path at all
        return False


def _names_alone(part: object) -> object:
    """The components of a section without their options."""
    if isinstance(part, list):
        return [_names_alone(each) for each in part]
    return {"use": part["use"]} if isinstance(part, dict) and "use" in part else part


def _without_path(row: ComponentRecord) -> ComponentRecord:
    """A component's record; that of a plugin that is a file has its path for a version."""
    return row.model_copy(update={"version": Path(row.version).name}) if row.distribution == "file" else row
