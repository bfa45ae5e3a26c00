"""Where answers start in their contexts, as :class:`qatk.types.Examples` has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from qatk.types.arrays import Int32

UNKNOWN = -1
"""The ``answer_start`` of an answer whose place the data does not give."""
NOWHERE = -2
"""Stands for an ``answer_start`` that is no place in any context."""

Ambiguous = Literal["first", "last", "unknown"]
"""Which place an answer has that is a text alone and stands several times in its context, within words aside."""

_LIMIT = 2**31 - 1


def as_starts(values: Sequence[int | None]) -> Int32:
    """Starts as int32: :data:`UNKNOWN` for ``None``, :data:`NOWHERE` for what is negative or too large."""
    starts = (UNKNOWN if v is None else v if 0 <= v < _LIMIT else NOWHERE for v in values)
    return np.fromiter(starts, np.int32, len(values))
