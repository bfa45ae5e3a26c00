"""What the bootstrap and the randomisation share: weights drawn by block, and percentile intervals of the draws.

All columns and groups share one matrix of weights and one product with it, a block of draws at a time, so that ten
systems cost little more than two. The same seed gives the same draws, however they are dealt out to blocks.

Letters in shapes: n questions, m columns, g groups of questions, u units that are drawn, d draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache
from itertools import combinations_with_replacement
from statistics import NormalDist

import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from qatk.statistics.student import student_quantile
from qatk.types import Bool, Float32, Float64, Int64

_BLOCK = 1 << 22
"""The most numbers in a block of weights or signs: 16 MiB."""
_HELD = 1 << 24
"""The most numbers held for groups that are dealt with together, and the most that are drawn for them: 64 MiB."""
_MANY = 1000
_MOST_ENUMERATED, _MOST_COMBINED = 8, 100_000
"""Units up to which all draws are gone through in place of random ones (6,435 for eight), and with seeds together."""
_FARTHEST = 3.0
"""Standard deviations up to which percentiles say how far an interval reaches: beyond lie too few draws."""
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


def effective_units(masks: Bool, clusters: Int64) -> Float64:
    """float64[g]: the clusters of equal size that would tell as much as those of a group, by Kish (1965).

    (sum of sizes)^2 / sum of squared sizes: their number where all are equal, near 1 where one holds almost all.
    """
    sizes = [np.bincount(clusters[mask]).astype(np.float64) for mask in masks]
    return np.array([each.sum() ** 2 / (each**2).sum() for each in sizes])


def resampled_means(
    values: Float64, clusters: Int64, masks: Bool, draws: int, seed: int
) -> Iterator[tuple[slice, Float32, Float64 | None]]:
    """Means of the values over clusters drawn with replacement, for some groups at a time.

    Yields:
        The groups; float32[d, g, m], NaN where a draw holds no question of a group; and the chance of each draw, or
        ``None`` where all are equally likely. Of few clusters they are all that there are, so that the seed and the
        number of draws do not matter.
    """
    units, width = len(np.unique(clusters)), values.shape[1] + 1
    counts, chance = multisets(units) if units <= _MOST_ENUMERATED else (None, None)
    draws = draws if counts is None else len(counts)
    for part in parts(len(masks), max(units, draws) * width):
        table = np.empty((units, len(masks[part]), width), np.float32)
        for i, mask in enumerate(masks[part]):
            table[:, i] = totals(values, clusters, mask)
        drawn, done = np.empty((draws, *table.shape[1:]), np.float32), 0
        blocks = _weights(units, draws, default_rng(seed)) if counts is None else [counts.astype(np.float32)]
        for block in blocks:
            np.matmul(block, table.reshape(units, -1), out=drawn[done : done + len(block)].reshape(len(block), -1))
            done += len(block)
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn[..., :-1] /= drawn[..., -1:]
        yield part, drawn[..., :-1], chance


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


def _counts_of_many(draws: int, units: int, generator: Generator) -> UInt8:
    width = -(-units // 8) * 8  # whole words, so that blocks waste nothing
    chance = generator.integers(0, 256, size=(draws, width), dtype=np.uint8)[:, :units]
    counts = np.zeros(chance.shape, np.uint8)
    for least in _POISSON:
        counts += chance >= least
    return counts


def seed_weights(
    seeds: tuple[int, int], clusters: int, draws: int, generator: Generator, *, exact: bool = False
) -> tuple[Float64, Float64]:
    """Shares of two systems' seeds drawn with replacement: float64[r, d, seeds of both], and the chance of each r.

    The first system's are negative, so that the product with scores is a difference. Deviations from equal shares are
    enlarged by sqrt(seeds / (seeds - 1)), without which the variance between few seeds would come out too small (Rao
    and Wu 1988). Of a system with one seed nothing is known of how others differ: it takes a deviation from the other
    system's.

    Args:
        seeds: how many each system has.
        clusters: draws of clusters, or all that there are, for each of which the shares are drawn anew.
        draws: how many are wanted in all.
        generator: of the random numbers.
        exact: go through all draws of seeds, where they are few; d is then 1, the same for all clusters.
    """
    if exact and (found := _all_shares(seeds, _MOST_COMBINED // clusters)):
        return found
    size = -(-draws // clusters), clusters
    first, second = (_enlarged(_shares(count, count, size, generator)) for count in seeds)
    if seeds[0] == 1 < seeds[1]:
        second = second - _enlarged(_shares(1, seeds[1], size, generator)) + 1 / seeds[1]
    if seeds[1] == 1 < seeds[0]:
        first = first - _enlarged(_shares(1, seeds[0], size, generator)) + 1 / seeds[0]
    return np.concatenate([-first, second], axis=2), np.full(size[0], 1 / size[0])


def _all_shares(seeds: tuple[int, int], most: int) -> tuple[Float64, Float64] | None:
    """All draws of both systems' seeds; ``None`` where they are more than so many, or a system has one seed."""
    if min(seeds) == 1 or max(seeds) > _MOST_ENUMERATED:
        return None
    (first, p), (second, q) = map(multisets, seeds)
    if len(p) * len(q) > most:
        return None
    both = np.repeat(-_enlarged(first / seeds[0]), len(q), axis=0), np.tile(_enlarged(second / seeds[1]), (len(p), 1))
    return np.concatenate(both, axis=1)[:, None], np.repeat(p, len(q)) * np.tile(q, len(p))


