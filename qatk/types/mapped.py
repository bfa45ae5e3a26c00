"""Columns that are too large for memory: they are mapped from temporary files and can release their memory.

Mapped pages stay in the system's page cache, which the system shrinks when it needs the memory. A process is charged
for the pages that it used last, until :func:`release`.
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
"""The maximum size in bytes of columns that stay in memory."""

Scalar = TypeVar("Scalar", bound=np.generic)


class _Map(mmap.mmap):
    """A shared mapping of a file; its pages may be dropped at any time, since the file has what was written."""


class Spool(Generic[Scalar]):
    """A column that grows at its end: in memory while it is small, then in an unnamed temporary file."""

    def __init__(self, dtype: type[Scalar]) -> None:
        self.dtype = np.dtype(dtype)
        self._parts: list[NDArray[Scalar]] = []
        self._bytes = 0
        self._file: IO[bytes] | None = None

    def append(self, values: NDArray[Scalar]) -> None:
        """Add values of the column's dtype.

        Raises:
            StorageError: if the temporary file cannot be written.
            TypeError: for another dtype.
        """
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
        """All values in order, as a flat array. The spool must not be used afterwards."""
        if self._file is not None:
            with self._file as file:
                file.flush()
                return map_array(file, self.dtype)
        parts, self._parts = self._parts, []
        return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, self.dtype), *parts])


def zeros(size: int, dtype: type[Scalar]) -> NDArray[Scalar]:
    """A flat, writable column of zeros, mapped to a temporary file if it is large.

    Raises:
        StorageError: if the temporary file cannot be written.
    """
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
    """A file from ``offset`` (in bytes) as a flat column, which survives closing and removal of the file."""
    size = os.fstat(file.fileno()).st_size
    if size <= offset:
        return np.zeros(0, dtype)
    access = mmap.ACCESS_WRITE if write else mmap.ACCESS_READ
    return np.frombuffer(_Map(file.fileno(), size, access=access), dtype, offset=offset)


def release(*columns: object) -> None:
    """Free the memory of mapped columns, which are read again when they are used; other columns do not change.

    If an argument has a ``release`` method, that is called.
    """
    for column in columns:
        if hasattr(column, "release") and not isinstance(column, memoryview):
            column.release()
        if (mapping := mapping_of(column)) is not None and hasattr(mmap, "MADV_DONTNEED"):
            mapping.madvise(mmap.MADV_DONTNEED)


def mapping_of(column: object) -> mmap.mmap | None:
    """The mapping behind a column; ``None`` if this module did not map it."""
    while isinstance(column, np.ndarray):
        column = column.base
    owner = column.obj if isinstance(column, memoryview) else column
    return owner if isinstance(owner, _Map) else None


def temporary_file() -> IO[bytes]:
    """An unnamed file in the folder for temporary files.

    Raises:
        StorageError: if it cannot be created.
    """
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
    """A column of strings that are created when they are used; equal to any sequence of the same strings."""

    @abstractmethod
    def at(self, index: int) -> str:
        """The string at ``index``, which counts from 0."""

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
