"""What the bootstrap and the randomisation share: weights drawn by block, and percentile intervals of the draws.

All columns and groups share one matrix of weights and one product with it, a block of draws at a time, so that ten
systems cost little more than two. The same seed gives the same draws, however they are dealt out to blocks.

Letters in shapes: n questions, m columns, g groups of questions, u units that are drawn, d draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from qatk.types import Bool, Float32, Float64, Int64

_BLOCK = 1 << 22
"""The most numbers in a block of weights or signs: 16 MiB."""
_HELD = 1 << 24
"""The most numbers held for groups that are dealt with together, and the most that are drawn for them: 64 MiB."""
_FEW, _MANY = 6, 1000
_POISSON = (94, 189, 235, 251, 255)
"""Of 256 equally likely bytes, those from which on a unit is drawn once, twice ...: with a mean and a variance of 1, as
Poisson's distribution has, and within 0.005 of its probabilities."""
UInt8 = NDArray[np.uint8]


def spread(values: Float64, masks: Bool) -> Float32:
    """float32[n, g, m]: the values [n, m] in each group of masks [g, n], 0 outside it."""
    return masks.T[:, :, None] * values.astype(np.float32)[:, None, :]


def parts(groups: int, numbers_each: int) -> Iterator[slice]:
    """The groups in runs for each of which so many numbers may be held at a time."""
    step = max(1, _HELD // max(1, numbers_each))
    return (slice(begin, begin + step) for begin in range(0, groups, step))


def totals(values: Float64, clusters: Int64, mask: Bool) -> Float64:
    """float64[u, m + 1]: sums of the values [n, m] in a group by cluster; last, how many questions it has there."""
    table = np.column_stack([values, np.ones(len(values))]) * mask[:, None]
    if (np.diff(clusters) == 1).all():
        return table
    order = np.argsort(clusters, kind="stable")
    begins = np.flatnonzero(np.diff(clusters[order], prepend=-1))
    sums: Float64 = np.add.reduceat(table[order], begins, axis=0)
    return sums


def units_in(masks: Bool, clusters: Int64) -> Int64:
    """int64[g]: how many clusters each group has questions of."""
    return np.array([len(np.unique(clusters[mask])) for mask in masks], np.int64)


def resampled_means(
    values: Float64, clusters: Int64, masks: Bool, draws: int, seed: int
) -> Iterator[tuple[slice, Float32]]:
    """Means of the values over clusters drawn with replacement, for some groups at a time: float32[d, g, m].

    NaN where a draw holds no question of a group.
    """
    units, width = len(np.unique(clusters)), values.shape[1] + 1
    for part in parts(len(masks), max(units, draws) * width):
        table = np.empty((units, len(masks[part]), width), np.float32)
        for i, mask in enumerate(masks[part]):
            table[:, i] = totals(values, clusters, mask)
        drawn, done = np.empty((draws, *table.shape[1:]), np.float32), 0
        for block in _weights(units, draws, default_rng(seed)):
            np.matmul(block, table.reshape(units, -1), out=drawn[done : done + len(block)].reshape(len(block), -1))
            done += len(block)
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn[..., :-1] /= drawn[..., -1:]
        yield part, drawn[..., :-1]


def _weights(units: int, draws: int, generator: Generator) -> Iterator[Float32]:
    """How often each unit is drawn: float32[some draws, u], all draws in turn.

    As many units are drawn as there are. From ``_MANY`` on each unit is drawn by itself, once on average, several
    times as fast: the Poisson bootstrap (Hanley and MacGibbon 2006; Chamandy et al. 2012). The means are ratios, and
    theirs then differ by terms of the order of 1 / u, which 10,000 draws do not show.
    """
    step = max(1, _BLOCK // units)
    few = max(1, (1 << 16) // units)  # counted in the caches of the processor
    count: Callable[[int, int, Generator], NDArray[Any]] = _counts_of_many if units >= _MANY else _counts
    for begin in range(0, draws, step):
        block = np.empty((min(step, draws - begin), units), np.float32)
        for first in range(0, len(block), few):
            rows = block[first : first + few]
            rows[:] = count(len(rows), units, generator)
        yield block


def _counts(draws: int, units: int, generator: Generator) -> Int64:
    drawn = generator.integers(0, units, size=(draws, units))
    drawn += np.arange(draws)[:, None] * units
    return np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)


def _counts_of_many(draws: int, units: int, generator: Generator) -> UInt8:
    width = -(-units // 8) * 8  # whole words, so that blocks waste nothing
    chance = generator.integers(0, 256, size=(draws, width), dtype=np.uint8)[:, :units]
    counts = np.zeros(chance.shape, np.uint8)
    for least in _POISSON:
        counts += chance >= least
    return counts


def seed_weights(seeds: int, draws: int, generator: Generator) -> Float64:
    """float64[d, seeds]: shares of seeds drawn with replacement; each row sums to 1.

    Deviations from equal shares are enlarged by sqrt(seeds / (seeds - 1)), without which the variance between few
    seeds would come out too small (Rao and Wu 1988).
    """
    shares: Float64 = generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=draws) / seeds
    return shares if seeds == 1 else 1 / seeds + math.sqrt(seeds / (seeds - 1)) * (shares - 1 / seeds)


def signs(rows: int, draws: int, seed: int) -> Iterator[Float32]:
    """Fair coins, -1 or 1: float32[some draws, rows], all draws in turn."""
    generator, width = default_rng(seed), -(-rows // 64) * 8  # whole words, so that blocks waste nothing
    step = max(1, _BLOCK // max(1, rows))
    for begin in range(0, draws, step):
        coins = generator.integers(0, 256, size=(min(step, draws - begin), width), dtype=np.uint8)
        yield np.unpackbits(coins, axis=1, count=rows).astype(np.float32) * 2 - 1


def percentile_interval(drawn: Float32, units: Int64) -> Float64:
    """float64[2, g, m]: 95 % percentile intervals of draws [d, g, m], expanded for few units.

    The percentiles are normal probabilities of -t and t times sqrt(u / (u - 1)), with t the 97.5 % quantile of
    Student's distribution with u - 1 degrees of freedom: 2.5 and 97.5 for many units, 0.2 and 99.8 for six (Hesterberg
    2015, "What Teachers Should Know About the Bootstrap"). Below six no draw lies far enough out: there the interval
    is the mean and that many standard deviations of the draws to either side.

    Args:
        drawn: means of groups and columns; NaN does not count.
        units: int64[g], how many units each group is drawn from; NaN comes of fewer than two.
    """
    found = np.empty((2, *drawn.shape[1:]))
    for i, count in enumerate(units):
        ordered = np.sort(drawn[:, i].T, axis=1)  # NaN last
        for j, values in enumerate(ordered):
            found[:, i, j] = _bounds(values[: len(values) - int(np.isnan(values).sum())], int(count))
    return found


def _bounds(ordered: Float32, units: int) -> Float64:
    if units < 2 or not len(ordered):
        return np.full(2, math.nan)
    deviations = math.sqrt(units / (units - 1)) * student_quantile(0.975, units - 1)
    if units < _FEW:
        return float(ordered.mean()) + np.array([-1, 1]) * deviations * float(ordered.std())
    share = NormalDist().cdf(-deviations)
    return np.interp(np.multiply((share, 1 - share), len(ordered) - 1), np.arange(len(ordered)), ordered)


@cache
def student_quantile(share: float, freedom: int) -> float:
    """The quantile of Student's t, for a share from 0.5 on.

    Up to 200 degrees of freedom by the trapezoid rule over the angle a, where t = sqrt(freedom) tan(a) and the
    density is proportional to cos(a) ** (freedom - 1); above by Abramowitz and Stegun (1964), 26.7.5. Within 1e-5.
    """
    if freedom > 200:
        x = NormalDist().inv_cdf(share)
        first, second = (x**3 + x) / 4, (5 * x**5 + 16 * x**3 + 3 * x) / 96
        return x + first / freedom + second / freedom**2
    angle = np.linspace(0, np.pi / 2, 20_001)
    density = np.cos(angle) ** (freedom - 1)
    area = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return math.sqrt(freedom) * math.tan(float(np.interp(share - 0.5, area / (2 * area[-1]), angle)))
