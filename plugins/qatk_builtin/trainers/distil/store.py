"""Soft targets on disk, beside the cache of windows: computed once for a teacher and its windows, then read."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save

from qatk.api import QatkError, QatkWarning
from qatk.display import byte_size
from qatk.files import LIMIT, cache_folder, cache_limit, least_used, storage_errors, write_atomically
from qatk_builtin.trainers.distil.soft_targets import SoftTargets

FORM = "2"
"""To be raised where the meaning of what is stored changes."""


class Store:
    """Soft targets by key, as float16 with a digest; ``QATK_CACHE=off`` keeps none.

    What goes wrong with it is warned of, and never stops a training.

    Raises:
        UsageError: ``QATK_CACHE_GB`` is no number above 0.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self.folder, self._limit = cache_folder(environ, "soft-targets"), cache_limit(environ)

    def read(self, key: str) -> SoftTargets | None:
        """What was stored under a key; ``None`` where there is nothing, or it is not as it was written."""
        if (path := self._path(key)) is None or not path.is_file():
            return None
        try:
            columns = load_file(path)
            with safe_open(path, "numpy") as file:
                due = (file.metadata() or {}).get("sha256")
            if due != digest(columns[name].tobytes() for name in ("start", "end")):
                raise ValueError("its digest is another")
        except (OSError, KeyError, ValueError, SafetensorError) as error:
            warnings.warn(f"damaged soft targets in {path} are made anew: {error}", QatkWarning, stacklevel=2)
            return None
        with suppress(OSError):  # a cache that others fill may be read-only
            os.utime(path)
        return SoftTargets(*(columns[name].astype(np.float32) for name in ("start", "end")))

    def write(self, key: str, targets: SoftTargets) -> None:
        """Store targets under a key; those used longest ago make room."""
        if (path := self._path(key)) is None:
            return
        columns = {name: getattr(targets, name).astype(np.float16) for name in ("start", "end")}
        data = save(columns, {"sha256": digest(column.tobytes() for column in columns.values())})
        if len(data) > self._limit:
            what = f"soft targets of {byte_size(len(data))} are not stored: {LIMIT} allows {byte_size(self._limit)}"
            warnings.warn(what, QatkWarning, stacklevel=2)
            return
        try:
            with storage_errors(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(path, data)
                for old in least_used(_entries(path.parent), self._limit, path):
                    old.unlink(missing_ok=True)
        except QatkError as error:
            warnings.warn(f"soft targets are not stored: {error}", QatkWarning, stacklevel=2)

    def _path(self, key: str) -> Path | None:
        return None if self.folder is None else self.folder / f"{key}.safetensors"


def _entries(folder: Path) -> Iterator[tuple[float, int, Path]]:
    """When each file was last used, its bytes, and its path."""
    for path in folder.glob("*.safetensors"):
        with suppress(OSError):  # another process may remove it meanwhile
            yield (stat := path.stat()).st_mtime, stat.st_size, path


def as_stored(targets: SoftTargets) -> SoftTargets:
    """The targets in the precision in which they are stored, so that a training is the same without the store."""
    with np.errstate(over="ignore"):
        return SoftTargets(*(getattr(targets, name).astype(np.float16).astype(np.float32) for name in ("start", "end")))


def digest(parts: Iterable[bytes]) -> str:
    """SHA-256, in hex, of some bytes and their lengths."""
    sha = hashlib.sha256(FORM.encode())
    for part in parts:
        sha.update(len(part).to_bytes(8, "little"))
        sha.update(part)
    return sha.hexdigest()
