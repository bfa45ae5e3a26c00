"""Folders of this machine for runs at URLs: where one is made, and copies of what is there to be read."""

from __future__ import annotations

import hashlib
import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from qatk.errors import QatkWarning, RunFolderError, UsageError
from qatk.files import (
    RUN_MARK,
    RemoteFolder,
    cache_folder,
    cache_limit,
    discard,
    expanded,
    folder_size,
    least_used,
    local_place,
    storage_errors,
    url_of,
    write_json,
)
from qatk.results.run import RunResult
from qatk.run_folder.checkpoints import STATES
from qatk.run_folder.lock import LOCK, locked
from qatk.run_folder.remote import SENT, empty, is_sent
from qatk.run_folder.remote_lock import wait_until_ready

MODEL = "model"
"""The folder of a run that holds its model."""
_MODEL_BYTES = ".model-bytes"
"""The file of a copy that says how large the model is at the URL."""
IN_USE_S = 3600.0
"""Seconds since its last use in which a copy is not removed."""


def working_folder(url: str) -> Path:
    """The folder of this machine in which the run of a URL is made; the same for every call, so that it can be locked.

    Raises:
        UsageError: there is no room for it, see :func:`qatk.files.remote.local_place`.
    """
    return local_place(url, "made") / _key(url) / _ending(url)


def spare(url: str) -> None:
    """Remove what was made of other runs and is at their URLs, where it takes more than the cache may.

    Raises:
        UsageError: of :func:`qatk.files.cache_limit` and :func:`working_folder`.
    """
    limit, folder = cache_limit(os.environ), working_folder(url)
    for old in least_used(_sent_runs(local_place(url, "made")), limit, folder):
        with suppress(RunFolderError, OSError), warnings.catch_warnings():
            warnings.simplefilter("ignore", QatkWarning)
            with locked(old, any_folder=True):
                if is_sent(old):
                    empty(old)


def _sent_runs(place: Path) -> Iterator[tuple[float, int, Path]]:
    """When each run was sent, its bytes, and its folder; of runs of which all was."""
    for note in place.rglob(SENT):
        with suppress(OSError):
            if is_sent(note.parent):
                yield note.stat().st_mtime, folder_size(note.parent), note.parent


def place_named(named: str | Path | RunResult) -> str | Path:
    """What a user named, see :func:`qatk.files.expanded`; of the result of a run, its URL or its folder.

    Raises:
        RunFolderError: a result is of no folder.
        UsageError: it is no path.
    """
    if isinstance(named, RunResult):
        if (place := named.url or named.folder) is None:
            raise RunFolderError(f"the run {named.name} has no folder", fix="load it by load_run, or name its folder")
        return place
    if not isinstance(named, str | Path):
        raise UsageError(f"no path but an object of type {type(named).__name__}", fix="name a run or a model")
    return Path(expanded(named)) if isinstance(named, Path) else expanded(named)


def here(named: str | Path | RunResult, *, model: bool = True) -> str | Path:
    """What a user named, on this machine: itself, or a copy of the run at a URL, without its saved states.

    A copy is made once for each version of the manifest; those used longest ago make room. Of the result of a run it
    is the folder.

    Args:
        named: by the user.
        model: whether the copy is to have the model, if there is one.

    Raises:
        RunFolderError: there is no run at the URL, or a result is of no folder.
        StorageError, UsageError: it cannot be reached, or is no path.
    """
    place, part = place_named(named), MODEL if model else "."
    if isinstance(named, RunResult) and named.folder is not None and (named.folder / part).is_dir():
        return named.folder
    if (url := url_of(place)) is None:
        if model and is_copy(Path(place)) and not (Path(place) / MODEL).is_dir():
            what = "this is a copy of a run at a URL, without the model"
            raise RunFolderError(what, where=str(place), fix="name the URL")
        return place
    remote, limit = RemoteFolder(url), cache_limit(os.environ)
    if (manifest := remote.read(RUN_MARK)) is None:
        raise RunFolderError(f"there is no run: no {RUN_MARK}", where=remote.url, fix="name the URL of a run folder")
    entry = local_place(url, "read") / _key(url, manifest)
    folder = entry / _ending(url)
    with suppress(OSError):  # where it is there, and not read-only as a cache that others fill may be
        os.utime(entry)
    if not (folder / part).is_dir():
        with storage_errors(folder):
            _fetch(remote, folder, model=model)
        _make_room(entry, limit)
    return folder