def _shares(times: int, seeds: int, size: tuple[int, int], generator: Generator) -> Float64:
    """float64[size, seeds]: the shares of seeds when so many are drawn."""
    return generator.multinomial(times, np.full(seeds, 1 / seeds), size=size).astype(np.float64) / times


def _enlarged(shares: Float64) -> Float64:
    seeds = shares.shape[-1]
    return shares if seeds == 1 else 1 / seeds + math.sqrt(seeds / (seeds - 1)) * (shares - 1 / seeds)


def signs(rows: int, draws: int, seed: int) -> Iterator[Float32]:
    """Fair coins, -1 or 1: float32[some draws, rows], all draws in turn."""
    generator, width = default_rng(seed), -(-rows // 64) * 8  # whole words, so that blocks waste nothing
    step = max(1, _BLOCK // max(1, rows))
    for begin in range(0, draws, step):
        coins = generator.integers(0, 256, size=(min(step, draws - begin), width), dtype=np.uint8)
        yield np.unpackbits(coins, axis=1, count=rows).astype(np.float32) * 2 - 1


def reach(units: int, freedom: float | None = None, share: float = 1.0) -> float:
    """How many standard deviations of the draws a 95 % interval reaches to either side; NaN for fewer than two units.

    t times sqrt(u / (u - 1)), with t the 97.5 % quantile of Student's distribution with u - 1 degrees of freedom
    (Hesterberg 2015, "What Teachers Should Know About the Bootstrap"): 1.96 for many units, 2.8 for six.

    Args:
        units: that are drawn.
        freedom: degrees of freedom where they are others than u - 1.
        share: of the variance that comes of these units, and is too small by (u - 1) / u.
    """
    if units < 2:
        return math.nan
    freedom = units - 1 if freedom is None or not math.isfinite(freedom) else max(1.0, freedom)
    return student_quantile(0.975, freedom) / math.sqrt(1 - share / units)


def percentile_interval(drawn: Float32, reaches: Float64, chance: Float64 | None = None) -> Float64:
    """float64[2, g, m]: 95 % percentile intervals of draws [d, g, m], expanded for few units.

    The percentiles are normal probabilities of the reach to either side: 2.5 and 97.5 for many units, 0.2 and 99.8 for
    six. Beyond three standard deviations no draw may lie: there the interval is the mean and that many standard
    deviations of the draws.

    Args:
        drawn: means of groups and columns; NaN does not count.
        reaches: float64[g], or [g, m], see :func:`reach`; the interval is NaN where it is.
        chance: float64[d], of each draw; ``None`` where all are equally likely.
    """
    found = np.empty((2, *drawn.shape[1:]))
    wanted = np.broadcast_to(reaches.reshape(len(reaches), -1), drawn.shape[1:])
    for i in range(drawn.shape[1]):
        columns = np.ascontiguousarray(drawn[:, i].T)
        for j, values in enumerate(columns):
            found[:, i, j] = _bounds(values, chance, float(wanted[i, j]))
    return found


def _bounds(values: Float32, chance: Float64 | None, reaches: float) -> Float64:
    known = ~np.isnan(values)
    if not known.all():
        values, chance = values[known], None if chance is None else chance[known]
    if math.isnan(reaches) or not len(values):
        return np.full(2, math.nan)
    if reaches > _FARTHEST:
        middle = np.average(values, weights=chance)
        deviation = math.sqrt(np.average((values - middle) ** 2, weights=chance))
        return np.array([middle - reaches * deviation, middle + reaches * deviation])
    share = NormalDist().cdf(-reaches)
    if chance is None:
        ordered = np.sort(values)
        place, ends = np.arange(len(ordered), dtype=np.float64), np.multiply((share, 1 - share), len(ordered) - 1)
    else:
        order = np.argsort(values, kind="stable")
        ordered, chance = values[order], chance[order]
        place, ends = np.cumsum(chance) - chance / 2, np.multiply((share, 1 - share), chance.sum())
    found: Float64 = np.interp(ends, place, ordered)
    return found


@cache
def multisets(units: int) -> tuple[Float64, Float64]:
    """Every way to draw so many units with replacement: counts float64[d, u], and the chance of each, float64[d]."""
    drawn = np.array(list(combinations_with_replacement(range(units), units)), np.int64)
    counts = np.zeros((len(drawn), units))
    np.add.at(counts, (np.arange(len(drawn))[:, None], drawn), 1)
    ways = [math.factorial(units) / math.prod(map(math.factorial, row)) for row in counts.astype(int).tolist()]
    return counts, np.array(ways) / float(units) ** units
