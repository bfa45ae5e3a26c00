"""One process at a time in a run at a URL: storage of objects takes no lock back, so that its owner renews it.

A file is created there only where there is none, in one step (S3, GCS, Azure and disks do that; of other storage, two
that begin in the same moment may both succeed). Its owner writes it again every ten seconds. A process that finds it
waits for that: if it changes, its owner is at work; if it stays the same for a minute, or its owner was a process of
this machine and container that is gone, it is taken over. No clocks are compared. An owner that was cut off, and taken
over, finds that out before it sends anything more.

Where several processes make the run, the first has the lock, and says in it when they may read what is there.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from uuid import uuid4

from qatk.errors import ProcessLost, RunFolderError, StorageError, UsageError
from qatk.files import RUN_MARK, RemoteFolder
from qatk.progress import advance
from qatk.run_folder.lock import (
    LEASE_S,
    LOCK,
    SEEN,
    Lock,
    in_use,
    is_alive,
    is_of_here,
    mine,
    owner_of,
    warn_of_a_lock_left,
)
from qatk.spelling import spelled

EVERY_S, _LOOK_S = 10.0, 1.0
"""Seconds between two renewals, and between two looks at the lock of another."""
_TOKEN, _READY = "token", "ready"


class RemoteLock:
    """The lock of a run at a URL.

    Args:
        remote: the run folder at the URL.
        local: the lock of the folder of this machine in which the run is made; its notes are passed on.
    """

    def __init__(self, remote: RemoteFolder, local: Lock) -> None:
        self._remote, self._local = remote, local
        self._token, self._ready = uuid4().hex, False

    def take(self) -> None:
        """Take it, after a while where another process had it that is gone.

        Raises:
            RunFolderError: another process has it.
            UsageError: nothing can be written there.
        """
        try:
            self._take()
        except StorageError as error:
            raise UsageError(error.what, where=error.where, fix=error.fix) from error

    def _take(self) -> None:
        found, since = None, time.monotonic()
        while not self._remote.create(LOCK, self._content()):
            if (held := self._remote.read(LOCK)) is None:  # it was just given back
                continue
            if found not in (None, held):
                raise in_use(self._remote.url, held)
            found, waited = held, time.monotonic() - since
            if _is_gone(held) or waited >= LEASE_S:
                warn_of_a_lock_left(self._remote.url, held)
                self._remote.write(LOCK, self._content())
                return
            advance(f"waiting for a sign of {owner_of(held)}", int(waited), int(LEASE_S))
            time.sleep(_LOOK_S)

    def check(self) -> None:
        """Raise :class:`RunFolderError` where another process has taken the run over, even if it has ended since.

        Raises:
            StorageError: the storage does not say.
        """
        held = self._remote.read(LOCK)
        if held is None:
            what = (
                f"{self._remote.url} was taken over by a process that has ended, as this one gave no sign for a while"
            )
            onwards = f"{spelled('resume', True)} goes on from what that process sent"
            raise RunFolderError(what, fix=f"nothing more is sent there; {onwards}")
        if (token := _said(held).get(_TOKEN)) and token != self._token:
            what = f"{self._remote.url} was taken over by {owner_of(held)}, as this process gave no sign for a while"
            raise RunFolderError(what, fix="nothing more is sent there; the run goes on in that process")

    def renew(self, over: threading.Event) -> None:
        """Write it again and again, until it is over, or another's; storage that fails is asked again."""
        while not over.wait(EVERY_S):
            with suppress(StorageError):
                try:
                    self.check()
                except RunFolderError:  # which the next transfer says
                    return
                self._remote.write(LOCK, self._content())

    def say_ready(self) -> None:
        """Let the other processes of the run read what is there; storage that fails is told by the next renewal.

        Raises:
            RunFolderError: another process has taken the run over.
        """
        self._ready = True
        with suppress(StorageError):
            self.check()
            self._remote.write(LOCK, self._content())

    def give_back(self) -> None:
        """Remove it, unless it is another's; what cannot be removed is given up by others in a minute.

        Nothing may renew it any more: that would write it anew.
        """
        with suppress(StorageError, RunFolderError):
            self.check()
            self._remote.remove(LOCK)

    def _content(self) -> bytes:
        own = {_TOKEN: self._token, _READY: self._ready, SEEN: round(time.time(), 3)}
        return json.dumps({**mine(), **self._local.said, **own}).encode()


@contextmanager
def locked_there(remote: RemoteFolder, local: Lock) -> Iterator[RemoteLock]:
    """Keep a run at a URL to this process while the block runs; see :meth:`RemoteLock.take` for what it raises."""
    lock = RemoteLock(remote, local)
    lock.take()
    over = threading.Event()
    renewing = threading.Thread(target=lock.renew, args=(over,), daemon=True)
    renewing.start()
    try:
        yield lock
    finally:
        over.set()
        renewing.join()
        lock.give_back()


def wait_until_ready(remote: RemoteFolder) -> None:
    """Wait until the first process of a run has sent what it goes on from; not where the run is finished.

    A lock that is there already may be of an earlier execution: one of another machine counts once it changes.

    Raises:
        ProcessLost: no sign of it came for two minutes.
        StorageError: the storage cannot be read.
    """
    found = last = remote.read(LOCK)
    since = time.monotonic()
    while "score" not in _mapping(_said(remote.read(RUN_MARK) or b"").get("stages")):
        held = remote.read(LOCK)
        said = _said(held or b"")
        if said.get(_READY) is True and (held != found or _is_at_work(said)):
            return
        if held != last:
            last, since = held, time.monotonic()
        if (waited := time.monotonic() - since) >= 2 * LEASE_S:
            raise ProcessLost(f"{remote.url} shows no sign of the first process", fix="start it with the others")
        advance("waiting for the first process", int(waited), int(2 * LEASE_S))
        time.sleep(_LOOK_S)


def _said(held: bytes) -> Mapping[str, object]:
    """What a lock says; nothing where it is being written."""
    try:
        found = json.loads(held)
    except ValueError:
        return {}
    return _mapping(found)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _is_gone(held: bytes) -> bool:
    """Whether the owner was a process of this machine that has ended."""
    pid = (said := _said(held)).get("pid")
    if not isinstance(pid, int) or not is_of_here(said):
        return False
    return pid == os.getpid() or not is_alive(pid)


def _is_at_work(said: Mapping[str, object]) -> bool:
    """Whether the owner is a process of this machine that has not ended."""
    pid = said.get("pid")
    return isinstance(pid, int) and is_of_here(said) and is_alive(pid)
