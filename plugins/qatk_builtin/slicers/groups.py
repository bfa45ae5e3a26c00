"""How slicers make their groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qatk.types import Bool

MOST = 20
"""Groups that a slicer by values makes; what is left goes into one more."""


def coded(names: Sequence[str], codes: NDArray[np.integer]) -> dict[str, Bool]:
    """A group for each name: the questions whose code is its place among the names. Empty ones are left out."""
    masks = {name: codes == code for code, name in enumerate(names)}
    return {name: mask for name, mask in masks.items() if mask.any()}


def biggest(values: Sequence[str], *, unnamed: str, others: str, alone: bool = False) -> dict[str, Bool]:
    """A group for each of the :data:`MOST` commonest values, and one for the others.

    The commonest stands first; of equally common values the first by name.

    Args:
        values: n strings.
        unnamed: what to call the group of ``""``.
        others: what to call the group of the values that are left.
        alone: make a group of a value that all share, too.
    """
    counts = Counter(values)
    if len(counts) < (1 if alone else 2):
        return {}
    ranked = sorted(counts, key=lambda value: (-counts[value], value))
    shown = ranked if len(counts) <= MOST + 1 else ranked[:MOST]
    code = {value: i for i, value in enumerate(shown)}
    codes = np.fromiter((code.get(value, len(shown)) for value in values), np.int64, len(values))
    names = [value or unnamed for value in shown]
    return coded([*names, others if others not in names else f"{others} (not named)"], codes)
