"""Columns too large for memory: they lie in temporary files, mapped, and give their memory back when told so.

What is mapped stays in the system's page cache, which it takes back when it needs the room. A process is charged for
the pages that it touched last, until :func:`release`.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from abc import abstractmethod
from collections.abc import Sequence
from operator import eq
from pathlib import Path
from typing import IO, Any, Generic, TypeVar, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from qatk.errors import StorageError

IN_MEMORY = 1 << 20
"""Columns of up to so many bytes stay in memory."""

Scalar = TypeVar("Scalar", bound=np.generic)


class _Map(mmap.mmap):
    """A shared mapping of a file; its pages may be dropped at any time, since the file has what was written."""


class Spool(Generic[Scalar]):
    """A column that grows at its end, in memory as long as it is small, in an unnamed temporary file from then on."""

    def __init__(self, dtype: type[Scalar]) -> None:
        self.dtype = np.dtype(dtype)
        self._parts: list[NDArray[Scalar]] = []
        self._bytes = 0
        self._file: IO[bytes] | None = None

    def append(self, values: NDArray[Scalar]) -> None:
        """Add values of the column's type. Raises :class:`qatk.errors.StorageError`."""
        if values.dtype != self.dtype:
            raise TypeError(f"{values.dtype} values for a column of {self.dtype}")
        self._bytes += values.nbytes
        self._parts.append(values)
        if self._file is not None or self._bytes > IN_MEMORY:
            self._file = self._file or temporary_file()
            for part in self._parts:
                _write(self._file, part)
            self._parts = []

    def __del__(self) -> None:
        if self._file is not None:  # what was begun and given up
            self._file.close()

    def column(self) -> NDArray[Scalar]:
        """All values, in order, flat; the spool is not to be used after it."""
        if self._file is not None:
            with self._file as file:
                file.flush()
                return map_array(file, self.dtype)
        parts, self._parts = self._parts, []
        return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, self.dtype), *parts])


def zeros(size: int, dtype: type[Scalar]) -> NDArray[Scalar]:
    """A flat column of zeros to write into, mapped where it is large. Raises :class:`qatk.errors.StorageError`."""
    kind = np.dtype(dtype)
    if size * kind.itemsize <= IN_MEMORY:
        return np.zeros(size, kind)
    with temporary_file() as file:
        try:
            _allocate(file, size * kind.itemsize)
        except OSError as error:
            raise _full(error) from None
        return map_array(file, kind, write=True)


def map_array(file: IO[bytes], dtype: DTypeLike, *, offset: int = 0, write: bool = False) -> NDArray[Any]:
    """What a file holds from a byte on as a flat column, which lives on when the file is closed and removed."""
    size = os.fstat(file.fileno()).st_size
    if size <= offset:
        return np.zeros(0, dtype)
    access = mmap.ACCESS_WRITE if write else mmap.ACCESS_READ
    return np.frombuffer(_Map(file.fileno(), size, access=access), dtype, offset=offset)


def release(*columns: object) -> None:
    """Give back the memory of mapped columns, which comes again when they are touched; others stay as they are.

    What has a ``release`` of its own is asked to do so.
    """
    for column in columns:
        if hasattr(column, "release") and not isinstance(column, memoryview):
            column.release()
        if (mapping := mapping_of(column)) is not None and hasattr(mmap, "MADV_DONTNEED"):
            mapping.madvise(mmap.MADV_DONTNEED)


def mapping_of(column: object) -> mmap.mmap | None:
    """The mapping that a column lies in; ``None`` for one that this module did not map."""
    while isinstance(column, np.ndarray):
        column = column.base
    owner = column.obj if isinstance(column, memoryview) else column
    return owner if isinstance(owner, _Map) else None


def temporary_file() -> IO[bytes]:
    """A file without a name in the folder for temporary files. Raises :class:`qatk.errors.StorageError`."""
    try:
        return tempfile.TemporaryFile(prefix="qatk-", buffering=0)
    except OSError as error:
        raise _full(error) from None


def _write(file: IO[bytes], values: NDArray[np.generic]) -> None:
    # As bytes, in pieces: one write may take less than all.
    left = memoryview(np.ascontiguousarray(values).view(np.uint8).data)
    try:
        while len(left):
            left = left[file.write(left) :]
    except OSError as error:
        raise _full(error) from None


def _allocate(file: IO[bytes], size: int) -> None:
    """Take the room on the disk now: a full disk would else kill the process when it writes to the mapping."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
    else:
        file.truncate(size)


def _full(error: OSError) -> StorageError:
    place = Path(tempfile.gettempdir())
    return StorageError(
        f"temporary columns cannot be written in {place}: {error.strerror or error}",
        fix="make room there, or set TMPDIR to a folder with more",
    )


class TextColumn(Sequence[str]):
    """Strings that are made when they are asked for; equal to any sequence of the same strings."""

    @abstractmethod
    def at(self, index: int) -> str:
        """The string at an index from 0 on."""

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self.at(k) for k in range(*index.indices(len(self)))]
        return self.at(range(len(self))[index])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(eq, self, other))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__} of {len(self)}: {self[:3]}"
