"""Columns for the page: the kinds of numbers, and what is not finite, read back byte by byte."""

from __future__ import annotations

import base64
import math
import zlib

import numpy as np
import pytest

from qatk_builtin.reporters.html.packing import Column, Scaled, pack, whole
from qatk_builtin.reporters.html.vega import VEGA_LITE, version_among


def packed(column: Column) -> tuple[str, list[int], object]:
    """Kind, values and scale of a column of numbers."""
    [[name, kind, count, size, scale]], text = pack({"a": column})
    data = zlib.decompress(base64.b64decode(text))
    width = {"u1": 1, "u2": 2, "i4": 4}[str(kind)]
    assert (name, len(data), len(data)) == ("a", size, int(str(count)) * width)
    planes = np.frombuffer(data, np.uint8).reshape(width, -1)
    return str(kind), np.ascontiguousarray(planes.T).view(f"<{kind}").ravel().tolist(), scale


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0, 255], "u1"),
        ([0, 256], "u2"),
        ([1, 40_000], "u2"),
        ([0, 65_535], "u2"),
        ([0, 65_536], "i4"),
        ([-1, 1], "i4"),
        ([-1, 300], "i4"),
        ([-(2**31), 2**31 - 1], "i4"),
    ],
)
def test_the_smallest_kind_that_holds_all_numbers(values: list[int], kind: str) -> None:
    assert packed(np.array(values)) == (kind, values, 0)


def test_what_is_not_finite_has_numbers_that_nothing_else_has() -> None:
    values = np.array([math.nan, -math.inf, math.inf, 1e12, -1e12, 1.25, -0.004])
    kept = [-(2**31), -(2**31) + 1, 2**31 - 1, 2**31 - 2, -(2**31) + 2, 125, 0]
    assert packed(Scaled(values, 100)) == ("i4", kept, 100)


def test_half_a_surrogate_pair_becomes_one_character() -> None:
    assert whole("caf\u00e9 \ud800!") == "caf\u00e9 \ufffd!"
    assert whole("caf\u00e9") == "caf\u00e9"


def test_charts_are_made_by_their_version_or_the_newest() -> None:
    assert version_among(["5.8", VEGA_LITE, "7.0"]) == VEGA_LITE
    assert version_among(["5.8", "6.0"]) == "6.0"
