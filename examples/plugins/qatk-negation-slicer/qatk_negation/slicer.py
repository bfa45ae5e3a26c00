"""The ``negation`` slicer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from qatk.api import Examples
from qatk_negation import NegationOptions


class Negation:
    """Separates questions with a negation, which models often overlook, from the others."""

    def __init__(self, options: NegationOptions) -> None:
        words = "|".join(map(re.escape, options.words))
        self.pattern = re.compile(rf"\b(?:{words})\b|n['\u2019]t\b", re.IGNORECASE)

    def masks(self, examples: Examples) -> Mapping[str, Any]:
        """Return bool[n] for each group's name, without empty groups."""
        negative = np.array([self.pattern.search(question) is not None for question in examples.question], np.bool_)
        return {name: mask for name, mask in (("negation", negative), ("none", ~negative)) if mask.any()}
