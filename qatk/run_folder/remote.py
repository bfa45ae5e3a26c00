"""Runs at URLs: made in a folder of this machine and sent file by file, or fetched from there to be read."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISREG
from tempfile import TemporaryDirectory
from typing import TypeVar

from qatk.errors import QatkError, QatkWarning, RunFolderError, StorageError, UsageError
from qatk.files import RUN_MARK, RemoteFolder, cache_folder, discard, local_place, storage_errors, url_of, write_json
from qatk.results.run import RunResult
from qatk.run_folder.checkpoints import DIGESTS, damage_of, step_of
from qatk.run_folder.lock import LOCK
from qatk.run_folder.manifest import read_manifest
from qatk.run_folder.remote_lock import wait_until_ready

_STATES = "checkpoints/"
_SENT = ".sent"
"""A file of a folder of this machine: the version of each file that was sent or fetched. A run whose manifest is among
them, but not at the URL, was removed there."""
_Version = tuple[int, int]
"""Bytes, and when it was written, in nanoseconds."""
_NEVER: _Version = (-1, -1)
"""The version of a file that is to be sent again."""
P = TypeVar("P", bound=str | Path)


class Mirror:
    """The folder of a run at a URL, and the folder of this machine in which it is made.

    Storage of objects has no rename, so that the order of files makes a run whole: a state's digests go before the
    files that they are of, and the manifest goes last. A reader finds what the manifest says, or more.

    Args:
        remote: the run folder at the URL.
        folder: of this machine; what is at the URL replaces its content, unless the same run came further in it, or
            the run in it never came to the URL.
        check: called before anything is sent; raises where the run is another's by now.

    Raises:
        RunFolderError: what is there is no run.
        StorageError: it cannot be read.
    """

    def __init__(self, remote: RemoteFolder, folder: Path, check: Callable[[], None] = lambda: None) -> None:
        self.remote, self.folder, self.check = remote, folder, check
        names, known = remote.names(), _sent(folder)
        if _is_further(folder, remote, names):
            if RUN_MARK in names:
                what = f"came further in this run than {remote.url}: it goes on there, and is sent"
            else:
                what = f"holds a run that never came to {remote.url}: --resume sends it; to begin another, remove it"
                names = [name for name in names if name in known]
            warnings.warn(QatkWarning(f"{folder} {what}"), stacklevel=2)
            self.sent = dict.fromkeys(names, _NEVER)
            return
        if names and RUN_MARK not in names:
            raise RunFolderError(f"{remote.url} holds something that is not a run", fix="name another URL with --out")
        _fetch_anew(remote, names, folder)
        self.sent = _versions(folder)
        self._note_sent()

    def send(self, *, final: bool = False) -> None:
        """Send what changed, and remove what is gone; a failure is warned of and made good by the next call.

        Raises:
            StorageError: the last call failed; the run is whole on this machine.
            RunFolderError: of ``check``.
        """
        try:
            self.send_now()
        except StorageError as error:
            if final:
                kept = f"the run is finished in {self.folder}: copy it from there, or send it by --resume"
                error.fix = f"{kept}; {error.fix}"
                raise
            warnings.warn(QatkWarning(f"{error.where}: {error.what}; it will be tried again"), stacklevel=3)

    def send_now(self) -> None:
        """Send what changed, and remove what is gone.

        Raises:
            StorageError, RunFolderError: it cannot be done, or ``check`` raises it.
        """
        found = _versions(self.folder)
        changed = [name for name, version in found.items() if version != self.sent.get(name)]
        try:
            for name in sorted(changed, key=_turn):
                self.check()
                if (self.folder / name).is_file():  # trackers may write and remove files meanwhile
                    self.remote.send(self.folder / name, name)
                    self.sent[name] = found[name]
            for name in [name for name in self.sent if name not in found]:
                self.check()
                self.remote.remove(name)
                del self.sent[name]
        finally:
            self._note_sent()

    def _note_sent(self) -> None:
        with suppress(StorageError):
            if self.sent:
                write_json(self.folder / _SENT, self.sent)


def _turn(name: str) -> tuple[int, str]:
    """When a file is sent."""
    return 2 if name == RUN_MARK else int(not name.endswith(f"/{DIGESTS}")), name


def _versions(folder: Path) -> dict[str, _Version]:
    """The version of each file by its name in the folder, without hidden ones and those that go meanwhile."""
    found = dict[str, _Version]()
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name[0] != "."]
        for path in (Path(place, name) for name in names if name[0] != "."):
            with suppress(OSError):
                if S_ISREG((stat := path.stat()).st_mode):
                    found[path.relative_to(folder).as_posix()] = (stat.st_size, stat.st_mtime_ns)
    return found


def _sent(folder: Path) -> dict[str, _Version]:
    """What a folder says that it sent."""
    with suppress(OSError, ValueError, TypeError, AttributeError):
        return {name: (size, when) for name, (size, when) in json.loads((folder / _SENT).read_text("utf-8")).items()}
    return {}


def _fetch_anew(remote: RemoteFolder, names: Sequence[str], folder: Path) -> None:
    """Have a folder of this machine hold what is at a URL; as the manifest comes last, no part of it seems whole."""
    discard(folder / RUN_MARK)
    for old in folder.iterdir() if folder.is_dir() else ():
        if old.name != LOCK:
            discard(old)
    remote.fetch_all([name for name in names if name != RUN_MARK], folder)
    remote.fetch_all([name for name in names if name == RUN_MARK], folder)


def _is_further(folder: Path, remote: RemoteFolder, names: Sequence[str]) -> bool:
    """Whether a folder of this machine has what could not be sent: a whole run, or the end of the one at the URL."""
    known = _sent(folder)
    with TemporaryDirectory(prefix="qatk-manifest-") as there, suppress(RunFolderError):
        made = read_manifest(folder)
        if RUN_MARK not in names:
            return RUN_MARK not in known
        if known == _versions(folder):
            return False
        if not _is_whole(manifest := remote.read(RUN_MARK) or b""):
            return True
        (Path(there) / RUN_MARK).write_bytes(manifest)
        sent = read_manifest(Path(there))
        if made.identity != sent.identity:
            return False
        if len(made.stages) != len(sent.stages):
            return len(made.stages) > len(sent.stages)
        steps = [step_of(Path(*Path(name).parts[:2])) or 0 for name in names if name.startswith(_STATES)]
        return _newest(folder) >= max(steps, default=0)
    return False


def _is_whole(manifest: bytes) -> bool:
    """Whether a manifest was sent to its end."""
    try:
        json.loads(manifest)
    except ValueError:
        return False
    return True


def _newest(folder: Path) -> int:
    """The step of the newest whole state in a folder; 0 where there is none."""
    states = {step: path for path in (folder / _STATES).glob("*") if (step := step_of(path)) is not None}
    return next((step for step, path in sorted(states.items(), reverse=True) if damage_of(path) is None), 0)


def working_folder(url: str) -> Path:
    """The folder of this machine in which the run of a URL is made; the same for every call, so that it can be locked.

    Raises:
        UsageError: there is no room for it, see :func:`qatk.files.remote.local_place`.
    """
    return local_place(url, "made") / _key(url) / _ending(url)


def here(named: P | RunResult) -> P | Path:
    """What a user named, on this machine: itself, or a copy of the run at a URL, without its saved states.

    A copy is made once for each version of the manifest. Of the result of a run it is the folder.

    Raises:
        RunFolderError: there is no run at the URL, or a result is of no folder.
        StorageError, UsageError: it cannot be reached, or is no path.
    """
    if isinstance(named, RunResult):
        if named.folder is None:
            raise RunFolderError(f"the run {named.name} has no folder", fix="load it by load_run, or name its folder")
        return here(named.folder)
    if not isinstance(named, str | Path):
        raise UsageError(f"no path but an object of type {type(named).__name__}", fix="name a run or a model")
    if (url := url_of(named)) is None:
        return named
    remote = RemoteFolder(url)
    if (manifest := remote.read(RUN_MARK)) is None:
        raise RunFolderError(f"there is no run: no {RUN_MARK}", where=remote.url, fix="name the URL of a run folder")
    folder = local_place(url, "read") / _key(url, manifest) / _ending(url)
    if not folder.is_dir():
        with storage_errors(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(dir=folder.parent, prefix=".") as new:  # others may make the same copy meanwhile
                remote.fetch_all([name for name in remote.names() if not name.startswith(_STATES)], Path(new) / "run")
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


@contextmanager
def speaking_of(url: str | None, folder: Path) -> Iterator[None]:
    """Have messages name the URL, not the folder of this machine that stands for it."""
    try:
        yield
    except QatkError as error:
        if url is not None and not isinstance(error, StorageError):
            for field in ("what", "where", "fix"):
                if (text := getattr(error, field)) is not None:
                    setattr(error, field, text.replace(str(folder), url))
        raise


def _key(url: str, manifest: bytes = b"") -> str:
    return hashlib.sha256(url.encode() + b"\0" + manifest).hexdigest()[:16]


def _ending(url: str) -> Path:
    """The last parts of a URL, by which reports tell runs apart."""
    return Path(*[part for part in url.partition("://")[2].split("/") if part not in ("", ".", "..")][-2:])
