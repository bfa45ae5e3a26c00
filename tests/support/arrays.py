"""Columns of a few numbers, as tests write them."""

from __future__ import annotations

import numpy as np

from qatk.types import Float32, Int32, Int64


def i32(*values: int) -> Int32:
    return np.array(values, np.int32)


def i64(*values: int) -> Int64:
    return np.array(values, np.int64)


def f32(*values: float) -> Float32:
    return np.array(values, np.float32)
