"""All runs below a folder, told from their manifests: no model, table or data file is read."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from qatk.errors import QatkError, QatkWarning, UsageError
from qatk.files import RUN_MARK, expanded, is_there, place_of, url_of
from qatk.run_folder.copies import glimpsed
from qatk.run_folder.event_log import read_events
from qatk.run_folder.lock import Holder, holder_of
from qatk.run_folder.manifest import Manifest, read_manifest
from qatk.run_folder.reading import read_figures
from qatk.run_folder.remote import speaking_of

State = Literal["finished", "running", "stopped", "killed", "failed"]
STATES: tuple[State, ...] = ("finished", "running", "stopped", "killed", "failed")


@dataclass(frozen=True)
class RunSummary:
    """A run, as its folder tells of it.

    Attributes:
        folder: the run folder; of a run at a URL, ``Path`` of that, which all of qatk takes for it.
        name: of the run, which is its recipe's.
        state: ``finished``; ``running`` in another process; ``stopped`` by a signal, ``killed`` without a word, or
            ``failed``: ``--resume`` goes on with these.
        backbone: the model, or the component where that has none.
        metrics: on the dev data; of a run that is not finished, those of its last epoch.
        seconds: what its stages took so far; of a running one, since it was started.
        updated: when its manifest was last written.
        why: what stopped it, or why it failed, in one message.
        recipe: with every default written out.
        stages: those that it completed.
    """

    folder: Path
    name: str
    state: State
    backbone: str
    metrics: Mapping[str, float]
    seconds: float
    updated: datetime
    why: str = ""
    recipe: Mapping[str, object] = field(default_factory=dict, repr=False)
    stages: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """All of it as plain values, as ``qatk runs list --json`` prints it."""
        fields = ("name", "state", "backbone", "seconds", "why", "recipe")
        return {
            "folder": place_of(self.folder),
            **{name: getattr(self, name) for name in fields},
            "updated": self.updated.astimezone().isoformat(timespec="seconds"),
            "metrics": dict(self.metrics),
            "stages": list(self.stages),
        }


def list_runs(folder: str | Path = "runs") -> list[RunSummary]:
    """All runs below a folder or a URL, by path. Folders that cannot be read are named in a warning and left out.

    Raises:
        UsageError: if there is no such folder.
        StorageError: if the URL cannot be reached.
    """
    root = Path(expanded(folder))
    if (url := url_of(folder)) is not None:
        with glimpsed(url) as copy:
            if not any(copy.iterdir()):
                raise UsageError("there is nothing", where=url, fix="name the URL that holds the run folders")
            return [replace(run, folder=root / run.folder.relative_to(copy)) for run in _below(copy, url)]
    if not is_there(root):
        raise UsageError(f"there is no folder {root}", fix="name the folder that holds the run folders")
    if not root.is_dir():
        raise UsageError(f"{root} is a file", fix="name the folder that holds the run folders")
    return _below(root)


def _below(root: Path, url: str | None = None) -> list[RunSummary]:
    """The runs below a folder, which stands for a URL if that is given."""
    found = []
    for path in _run_folders(root):
        try:
            with speaking_of(url, root):
                found.append(read_summary(path))
        except QatkError as error:
            what = f"{error.where}: {error.what}" if error.where else error.what
            warnings.warn(QatkWarning(f"left out: {what}"), stacklevel=3)
    return found


def read_summary(path: Path) -> RunSummary:
    """What one run folder tells.

    Raises:
        RunFolderError: for a folder that is none of a run, or whose files are damaged.
    """
    manifest = read_manifest(path)
    holder = holder_of(path)
    state = state_of(manifest, holder)
    return RunSummary(
        folder=path,
        name=manifest.name or path.name,
        state=state,
        backbone=_backbone(manifest.recipe),
        metrics=_figures(path, state),
        seconds=_seconds(manifest, holder if state == "running" else None),
        updated=datetime.fromtimestamp((path / RUN_MARK).stat().st_mtime),
        why=manifest.ended.why if manifest.ended is not None and state in ("stopped", "failed") else "",
        recipe=manifest.recipe,
        stages=tuple(manifest.stages),
    )


def state_of(manifest: Manifest, holder: Holder | None) -> State:
    """How far a run is; ``holder`` is whose lock lies in its folder."""
    if manifest.finished:
        return "finished"
    if holder is not None:
        return "running" if holder.alive else "killed"
    return manifest.ended.how if manifest.ended is not None else "stopped"


def _run_folders(folder: Path) -> Iterator[Path]:
    """Folders with a manifest, in the order of their paths; not below one another, nor hidden ones, nor links."""
    try:
        if (folder / RUN_MARK).is_file():
            yield folder
            return
        inner = sorted(
            e.name for e in os.scandir(folder) if not e.name.startswith(".") and e.is_dir(follow_symlinks=False)
        )
    except OSError as error:
        warnings.warn(QatkWarning(f"left out: {folder}: {error.strerror}"), stacklevel=3)
        return
    for name in inner:
        yield from _run_folders(folder / name)


def _backbone(recipe: Mapping[str, object]) -> str:
    section = recipe.get("backbone")
    if not isinstance(section, Mapping):
        return ""
    return str(section.get("model") or section.get("use", ""))


def _figures(path: Path, state: State) -> Mapping[str, float]:
    if state == "finished":
        return read_figures(path / "metrics.json")
    epochs = [event for event in read_events(path / "events.jsonl") if event.kind == "epoch"]
    return epochs[-1].metrics if epochs else {}


def _seconds(manifest: Manifest, holder: Holder | None) -> float:
    if holder is not None:
        return max((datetime.now() - holder.since).total_seconds(), 0.0)
    return math.fsum([*(stage.seconds for stage in manifest.stages.values()), *manifest.spent.values()])
