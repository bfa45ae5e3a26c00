"""Many strings as two columns: they may be mapped, and each becomes a Python string only when it is asked for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from operator import eq
from typing import overload

import numpy as np
from numpy.typing import NDArray

from qatk.columns import Int64
from qatk.spool import Spool, release

CHUNK = 4096
"""Strings that are read or written together."""


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


class Texts(TextColumn):
    """A read-only sequence of strings in Arrow's layout.

    Args:
        data: uint8, the strings in UTF-8, one after the other; lone surrogates as Python's ``surrogatepass`` has them.
        offsets: int64[n + 1] into ``data``.
    """

    def __init__(self, data: NDArray[np.uint8], offsets: Int64) -> None:
        self._data, self._offsets = data, offsets

    @classmethod
    def of(cls, texts: Iterable[str]) -> Texts:
        """Take over the strings, a few at a time. Raises :class:`qatk.errors.StorageError`."""
        data, ends = Spool(np.uint8), Spool(np.int64)
        ends.append(np.zeros(1, np.int64))
        size, source = 0, iter(texts)
        while few := [text.encode("utf-8", "surrogatepass") for text in islice(source, CHUNK)]:
            data.append(np.frombuffer(b"".join(few), np.uint8))
            ends.append(size + np.cumsum(np.fromiter(map(len, few), np.int64, len(few))))
            size += sum(map(len, few))
        return cls(data.column(), ends.column())

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def at(self, index: int) -> str:
        """The string at an index from 0 on."""
        return _text(self._data[self._offsets[index] : self._offsets[index + 1]].tobytes())

    def __iter__(self) -> Iterator[str]:
        for low in range(0, len(self), CHUNK):
            edges = self._offsets[low : low + CHUNK + 1]
            data = self._data[edges[0] : edges[-1]].tobytes()
            places = (edges - edges[0]).tolist()
            self.release()  # what was read is not needed again soon
            yield from (_text(data[a:b]) for a, b in pairwise(places))

    def release(self) -> None:
        """Give back the memory of mapped columns; see :func:`qatk.spool.release`."""
        release(self._data, self._offsets)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")
