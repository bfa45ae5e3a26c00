"""Runs at URLs: made in a folder of this machine and sent file by file."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISREG
from tempfile import TemporaryDirectory

from qatk.errors import QatkError, QatkWarning, RunFolderError, StorageError
from qatk.files import RUN_MARK, RemoteFolder, discard, write_json
from qatk.run_folder.checkpoints import DIGESTS, STATES, damage_of, step_of
from qatk.run_folder.lock import LOCK
from qatk.run_folder.manifest import Manifest, read_manifest, worth_keeping
from qatk.spelling import spelled

SENT = ".sent"
"""A file of a folder of this machine: the version of each file that was sent or fetched. A run whose manifest is among
them, but not at the URL, was removed there."""
_Version = tuple[int, int]
"""Bytes, and when it was written, in nanoseconds."""
_NEVER: _Version = (-1, -1)
"""The version of a file that is to be sent again."""


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
        RunFolderError: what is there is no run, or not the run that is in the folder, of which it is the last copy.
        StorageError: it cannot be read.
    """

    def __init__(self, remote: RemoteFolder, folder: Path, check: Callable[[], None] = lambda: None) -> None:
        self.remote, self.folder, self.check = remote, folder, check
        names, known = remote.names(), _sent(folder)
        if _is_further(folder, remote, names):
            if RUN_MARK in names:
                what = f"came further in this run than {remote.url}: it goes on there, and is sent"
            else:
                sends = f"{spelled('resume', True)} sends it; to begin another, remove it"
                what = f"holds a run that never came to {remote.url}: {sends}"
                names = [name for name in names if name in known]
            warnings.warn(QatkWarning(f"{folder} {what}"), stacklevel=2)
            self.sent = dict.fromkeys(names, _NEVER)
            return
        if names and RUN_MARK not in names:
            raise RunFolderError(
                f"{remote.url} holds something that is not a run", fix=f"name another URL with {spelled('out')}"
            )
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
                kept = (
                    f"the run is finished in {self.folder}: copy it from there, or send it by {spelled('resume', True)}"
                )
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
                write_json(self.folder / SENT, self.sent)


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
        return {name: (size, when) for name, (size, when) in json.loads((folder / SENT).read_text("utf-8")).items()}
    return {}


def is_sent(folder: Path) -> bool:
    """Whether all that is in a folder was sent or fetched."""
    return _sent(folder) == _versions(folder)


def empty(folder: Path) -> None:
    """Remove what is in a folder but its lock, the manifest first."""
    discard(folder / RUN_MARK)
    for old in folder.iterdir() if folder.is_dir() else ():
        if old.name != LOCK:
            discard(old)


def _fetch_anew(remote: RemoteFolder, names: Sequence[str], folder: Path) -> None:
    """Have a folder of this machine hold what is at a URL; as the manifest comes last, no part of it seems whole."""
    empty(folder)
    remote.fetch_all([name for name in names if name != RUN_MARK], folder)
    remote.fetch_all([name for name in names if name == RUN_MARK], folder)


def _is_further(folder: Path, remote: RemoteFolder, names: Sequence[str]) -> bool:
    """Whether a folder of this machine has what could not be sent: a whole run, or the end of the one at the URL.

    Raises:
        RunFolderError: the run that it has is gone at the URL, or another one has begun there before all was sent.
    """
    known = _sent(folder)
    if (made := _manifest_of(folder)) is None or (RUN_MARK in names and known == _versions(folder)):
        return False
    if RUN_MARK not in names and RUN_MARK not in known:
        return True
    sent = None
    if RUN_MARK in names:
        if not _is_whole(manifest := remote.read(RUN_MARK) or b""):
            return True
        with TemporaryDirectory(prefix="qatk-manifest-") as there:
            (Path(there) / RUN_MARK).write_bytes(manifest)
            sent = _manifest_of(Path(there))
    if sent is None or (made.id, made.identity) != (sent.id, sent.identity):
        if not worth_keeping(folder, made):
            return False
        holds, fix = "holds it no more", "to go on, copy that folder there; to begin anew, remove it"
        if RUN_MARK in names:
            holds, fix = "holds another run by now", "name another URL, or remove that folder"
        raise RunFolderError(f"the run in {folder} is of {remote.url}, which {holds}", fix=fix)
    if len(made.stages) != len(sent.stages):
        return len(made.stages) > len(sent.stages)
    steps = [step_of(Path(*Path(name).parts[:2])) or 0 for name in names if name.startswith(f"{STATES}/")]
    return _newest(folder) >= max(steps, default=0)


def _manifest_of(folder: Path) -> Manifest | None:
    with suppress(RunFolderError):
        return read_manifest(folder)
    return None


def _is_whole(manifest: bytes) -> bool:
    """Whether a manifest was sent to its end."""
    try:
        json.loads(manifest)
    except ValueError:
        return False
    return True


def _newest(folder: Path) -> int:
    """The step of the newest whole state in a folder; 0 where there is none."""
    states = {step: path for path in (folder / STATES).glob("*") if (step := step_of(path)) is not None}
    return next((step for step, path in sorted(states.items(), reverse=True) if damage_of(path) is None), 0)


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
