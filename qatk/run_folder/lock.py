"""One process at a time in a run folder: a lock that the system takes back when its process ends, however it ends."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from qatk.errors import QatkWarning, RunFolderError
from qatk.files import is_there, storage_errors
from qatk.run_folder.manifest import MANIFEST
from qatk.spelling import spelled

LOCK = ".lock"
_SINCE = "%Y-%m-%d %H:%M:%S"
_LONGEST, _BESIDE = 4096, 128
"""Bytes of a lock: its owner, and what that is at; and those that the lock of a URL has beside them."""
_HELD, _RETRY_S = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES), 0.01
"""Errors by which another process has a lock, not the file system none; and seconds until it is asked again."""
SEEN, LEASE_S = "seen", 60.0
"""The key of a URL's lock that says when its owner was last heard of, and seconds after which that is given up."""


@dataclass(frozen=True)
class Holder:
    """The process that a lock is, or was, of.

    Attributes:
        pid, host: which one.
        since: when it took the folder, by its host's clock.
        alive: whether it still has it.
        noted: what it is at, see :meth:`Lock.note`.
    """

    pid: int
    host: str
    since: datetime
    alive: bool
    noted: Mapping[str, object] = field(default_factory=dict)


class Lock:
    """A lock that is held, in which its owner may note what it is at, for those who watch it.

    Args:
        file: its open file; ``None`` where the folder needs no lock or cannot be written.
    """

    def __init__(self, file: int | None) -> None:
        self._file = file
        self._owner = {} if file is None else json.loads(os.pread(file, _LONGEST, 0))
        self.said: Mapping[str, object] = self._owner
        """Its content."""

    def note(self, values: Mapping[str, object]) -> None:
        """Put these plain values into the lock, in place of those before; a full disk is borne.

        It is written at once and filled up with blanks, so that nobody reads half of it.
        """
        if self._file is None:
            return
        said = {**self._owner, "noted": values}
        content = json.dumps(said).encode()
        if len(content) <= _LONGEST - _BESIDE:
            self.said = said
            with suppress(OSError):
                os.pwrite(self._file, content.ljust(_LONGEST), 0)


def holder_of(path: Path) -> Holder | None:
    """Whose lock lies in a folder; ``None`` where there is none, or none that says. It is left as it is."""
    try:
        file = os.open(path / LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        owner = json.loads(os.pread(file, _LONGEST, 0))
        pid, host, since = int(owner["pid"]), str(owner["host"]), datetime.strptime(owner["since"], _SINCE)
        gone = is_of_here(owner) and not is_alive(pid)
        alive = not gone and (_was_seen(owner[SEEN]) if SEEN in owner else _is_held(file))
        return Holder(pid, host, since, alive, dict(owner.get("noted", {})))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    finally:
        os.close(file)


def _was_seen(when: float) -> bool:
    """Whether the owner of a URL's lock was heard of lately, by a clock that may differ from its own a little."""
    return time.time() - when < 2 * LEASE_S


def is_of_here(owner: Mapping[str, object]) -> bool:
    """Whether the number of a lock's owner is one of this host's: a container has numbers of its own."""
    return all(owner.get(name) == value for name, value in _here().items())


def is_alive(pid: int) -> bool:
    """Whether a process of this host runs."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _is_held(file: int) -> bool:
    """Whether a lock is held. Asked last, and of a process that seems to run: asking is to hold it for a moment."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False


@contextmanager
def locked(path: Path, *, any_folder: bool = False) -> Iterator[Lock]:
    """Keep a run folder to this process while the block runs; a folder that is not there is made, and goes if unused.

    A lock that a killed process left is told, and taken over. What is no run folder is left alone, for
    :meth:`RunFolder.open` to refuse; a folder that cannot be written needs no lock. Where the file system has no locks,
    a warning says so.

    Args:
        path: the folder.
        any_folder: keep it whatever it holds.

    Raises:
        RunFolderError: another process has it; with its id, host and since when.
    """
    if not (any_folder or _may_hold_a_run(path)):
        yield Lock(None)
        return
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    with storage_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    try:
        with storage_errors(path / LOCK):
            file = _take(path)
        try:
            yield Lock(file)
        finally:
            if file is not None:
                (path / LOCK).unlink(missing_ok=True)
                os.close(file)
    finally:
        with suppress(OSError):  # the first that is not empty
            for folder in made:
                folder.rmdir()


def _take(path: Path) -> int | None:
    """The open file of a lock that is this process's now; ``None`` where the folder cannot be written."""
    while True:
        if (path / LOCK).is_symlink():
            raise RunFolderError(
                f"{path / LOCK} is a link", fix=f"remove it, or name another folder with {spelled('out')}"
            )
        try:
            file = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
                return None
            raise
        refused = _refusal(file)
        if refused is None or refused.errno not in _HELD:
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file), (path / LOCK).stat()):  # not one that was just given back
                    if refused is not None:
                        os.ftruncate(file, 0)  # nobody can say whether its owner is gone
                        what = f"{path} cannot be locked: {refused.strerror}; let no second process write there"
                        warnings.warn(what, QatkWarning, stacklevel=5)
                    _sign(file, path)
                    return file
            os.close(file)
            continue
        held = os.pread(file, _LONGEST, 0)
        os.close(file)
        if held:
            raise in_use(str(path), held)
        time.sleep(_RETRY_S)  # its owner is about to sign, or to give it back


def _refusal(file: int) -> OSError | None:
    """Lock a file; what the system says where it does not."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error
    return None


def in_use(place: str, held: bytes) -> RunFolderError:
    """The error of a second process; ``held`` is the content of the lock."""
    fix = f"wait for it or end it, or name another {'URL' if '://' in place else 'folder'} with {spelled('out')}"
    return RunFolderError(f"{place} is in use by {owner_of(held)}", fix=fix)


def _sign(file: int, path: Path) -> None:
    """Say in the lock whose it is; and of one that was there already, whose it was."""
    if held := os.pread(file, _LONGEST, 0):
        warn_of_a_lock_left(str(path), held)
    os.ftruncate(file, 0)
    os.pwrite(file, json.dumps(mine()).encode(), 0)


def mine() -> dict[str, object]:
    """What the lock of this process says of it."""
    return {"pid": os.getpid(), **_here(), "since": f"{datetime.now():{_SINCE}}"}


def _here() -> dict[str, str]:
    """The host, and which of its containers, since it was started, has these numbers of processes."""
    numbers = ""
    with suppress(OSError):  # where there is no /proc
        started = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        numbers = f"{started} {Path('/proc/self/ns/pid').readlink()}"
    return {"host": socket.gethostname(), "numbers": numbers}


def warn_of_a_lock_left(place: str, held: bytes) -> None:
    """Say whose lock is taken over."""
    what = f"{place} was left by {owner_of(held)}, which did not end it: its lock is taken over"
    warnings.warn(what, QatkWarning, stacklevel=7)


def owner_of(held: bytes) -> str:
    """Whose lock it is by its content, in words."""
    with suppress(ValueError, KeyError, TypeError):
        owner = json.loads(held)
        return f"process {owner['pid']:d} on {owner['host']!s}, since {owner['since']!s}"
    return "a process that did not say which"


def _may_hold_a_run(path: Path) -> bool:
    """Whether a folder is a run's, or nobody's yet."""
    if not is_there(path):
        return True
    return path.is_dir() and (any((path / name).exists() for name in (MANIFEST, LOCK)) or not any(path.iterdir()))
