"""Write files completely or not at all."""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from qatk.errors import StorageError

_WAYS_OUT = {
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "name another place, or get the right to write there"),
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "make room on the disk"),
}


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn errors of the file system inside the block into a :class:`StorageError` that names the file."""
    try:
        yield
    except OSError as error:
        reason, fix = error.strerror or str(error), "nothing was left half-written"
        if (what_to_do := _WAYS_OUT.get(error.errno or 0)) is not None:
            fix = f"{what_to_do}; {fix}"
        raise StorageError(f"cannot write: {reason}", where=str(path), fix=fix) from error


def write_atomically(path: Path, data: bytes | str) -> None:
    """Write a file so that a crash or a full disk leaves the old content, or none.

    If the path is a link, its target is written; a pipe or a device is written to directly. In a run folder, which may
    come from elsewhere, both are replaced instead. An existing file keeps its mode; a new one gets that of the umask.

    Raises:
        StorageError: if the file system refuses.
    """
    if isinstance(data, str):
        data = data.encode("utf-8", "backslashreplace")  # of bytes in a path that are no UTF-8; an escape to JSON too
    with storage_errors(path):
        if not _of_run(path):
            if path.exists() and not path.is_file():
                path.write_bytes(data)
                return
            path = path.resolve() if path.is_symlink() else path
        new = path.with_name(f".{uuid4().hex}.tmp")  # short, as the longest name leaves no room for more
        try:
            with new.open("xb") as file:
                if path.is_file() and not path.is_symlink():  # before the content, which may be for few to read
                    new.chmod(stat.S_IMODE(path.stat().st_mode))
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        except BaseException:
            new.unlink(missing_ok=True)
            raise


RUN_MARK = "manifest.json"
"""The file that makes a folder a run folder."""


_DEEPEST = 3
"""Folders from a file up to the run folder that it is of: those of ``sets/NAME/report.md`` are three."""


def _of_run(path: Path) -> bool:
    """Whether a file lies in a run folder or in a folder of one.

    Raises:
        StorageError: where such a folder of a run is a link, which leads the file elsewhere.
    """
    above = list(path.parents)[:_DEEPEST]
    depth = next((i for i, folder in enumerate(above) if (folder / RUN_MARK).exists()), None)
    if depth is None:
        return False
    if link := next((folder for folder in above[:depth] if folder.is_symlink()), None):
        raise StorageError(f"{link} is a link", where=str(path), fix="nothing is written through links of a run folder")
    return True


def finite(value: object) -> object:
    """The value with ``None`` for NaN and the largest float32 for infinity, neither of which JSON has."""
    if isinstance(value, float):
        limit = 3.4028234663852886e38
        return None if math.isnan(value) else min(max(value, -limit), limit)
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def write_json(path: Path, value: object, indent: int | None = 1) -> None:
    """Write strict JSON, atomically.

    Raises:
        StorageError: if the file system refuses.
    """
    write_atomically(path, json.dumps(finite(value), indent=indent, ensure_ascii=False, allow_nan=False) + "\n")


def append_json_line(path: Path, value: Mapping[str, object]) -> None:
    """Append a complete line of strict JSON.

    Raises:
        StorageError: if the file system refuses.
    """
    line = json.dumps(finite(value), ensure_ascii=False, allow_nan=False)
    _own(path)
    with storage_errors(path), path.open("a", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
        file.write(line + "\n")


def _own(path: Path) -> None:
    """Put a file of the same content in the place of a link in a run folder."""
    if path.is_symlink() and _of_run(path):
        write_atomically(path, path.read_bytes() if path.is_file() else b"")


def mend_lines(path: Path) -> None:
    """Cut off a last line that a killed process left incomplete.

    Raises:
        StorageError: if the file system refuses.
    """
    _own(path)
    with storage_errors(path):
        if path.exists() and not (content := path.read_bytes()).endswith(b"\n") and content:
            with path.open("r+b") as file:
                file.truncate(content.rfind(b"\n") + 1)


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Provide an empty folder to fill, which replaces ``folder`` if the block ends without an error.

    Raises:
        StorageError: if the file system refuses; ``folder`` is then unchanged.
    """
    new, old = folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")
    with storage_errors(folder):
        discard(new)
        new.mkdir(parents=True)
        there = False
        try:
            yield new
            if there := os.path.lexists(folder):
                discard(old)
                folder.replace(old)
            new.replace(folder)
            discard(old)
        except BaseException:
            if there and not os.path.lexists(folder):
                with suppress(OSError):
                    old.replace(folder)
            discard(new)
            raise


def discard(path: Path) -> None:
    """Remove a file, a link (not its target), or a folder with its content, as far as possible."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
