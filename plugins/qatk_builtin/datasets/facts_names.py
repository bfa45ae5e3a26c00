"""Invented names: every index gives another one, and different seeds use different indices."""

from __future__ import annotations

from functools import cache
from math import gcd

SEEDS = 1009
"""Seeds that differ by no multiple of this number share no name."""

_ONSETS, _VOWELS, _MIDDLES, _CODAS = (
    text.split()
    for text in (
        "b br d dr f g gr h j k kr l m n p pr r s st t tr v w z",
        "a e i o u ea",
        "b d g k l ld ll m mb n nd nn r rd rl rn s sk ss st t v z th",
        "n l r s th m nd rk x ld sk t",
    )
)


def invented_name(index: int, seed: int) -> str:
    """The ``index``-th name of a seed.

    A name is onset, vowel, (middle, vowel) once or more, coda, and can be read back in one way only, so no two
    pairs of index and ``seed % SEEDS`` give the same name. Short names come first.
    """
    number = index * SEEDS + seed % SEEDS
    middles = 1
    while number >= (size := _size(middles)):
        number -= size
        middles += 1
    number = number * _mixer(size) % size
    number, coda = divmod(number, len(_CODAS))
    name = _CODAS[coda]
    for _ in range(middles):
        number, vowel = divmod(number, len(_VOWELS))
        number, middle = divmod(number, len(_MIDDLES))
        name = _MIDDLES[middle] + _VOWELS[vowel] + name
    onset, vowel = divmod(number, len(_VOWELS))
    return (_ONSETS[onset] + _VOWELS[vowel] + name).capitalize()


def _size(middles: int) -> int:
    """How many names have this many middles."""
    inner: int = (len(_MIDDLES) * len(_VOWELS)) ** middles
    return len(_ONSETS) * len(_VOWELS) * inner * len(_CODAS)


@cache
def _mixer(size: int) -> int:
    """A factor without a common divisor with ``size``, near its golden section: neighbours give unlike names."""
    factor = int(size * 0.618)
    while gcd(factor, size) > 1:
        factor += 1
    return factor
