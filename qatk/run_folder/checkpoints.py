"""Checkpoints of a training: written aside, with digests, the newest few kept, and checked before they are used."""

from __future__ import annotations

import json
import re
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from qatk.display.numbers import byte_size
from qatk.errors import QatkWarning, RunFolderError, StorageError
from qatk.files import discard, file_digest, folder_size, replacing, write_json
from qatk.spelling import spelled

STATES = "checkpoints"
"""The folder of a run that holds its states."""
DIGESTS = "digests.json"
"""The file of a checkpoint that holds the SHA-256 of each other file."""
OWNER = "run.json"
"""The file of a checkpoint that says of which run it is."""
_NAME = re.compile(r"step-(\d{8,})")
_NO_ROOM = 1 << 16
"""Bytes that a full disk may still show as free."""
_LAST = "last"
"""What the only checkpoint was called before there were several."""


class Checkpoints:
    """The states of a training in a folder: ``step-00000120`` and the like.

    Args:
        folder: that holds them; made when the first is written.
        keep: how many of them to keep.
        run: whose they are, as plain values; a state of another run is not gone on from.
    """

    def __init__(self, folder: Path, keep: int, run: Mapping[str, object] | None = None) -> None:
        self.folder, self.keep, self.run = folder, keep, run

    def write(self, step: int, save: Callable[[Path], None]) -> Path:
        """Write the state after so many steps, then remove those that are too old.

        Raises:
            StorageError: the disk refuses, or has no room; those that are there stay.
        """
        path = self.folder / f"step-{step:08d}"
        kept = self._found()
        self._check_room(kept)
        try:
            write_checkpoint(path, self._signed(save))
        except StorageError as error:
            error.fix = self._going_on(kept)
            raise
        for old in [other for other in self._found() if other != path][self.keep - 1 :]:
            discard(old)
        return path

    def newest(self) -> Path | None:
        """The newest one that is whole; ``None`` if there is none. Damaged ones are named in a warning.

        Raises:
            RunFolderError: there are some, and all are damaged; or the newest that is whole is of another run.
        """
        found = self._found()
        for path in found:
            if (damage := damage_of(path)) is None:
                self._check_owner(path)
                return path
            warnings.warn(QatkWarning(f"{path} is damaged and left out: {damage}"), stacklevel=2)
        if found:
            fix = "remove the folder, and the run begins from the start"
            raise RunFolderError(f"all checkpoints in {self.folder} are damaged", fix=fix)
        return None

    def _signed(self, save: Callable[[Path], None]) -> Callable[[Path], None]:
        """``save``, and whose state it is; where the disk is full after it began, how much that took is said."""

        def signed(new: Path) -> None:
            try:
                save(new)
            except StorageError as error:
                if shutil.disk_usage(new).free < _NO_ROOM:
                    error.where = str(self.folder)
                    error.what = f"no room for a checkpoint: it takes more than {byte_size(folder_size(new))}"
                raise
            if self.run is not None:
                write_json(new / OWNER, self.run)

        return signed

    def _check_owner(self, path: Path) -> None:
        if self.run is None or not (path / OWNER).exists():  # of a version that said nothing
            return
        if json.loads((path / OWNER).read_text("utf-8")) != self.run:
            fix = f"put back this run's own states, or remove {self.folder}, and the training begins from the start"
            raise RunFolderError(f"{path} is the state of another run: its recipe or its limit differs", fix=fix)

    def _found(self) -> list[Path]:
        """All, newest first."""
        numbered = [(int(match[1]), path) for path in self._folders() if (match := _NAME.fullmatch(path.name))]
        last = [path for path in self._folders() if path.name == _LAST]
        return [path for _, path in sorted(numbered, reverse=True)] + last

    def _folders(self) -> Iterator[Path]:
        return self.folder.iterdir() if self.folder.is_dir() else iter(())

    def _check_room(self, kept: list[Path]) -> None:
        if not kept:
            return
        needed = folder_size(kept[0])
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            what = f"no room for a checkpoint: it takes {byte_size(needed)}, and {byte_size(free)} are free"
            raise StorageError(what, where=str(self.folder), fix=self._going_on(kept))

    def _going_on(self, kept: list[Path]) -> str:
        if not kept:
            return "make room on the disk; nothing was left half-written"
        onwards = f"the same call with {spelled('resume', True)} goes on from there"
        return f"make room on the disk; {kept[0]} is whole, and {onwards}"


def step_of(path: Path) -> int | None:
    """The steps after which a state was saved; ``None`` if its name does not say."""
    match = _NAME.fullmatch(path.name)
    return None if match is None else int(match[1])


def write_checkpoint(path: Path, save: Callable[[Path], None]) -> None:
    """Let ``save`` fill a new folder, add the digests of its files, and put it into its place.

    Raises:
        StorageError: the disk refuses; what was there stays.
    """
    with replacing(path) as new:
        save(new)
        files = sorted(file for file in new.rglob("*") if file.is_file())
        write_json(new / DIGESTS, {file.relative_to(new).as_posix(): file_digest(file) for file in files})


def damage_of(path: Path) -> str | None:
    """What is wrong with a checkpoint, in a few words; ``None`` where nothing is, or where it has no digests."""
    try:
        if not (path / DIGESTS).exists():
            return None  # of a version that wrote none
        digests = json.loads((path / DIGESTS).read_text("utf-8"))
        for name, digest in digests.items():
            if not (path / name).is_file():
                return f"{name} is missing"
            if file_digest(path / name) != digest:
                return f"{name} has changed since it was written"
    except (OSError, ValueError, AttributeError, TypeError) as error:
        return f"{DIGESTS} cannot be read ({type(error).__name__})"
    return None
