"""Columns for the page: typed numbers and texts, compressed, in base64. ``columns.js`` reads them.

Every column is a run of bytes; a table of ``[name, kind, count, bytes, scale]`` says where one ends. Kinds are ``u1``,
``u2``, ``i4`` (little endian, all first bytes before all second ones, which compresses better) and ``text``, UTF-8,
which follows a column of lengths in UTF-16 units.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SURROGATES = re.compile("[\ud800-\udfff]")
_NAN, _LOW, _HIGH = -(2**31), -(2**31) + 1, 2**31 - 1
LEVEL = 4
"""zlib's; 6 takes half as long again for two per cent."""


@dataclass(frozen=True)
class Scaled:
    """Numbers with a fraction, kept to ``1 / scale``; NaN and infinities stay what they are."""

    values: NDArray[np.generic]
    scale: int


Column = Sequence[str] | NDArray[np.generic] | Scaled


def pack(columns: Mapping[str, Column]) -> tuple[list[list[object]], str]:
    """The table of columns, and their bytes: compressed by zlib, in base64."""
    table: list[list[object]] = []
    parts: list[bytes] = []
    for name, column in columns.items():
        for kind, count, data, scale in _encode(column):
            table.append([name, kind, count, len(data), scale])
            parts.append(data)
    return table, base64.b64encode(zlib.compress(b"".join(parts), LEVEL)).decode("ascii")


def whole(text: str) -> str:
    """``text`` with U+FFFD for lone halves of surrogate pairs, which no encoding has; as many characters as before."""
    try:
        text.encode()  # a tenth of the time that a pattern takes over a page
    except UnicodeEncodeError:
        return _SURROGATES.sub("\ufffd", text)
    return text


def _encode(column: Column) -> list[tuple[str, int, bytes, int]]:
    if isinstance(column, Scaled):
        return [_integers(_fixed(column), column.scale)]
    if isinstance(column, np.ndarray):
        return [_integers(column, 0)]
    texts = [whole(text) for text in column]
    lengths = np.fromiter(map(_units, texts), np.int64, len(texts))
    return [_integers(lengths, 0), ("text", len(texts), "".join(texts).encode(), 0)]


def _units(text: str) -> int:
    """How long JavaScript finds a text."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def _fixed(column: Scaled) -> NDArray[np.int64]:
    values = np.asarray(column.values, np.float64)
    rounded = np.clip(np.round(np.nan_to_num(values, posinf=0, neginf=0) * column.scale), _LOW + 1, _HIGH - 1).astype(
        np.int64
    )
    rounded[np.isnan(values)] = _NAN
    rounded[np.isneginf(values)] = _LOW
    rounded[np.isposinf(values)] = _HIGH
    return rounded


def _integers(values: NDArray[np.generic], scale: int) -> tuple[str, int, bytes, int]:
    low, high = (int(values.min()), int(values.max())) if len(values) else (0, 0)
    kind = "u1" if low >= 0 and high < 2**8 else "u2" if low >= 0 and high < 2**16 else "i4"
    flat = np.ascontiguousarray(values, f"<{kind}")
    # All first bytes, then all second ones: high bytes are alike and compress well.
    return kind, len(flat), flat.view(np.uint8).reshape(-1, flat.itemsize).T.tobytes(), scale
