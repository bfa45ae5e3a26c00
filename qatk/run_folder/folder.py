"""The run folder: the manifest says what is there, and a killed run leaves nothing half-written.

Layout: ``manifest.json``, ``recipe.yaml``, ``metrics.json``, ``predictions.json``, ``null_odds.json``,
``examples.parquet``, ``events.jsonl``, ``checkpoints/``, ``model/``.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from qatk.errors import RunFolderError
from qatk.files import storage_errors, write_json

MANIFEST = "manifest.json"
FORMAT = 1


class RunFolder:
    """One run's folder and its manifest.

    Attributes:
        path: the folder.
        manifest: the content of ``manifest.json``; :meth:`save` writes it.
    """

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        self.path, self.manifest = path, manifest

    @classmethod
    def open(cls, path: Path, identity: Mapping[str, Any], *, resume: bool) -> RunFolder:
        """Take a folder for a run.

        Args:
            path: the folder; :meth:`save` makes it where it is not there.
            identity: what makes two runs the same (recipe digest, limit, version of the form).
            resume: go on with the run that the folder holds.

        Raises:
            RunFolderError: for a folder that holds another run, something else, or a run without ``resume``; one that
                came to nothing yet is taken over.
        """
        if path.exists() and not path.is_dir():
            raise RunFolderError(f"{path} is a file", fix="name a folder with --out")
        if (path / MANIFEST).exists():
            manifest = read_manifest(path)
            if _worth_keeping(path, manifest):
                return cls._reopen(path, manifest, identity, resume)
            (path / "events.jsonl").unlink(missing_ok=True)
        elif path.exists() and any(path.iterdir()):
            raise RunFolderError(f"{path} holds something that is not a run", fix="name another folder with --out")
        return cls(path, {"format": FORMAT, "identity": dict(identity), "stages": {}})

    @classmethod
    def _reopen(cls, path: Path, manifest: dict[str, Any], identity: Mapping[str, Any], resume: bool) -> RunFolder:
        held = manifest.get("identity", {})
        if differing := sorted(key for key in {*identity, *held} if identity.get(key) != held.get(key)):
            what = f"{path} holds another run: its {', '.join(differing)} differ{'s' * (len(differing) == 1)}"
            raise RunFolderError(what, fix="name another folder with --out, or remove this one")
        if not resume:
            state = "this run, finished" if "score" in manifest["stages"] else "this run, unfinished"
            raise RunFolderError(
                f"{path} already holds {state}", fix="--resume goes on with it, --out takes another folder"
            )
        folder = cls(path, manifest)
        folder._mend()
        return folder

    def _mend(self) -> None:
        """Undo what a killed process left between two renames."""
        for old in self.path.rglob(".*.old"):
            target = old.with_name(old.name[1 : -len(".old")])
            if target.exists():
                shutil.rmtree(old, ignore_errors=True)
            else:
                old.replace(target)
        for left in [*self.path.rglob(".*.new"), *self.path.rglob(".*.tmp")]:
            shutil.rmtree(left) if left.is_dir() else left.unlink()

    def done(self, stage: str) -> bool:
        """Whether a stage was completed."""
        return stage in self.manifest["stages"]

    def save(self) -> None:
        """Write the manifest; the first time, make the folder."""
        with storage_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        write_json(self.path / MANIFEST, self.manifest)

    def __truediv__(self, name: str) -> Path:
        return self.path / name


def _worth_keeping(path: Path, manifest: dict[str, Any]) -> bool:
    """Whether a run came further than what the next start makes again in seconds; a first mistake costs no folder."""
    return bool(set(manifest["stages"]) - {"data", "features"}) or (path / "checkpoints").exists()


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of a run folder.

    Raises:
        RunFolderError: where there is none, or it is of a newer form.
    """
    try:
        manifest = json.loads((path / MANIFEST).read_text("utf-8"))
    except FileNotFoundError:
        raise RunFolderError(f"{path} is not a run folder: it has no {MANIFEST}") from None
    except (OSError, ValueError) as error:
        what = f"{path / MANIFEST} cannot be read: {error}"
        raise RunFolderError(what, fix="remove the folder, and the run can be made again") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise RunFolderError(f"{path} was written by another version of qatk, which this one cannot read")
    return manifest


def is_first_process() -> bool:
    """Whether this process is the only one, or the first of several."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def follow(path: Path, identity: Mapping[str, Any]) -> Iterator[RunFolder]:
    """A scratch copy of the run folder ``path``, gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix="qatk-follower-") as scratch:
        manifest: dict[str, Any] = {"format": FORMAT, "identity": dict(identity), "stages": {}}
        if (path / MANIFEST).exists():
            manifest = read_manifest(path)
            for name in ("checkpoints", "model"):
                if (path / name).exists():
                    shutil.copytree(path / name, Path(scratch) / name)
        yield RunFolder(Path(scratch), manifest)
