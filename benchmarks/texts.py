"""Strings in mapped columns, for data that as Python strings would take more memory than what is measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice, pairwise

import numpy as np
from numpy.typing import NDArray

from qatk.types import Int64, Spool, TextColumn, release

CHUNK = 4096
"""Strings that are read or written together."""


class Texts(TextColumn):
    """A read-only sequence of strings in Arrow's layout.

    Args:
        data: uint8, the strings in UTF-8, one after the other.
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
        while few := [text.encode("utf-8") for text in islice(source, CHUNK)]:
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
        """Give back the memory of mapped columns; see :func:`qatk.types.mapped.release`."""
        release(self._data, self._offsets)


def _text(data: bytes) -> str:
    return data.decode("utf-8")
