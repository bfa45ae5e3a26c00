"""Retrievers that break one promise each."""

from __future__ import annotations

from typing import Any

import numpy as np

from qatk.api import Examples, Features, NoOptions
from qatk.types import Bool


class GoodRetriever:
    """Right: keeps each question's first two windows."""

    def __init__(self, options: NoOptions) -> None:
        self.calls = 0

    def keep(self, examples: Examples, features: Features) -> Any:
        owners = features.example_index
        self.calls += 1
        return self.spoil(np.arange(len(owners)) - np.searchsorted(owners, owners) < 2, features)

    def spoil(self, kept: Bool, features: Features) -> Any:
        return kept


class Places(GoodRetriever):
    """Gives the windows' numbers."""

    def spoil(self, kept: Bool, features: Features) -> Any:
        return np.flatnonzero(kept)


class Nothing(GoodRetriever):
    """Keeps no window of some questions."""

    def spoil(self, kept: Bool, features: Features) -> Any:
        return kept & (features.example_index != 3)


class Shared(GoodRetriever):
    """Keeps more where there are fewer questions."""

    def spoil(self, kept: Bool, features: Features) -> Any:
        return kept | (len(np.unique(features.example_index)) == 1)


class Moody(GoodRetriever):
    """Keeps other windows the second time."""

    def spoil(self, kept: Bool, features: Features) -> Any:
        return kept if self.calls == 1 else np.ones_like(kept)


BROKEN = {
    "retriever": {
        Places: "keeps-a-window-of-every-question",
        Nothing: "keeps-a-window-of-every-question",
        Shared: "questions-do-not-touch-each-other",
        Moody: "is-deterministic",
    }
}
GOOD = {"retriever": GoodRetriever}
