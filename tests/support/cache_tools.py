"""Features, made up, and a cache for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qatk.runs.feature_cache import FeatureCache
from qatk.types import Features
from qatk.types.mapped import mapping_of


def features(windows: int = 5, *, targets: bool = True, tokens: int = 3) -> Features:
    rows, total = np.arange(windows, dtype=np.int32), windows * tokens
    flat = np.arange(total, dtype=np.int32)
    target = np.ones(windows, np.int32) if targets else None
    return Features(
        example_index=rows,
        token_offsets=np.arange(windows + 1, dtype=np.int64) * tokens,
        input_ids=flat,
        type_ids=np.zeros(total, np.int8),
        char_start=flat - 1,
        char_end=flat,
        null_index=rows * 0,
        start_target=target,
        end_target=target,
        counts={"questions_cut": 7},
    )


def same(one: Features, other: Features) -> bool:
    columns = [name for name in Features.__dataclass_fields__ if name != "counts"]
    pairs = [(getattr(one, name), getattr(other, name)) for name in columns]
    return one.counts == other.counts and all(
        a is b if a is None or b is None else a.dtype == b.dtype and np.array_equal(a, b) for a, b in pairs
    )


@dataclass
class Making:
    """Makes features, and counts how often."""

    result: Features
    times: int = 0

    def __call__(self) -> Features:
        self.times += 1
        return self.result


def fetch(cache: FeatureCache, make: Callable[[], Features], data: str = "d", targets: bool = True) -> bool:
    """Whether the features were there; what came must be right either way."""
    found, cached = cache.fetch(make, data=data, targets=targets)
    assert same(found, make.result if isinstance(make, Making) else make())
    return cached


def opened(place: Path | None, limit: int = 10**9) -> FeatureCache:
    return FeatureCache(place, limit, {"tokenizer": "t"})


def the_entry(place: Path) -> Path:
    (entry,) = place.iterdir()
    return entry


def is_map(array: Any) -> bool:
    return mapping_of(array) is not None
