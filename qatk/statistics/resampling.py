"""What the bootstrap and the randomisation share: weights drawn by block, and percentile intervals of the draws.

All columns and groups share one matrix of weights and one product with it, a block of draws at a time, so that ten
systems cost little more than two. The same seed gives the same draws, however they are dealt out to blocks.

Letters in shapes: n questions, m columns, g groups of questions, u clusters, d draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from qatk.statistics.student import student_quantile
from qatk.types import Bool, Float32, Float64, Int64

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

_BLOCK = 1 << 22
"""The most numbers in a block of weights or signs: 16 MiB."""
_HELD = 1 << 24
"""The most numbers held for groups that are dealt with together, and the most that are drawn for them: 64 MiB."""
_MANY = 1000
_FARTHEST = 3.0
"""Standard deviations up to which percentiles say how far an interval reaches: beyond lie too few draws."""
_POISSON = (94, 189, 235, 251, 255)
"""Of 256 equally likely bytes, those from which on a unit is drawn once, twice ...: with a mean and a variance of 1, as
Poisson's distribution has, and within 0.005 of its probabilities."""


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


def effective_units(masks: Bool, clusters: Int64) -> Float64:
    """float64[g]: the clusters of equal size that would tell as much as those of a group, by Kish (1965).

    (sum of sizes)^2 / sum of squared sizes: their number where all are equal, near 1 where one holds almost all.
    """
    sizes = [np.bincount(clusters[mask]).astype(np.float64) for mask in masks]
    return np.array([each.sum() ** 2 / (each**2).sum() for each in sizes])


def resampled_means(values: Float64, masks: Bool, draws: int, seed: int) -> Iterator[tuple[slice, Float32]]:
    """Means of the values over questions drawn with replacement, for some groups at a time.

    Yields:
        The groups; float32[d, g, m], NaN where a draw holds no question of a group.
    """
    n, width = len(values), values.shape[1] + 1
    every = np.arange(n, dtype=np.int64)
    for part in parts(len(masks), max(n, draws) * width):
        table = np.empty((n, len(masks[part]), width), np.float32)
        for i, mask in enumerate(masks[part]):
            table[:, i] = totals(values, every, mask)
        drawn, done = np.empty((draws, *table.shape[1:]), np.float32), 0
        for block in _weights(n, draws, np.random.default_rng(seed)):
            np.matmul(block, table.reshape(n, -1), out=drawn[done : done + len(block)].reshape(len(block), -1))
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
    count: Callable[[int, int, Generator], NDArray[np.integer]] = _counts_of_many if units >= _MANY else _counts
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


def _counts_of_many(draws: int, units: int, generator: Generator) -> NDArray[np.uint8]:
    width = -(-units // 8) * 8  # whole words, so that blocks waste nothing
    chance = generator.integers(0, 256, size=(draws, width), dtype=np.uint8)[:, :units]
    counts = np.zeros(chance.shape, np.uint8)
    for least in _POISSON:
        counts += chance >= least
    return counts


def signs(rows: int, draws: int, seed: int) -> Iterator[Float32]:
    """Fair coins, -1 or 1: float32[some draws, rows], all draws in turn."""
    generator, width = np.random.default_rng(seed), -(-rows // 64) * 8  # whole words, so that blocks waste nothing
    step = max(1, _BLOCK // max(1, rows))
    for begin in range(0, draws, step):
        coins = generator.integers(0, 256, size=(min(step, draws - begin), width), dtype=np.uint8)
        # Each byte holds eight coins; 0 and 1 become -1 and 1.
        yield np.unpackbits(coins, axis=1, count=rows).astype(np.float32) * 2 - 1


def reach(units: int) -> float:
    """How many standard deviations of the draws a 95 % interval reaches to either side; NaN for fewer than two units.

    t times sqrt(u / (u - 1)), with t the 97.5 % quantile of Student's distribution with u - 1 degrees of freedom
    (Hesterberg 2015, "What Teachers Should Know About the Bootstrap"): 1.96 for many units, 2.8 for six.
    """
    return student_quantile(0.975, units - 1) / math.sqrt(1 - 1 / units) if units > 1 else math.nan


def percentile_interval(drawn: Float32, reaches: Float64) -> Float64:
    """float64[2, g, m]: 95 % percentile intervals of draws [d, g, m], expanded for few units.

    The percentiles are normal probabilities of the reach to either side: 2.5 and 97.5 for many units, 0.2 and 99.8 for
    six. Beyond three standard deviations no draw may lie: there the interval is the mean and that many standard
    deviations of the draws.

    Args:
        drawn: means of groups and columns; NaN does not count.
        reaches: float64[g], see :func:`reach`; the interval is NaN where it is.
    """
    found = np.empty((2, *drawn.shape[1:]))
    for i, wanted in enumerate(reaches.tolist()):
        for j, values in enumerate(np.ascontiguousarray(drawn[:, i].T)):
            found[:, i, j] = _bounds(values, wanted)
    return found


def _bounds(values: Float32, reaches: float) -> Float64:
    values = values[~np.isnan(values)]
    if math.isnan(reaches) or not len(values):
        return np.full(2, math.nan)
    if reaches > _FARTHEST:
        middle, deviation = float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))
        return np.array([middle - reaches * deviation, middle + reaches * deviation])
    from statistics import NormalDist

    share = NormalDist().cdf(-reaches)
    ordered = np.sort(values)
    ends = np.multiply((share, 1 - share), len(ordered) - 1)
    found: Float64 = np.interp(ends, np.arange(len(ordered), dtype=np.float64), ordered)
    return found
