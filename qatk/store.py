"""The run folder: every file is written whole or not at all, and the manifest says what is there.

Layout: ``manifest.json``, ``recipe.yaml``, ``metrics.json``, ``predictions.json``, ``null_odds.json``,
``examples.parquet``, ``events.jsonl``, ``checkpoints/``, ``model/``.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from qatk.errors import RunFolderError, StorageError

MANIFEST = "manifest.json"
FORMAT = 1


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn what the file system refuses into a :class:`StorageError` that names the file."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"cannot write: {reason}", where=str(path), fix="nothing was left half-written") from error


def write_atomically(path: Path, data: bytes | str) -> None:
    """Write a file so that a crash or a full disk leaves the old content, or none.

    A link stays one: what it leads to is written. What is no file, such as a pipe or a device, is written into.

    Raises:
        StorageError: where the file system refuses.
    """
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")
    with storage_errors(path):
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        path = path.resolve() if path.is_symlink() else path
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def finite(value: Any) -> Any:
    """The value with NaN as ``None`` and infinities as the largest float32: JSON knows neither."""
    if isinstance(value, float):
        limit = 3.4028234663852886e38
        return None if math.isnan(value) else min(max(value, -limit), limit)
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def write_json(path: Path, value: Any, indent: int | None = 1) -> None:
    """Write strict JSON, atomically. Raises :class:`StorageError`."""
    write_atomically(path, json.dumps(finite(value), indent=indent, ensure_ascii=False, allow_nan=False) + "\n")


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """An empty folder to fill, which takes the place of ``folder`` when the block ends well.

    Raises:
        StorageError: where the file system refuses; ``folder`` is then as before.
    """
    new, old = folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")
    with storage_errors(folder):
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        try:
            yield new
            if folder.exists():
                folder.replace(old)
            new.replace(folder)
            shutil.rmtree(old, ignore_errors=True)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise


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
