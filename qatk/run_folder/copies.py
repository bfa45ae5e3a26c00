"""Folders of this machine for runs at URLs: where one is made, and copies of what is there to be read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from qatk.errors import RunFolderError, UsageError
from qatk.files import RUN_MARK, RemoteFolder, cache_folder, local_place, storage_errors, url_of
from qatk.results.run import RunResult
from qatk.run_folder.checkpoints import STATES
from qatk.run_folder.lock import LOCK
from qatk.run_folder.remote_lock import wait_until_ready


def working_folder(url: str) -> Path:
    """The folder of this machine in which the run of a URL is made; the same for every call, so that it can be locked.

    Raises:
        UsageError: there is no room for it, see :func:`qatk.files.remote.local_place`.
    """
    return local_place(url, "made") / _key(url) / _ending(url)


def place_named(named: str | Path | RunResult) -> str | Path:
    """What a user named; of the result of a run, its URL or its folder.

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
    return named


def here(named: str | Path | RunResult) -> str | Path:
    """What a user named, on this machine: itself, or a copy of the run at a URL, without its saved states.

    A copy is made once for each version of the manifest. Of the result of a run it is the folder.

    Raises:
        RunFolderError: there is no run at the URL, or a result is of no folder.
        StorageError, UsageError: it cannot be reached, or is no path.
    """
    place = place_named(named)
    if isinstance(named, RunResult) and named.folder is not None and named.folder.is_dir():
        return named.folder
    if (url := url_of(place)) is None:
        return place
    remote = RemoteFolder(url)
    if (manifest := remote.read(RUN_MARK)) is None:
        raise RunFolderError(f"there is no run: no {RUN_MARK}", where=remote.url, fix="name the URL of a run folder")
    folder = local_place(url, "read") / _key(url, manifest) / _ending(url)
    if not folder.is_dir():
        with storage_errors(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(dir=folder.parent, prefix=".") as new:  # others may make the same copy meanwhile
                remote.fetch_all(
                    [name for name in remote.names() if not name.startswith(f"{STATES}/")], Path(new) / "run"
                )
                try:
                    (Path(new) / "run").replace(folder)
                except OSError:
                    if not folder.is_dir():
                        raise
    return folder


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
