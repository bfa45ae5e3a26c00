"""Values that stand for none."""

from __future__ import annotations

import numpy as np


def given(value: object) -> object:
    """The value, or ``None`` for NaN, NaT and pandas' NA, which frames and JSON of Python have in place of null."""
    unequal = value != value
    missing = bool(unequal) if isinstance(unequal, bool | np.bool_) else unequal is value  # NA != NA is NA
    return None if missing else value