def _fetch(remote: RemoteFolder, folder: Path, *, model: bool) -> None:
    """Make a copy, or complete one that has no model yet. Others may do the same meanwhile."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    sizes = {name: size for name, size in remote.sizes().items() if not name.startswith(f"{STATES}/")}
    of_model = {name: size for name, size in sizes.items() if name.startswith(f"{MODEL}/")}
    with TemporaryDirectory(dir=folder.parent, prefix=".") as new:
        if not folder.is_dir():
            made = Path(new) / "run"
            remote.fetch_all([name for name in sizes if name not in of_model], made)
            write_json(made / _MODEL_BYTES, sum(of_model.values()))
            _place(made, folder)
        if model and of_model:
            remote.fetch_all([*of_model], Path(new))
            _place(Path(new) / MODEL, folder / MODEL)


def _place(made: Path, at: Path) -> None:
    try:
        made.replace(at)
    except OSError:
        if not at.is_dir():
            raise


def _make_room(entry: Path, limit: int) -> None:
    """Remove the copies used longest ago, beside one that was just made; those of the last hour may be in use."""
    for old in least_used(_copies(entry.parent), limit, entry):
        with suppress(OSError):
            if time.time() - old.stat().st_mtime < IN_USE_S:
                return
            doomed = old.with_name(f".{uuid4().hex}")  # so that nobody finds half of it
            discard(old.rename(doomed))


def _copies(place: Path) -> Iterator[tuple[float, int, Path]]:
    """When each copy was last used, its bytes, and where it is."""
    for entry in place.iterdir():
        with suppress(OSError):  # another process may remove it meanwhile
            yield entry.stat().st_mtime, folder_size(entry), entry


def model_bytes(folder: Path) -> int | None:
    """The bytes of a run's model, also of a copy without it; ``None`` where that is not known."""
    if (folder / MODEL).is_dir():
        return folder_size(folder / MODEL)
    with suppress(OSError, ValueError):
        return int((folder / _MODEL_BYTES).read_text("utf-8")) or None
    return None


def is_copy(folder: Path) -> bool:
    """Whether a folder is such a copy of a run at a URL, which is only read."""
    base = cache_folder(os.environ, "remote")
    return base is not None and folder.absolute().is_relative_to((base / "read").absolute())


@contextmanager
def followed(url: str) -> Iterator[Path]:
    """What a process that is not the first follows: a copy of what the first goes on from, until the block ends.

    Raises:
        ProcessLost, StorageError: of :func:`qatk.run_folder.remote_lock.wait_until_ready`.
    """
    wait_until_ready(remote := RemoteFolder(url))
    with TemporaryDirectory(prefix="qatk-follower-") as folder:
        remote.fetch_all(remote.names(), Path(folder))
        yield Path(folder)


@contextmanager
def glimpsed(url: str) -> Iterator[Path]:
    """Copies of what lists of runs read, of all runs below a URL, in a folder that goes when the block ends.

    Raises:
        StorageError, UsageError: it cannot be reached.
    """
    remote = RemoteFolder(url)
    times = remote.times()
    runs = {"", *(name.removesuffix(RUN_MARK) for name in times if name.split("/")[-1] == RUN_MARK)}
    wanted = [f"{run}{name}" for run in runs for name in (RUN_MARK, LOCK, "metrics.json")]
    wanted += [f"{run}events.jsonl" for run in runs if f"{run}metrics.json" not in times]  # else its figures say all
    with TemporaryDirectory(prefix="qatk-glimpsed-") as folder:
        for name, content in remote.read_all(wanted).items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            if name in times:
                os.utime(path, (times[name], times[name]))
        yield Path(folder)


def _key(url: str, manifest: bytes = b"") -> str:
    return hashlib.sha256(url.encode() + b"\0" + manifest).hexdigest()[:16]


def _ending(url: str) -> Path:
    """The last parts of a URL, by which reports tell runs apart."""
    return Path(*[part for part in url.partition("://")[2].split("/") if part not in ("", ".", "..")][-2:])
