"""Paired statistics over questions: tests, bootstrap intervals, and what a data set can resolve.

Everything that draws is seeded: the same arguments give the same numbers.

Letters in shapes: n questions, m columns (such as the differences of several pairs), g groups of questions.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from qatk.statistics.resampling import parts, signs, spread, totals, units_in
from qatk.statistics.student import student_p, student_quantile
from qatk.types import Bool, Float64, Int64

DRAWS, SEED = 10_000, 13
_VANISHING = 1e-9
"""Of a difference: an error up to it is rounding, every cluster differs alike."""


def mcnemar(wins: int, losses: int) -> float:
    """The exact McNemar test: how likely so uneven a split of the questions that one system alone has right.

    A two-sided binomial test at one half (McNemar 1947; Dror et al. 2018 recommend it for binary scores).

    Args:
        wins: how many questions only the one system has right.
        losses: how many only the other has right.

    Returns:
        p; 1 where there are no such questions.
    """
    total, fewer = wins + losses, min(wins, losses)
    if wins == losses:
        return 1.0
    steps = np.arange(total, total - fewer, -1) / np.arange(1, fewer + 1)
    ways = np.concatenate([[0.0], np.cumsum(np.log(steps))])  # logarithms of binomial coefficients
    top = float(ways.max())
    return min(1.0, 2 * math.exp(top + math.log(float(np.exp(ways - top).sum())) - total * math.log(2)))


def approximate_randomisation(
    differences: Float64, masks: Bool | None = None, *, draws: int = DRAWS, seed: int = SEED
) -> Float64:
    """Paired approximate randomisation: the two systems' scores are swapped at random, question by question.

    Two-sided; p = (r + 1) / (R + 1), where r of R draws lie at least as far from 0 as what was seen (Noreen 1989;
    Riezler and Maxwell 2005). Questions on which the systems agree change nothing and are left out. For systems of
    several seeds give the differences of their means over seeds; p then speaks of these very models.

    Args:
        differences: [n, m], other minus baseline.
        masks: [g, n], the groups of questions to test; ``None`` is one group of all.
        draws: R.
        seed: of the draws.

    Returns:
        float64[g, m] of p.
    """
    masks = as_groups(masks, len(differences))
    rows = np.flatnonzero(differences.any(axis=1))
    differences, masks, columns = differences[rows], masks[:, rows], differences.shape[1]
    p = np.ones((len(masks), columns))
    for part in parts(len(masks), max(len(rows), draws) * columns):
        table = spread(differences, masks[part]).reshape(len(rows), len(masks[part]) * columns)
        slack = 1e-6 * np.abs(table).sum(axis=0)  # equal sums, added up in another order
        least = np.abs(table.sum(axis=0, dtype=np.float64)) - slack
        reached = sum((np.abs(coins @ table) >= least).sum(axis=0) for coins in signs(len(rows), draws, seed))
        p[part] = ((reached + 1.0) / (draws + 1)).reshape(-1, columns)
    return p


def standard_error(differences: Float64, clusters: Int64 | None = None, masks: Bool | None = None) -> Float64:
    """The standard error of mean differences, robust to clusters (Cameron and Miller 2015).

    sqrt(u / (u - 1) * sum over u clusters of (sum of deviations from the mean)^2) / n.

    Args:
        differences: [n, m], other minus baseline.
        clusters: [n], the cluster of each question, numbered from 0; ``None`` takes every question for one.
        masks: [g, n], the groups of questions; ``None`` is one group of all.

    Returns:
        float64[g, m]; exactly 0 where all units differ alike, NaN where a group has fewer than two.
    """
    masks = as_groups(masks, len(differences))
    clusters = np.arange(len(differences)) if clusters is None else clusters
    units = units_in(masks, clusters)
    errors = np.empty((len(masks), differences.shape[1]))
    for i, mask in enumerate(masks):
        sums = totals(differences, clusters, mask)
        size = sums[:, -1].sum()
        means = sums[:, :-1].sum(axis=0) / size
        deviations = sums[:, :-1] - sums[:, -1:] * means
        spare = units[i] / (units[i] - 1) if units[i] > 1 else math.nan
        errors[i] = _without_rounding(np.sqrt(spare * (deviations**2).sum(axis=0)) / size, means)
    return errors


def _without_rounding(errors: Float64, differences: Float64) -> Float64:
    """The errors, 0 where they are nothing but rounding."""
    return np.where(errors <= _VANISHING * np.abs(differences), 0.0, errors)


class TwoWayError(NamedTuple):
    """How sure a mean difference between two ways to train is; float64[g] each.

    Attributes:
        error: its standard error; exactly 0 where nothing varies.
        freedom: degrees of freedom, infinite where nothing varies.
        of_clusters: the share of the variance that comes of the questions, the rest of the seeds.
    """

    error: Float64
    freedom: Float64
    of_clusters: Float64


def two_way_error(baseline: Float64, other: Float64, clusters: Int64, masks: Bool) -> TwoWayError:
    """The standard error over seeds and clusters, with the degrees of freedom of Satterthwaite (1946).

    Variances add up: that between clusters, of the difference of means over seeds, with u - 1 degrees of freedom, and
    that between the seeds of either system, with one less than it has seeds. A system of one seed is taken to vary as
    much as the other.

    Args:
        baseline: [seeds, n], the scores of the one system.
        other: likewise.
        clusters: [n], the cluster of each question, numbered from 0.
        masks: [g, n], the groups of questions.
    """
    apart, sizes = (other.mean(axis=0) - baseline.mean(axis=0))[:, None], masks.sum(axis=1)
    parts_of = [(standard_error(apart, clusters, masks)[:, 0] ** 2, units_in(masks, clusters) - 1.0)]
    counts = len(baseline), len(other)
    for scores, count, beside in zip((baseline, other), counts, reversed(counts), strict=True):
        if count > 1:
            means = scores @ masks.T / sizes
            share = 1 / count + (beside == 1)
            parts_of.append((means.var(axis=0, ddof=1) * share, np.full(len(masks), count - 1.0)))
    total: Float64 = np.sum([variance for variance, _ in parts_of], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = total**2 / np.sum([variance**2 / free for variance, free in parts_of], axis=0)
        error = _without_rounding(np.sqrt(total), masks @ apart[:, 0] / sizes)
        return TwoWayError(error, freedom, np.where(total > 0, parts_of[0][0] / total, 1.0))


def clustered_p(differences: Float64, errors: Float64, freedom: Float64, units: Int64) -> Float64:
    """The two-sided p of mean differences: 2 P(T > abs(difference) / error), T of Student's distribution.

    With errors robust to clusters and as many degrees of freedom as clusters less one it holds its level where
    questions of an article go together, which a test by question does not (Cameron and Miller 2015; Miller 2024,
    "Adding Error Bars to Evals"). Where every cluster differs alike the error is 0 and tells nothing: then it is the
    sign test's, by cluster, 2 to the power of 1 - u.

    Args:
        differences: means, of any shape.
        errors: their standard errors.
        freedom: of the errors.
        units: how many clusters each is of.

    Returns:
        In that shape; 1 where there is but one cluster, for nothing says how others would differ.
    """
    each = np.broadcast_arrays(differences, errors, freedom, units)
    found = np.array([_one_p(*map(float, row)) for row in zip(*(column.flat for column in each), strict=True)])
    return found.reshape(each[0].shape)


def _one_p(difference: float, error: float, freedom: float, units: float) -> float:
    if difference == 0 or units < 2 or math.isnan(error):
        return 1.0
    if error == 0:
        return math.pow(2.0, 1 - units)
    return student_p(difference / error, freedom)


def student_interval(differences: Float64, errors: Float64, freedom: Float64) -> Float64:
    """95 % intervals of mean differences: as far to either side as Student's distribution has 95 % of its mass.

    The interval of the test of :func:`clustered_p`: it leaves out 0 where that p is below 0.05; where p is that of the
    sign test, there is none. With errors robust to
    clusters and a degree of freedom less than there are clusters it holds the truth in about 95 % of cases for six of
    them; plain percentiles of a bootstrap over so few are too narrow (Cameron, Gelbach and Miller 2008).

    Args:
        differences: means, of any shape.
        errors: their standard errors.
        freedom: of the errors.

    Returns:
        float64[2, in that shape], low and high, from -1 to 1; NaN where the error is 0 or not known: nothing that was
        seen says how much further the truth may lie.
    """
    reach_of = np.array([student_quantile(0.975, max(1.0, f)) if f > 0 else 1.0 for f in freedom.flat])
    half = np.where(errors > 0, reach_of.reshape(freedom.shape) * errors, math.nan)
    return np.clip(np.stack([differences - half, differences + half]), -1, 1)


def detectable_difference(error: Float64, freedom: float, alpha: float = 0.05) -> Float64:
    """The smallest true difference that a two-sided test at this level finds with 80 % power.

    (t of 1 - alpha / 2 + t of 0.8) standard errors (Bloom 1995); 2.8 of them at 0.05 for many degrees of freedom. Card
    et al. (2020) show how often comparisons in the field are too small for what they claim. The standard error is that
    of the paired difference as it was seen: how much two systems differ on the same questions is what decides, and no
    assumption stands in for it.

    Args:
        error: standard errors of mean differences, clustered where intervals are.
        freedom: its degrees of freedom: one less than there are questions or clusters.
        alpha: the level; of m tests after Holm's correction at least alpha / m.

    Returns:
        In the shape and unit of the errors; NaN for no degree of freedom, and where the error is 0: nothing that was
        seen says how much the two may differ.
    """
    if not freedom >= 1:
        return np.full_like(error, math.nan)
    reach_of = student_quantile(1 - alpha / 2, freedom) + student_quantile(0.8, freedom)
    return np.where(error > 0, reach_of * error, math.nan)


def holm(p: Float64, hypotheses: Int64 | None = None) -> Float64:
    """Holm's correction (1979): p of each test of a family, raised so that one false finding in all stays at alpha.

    Args:
        p: of the tests, in any order.
        hypotheses: which tests ask the same: tests of one number count once, and have the same p. ``None``: all differ.

    Returns:
        The adjusted p, in the same order, at most 1.
    """
    _, first, place = np.unique(
        np.arange(len(p)) if hypotheses is None else hypotheses, return_index=True, return_inverse=True
    )
    once = p[first]
    order = np.argsort(once, kind="stable")
    adjusted = np.empty(len(once))
    # Factors m, m - 1 ... 1 from the smallest p on; the running maximum keeps the adjusted ones in order (Holm 1979).
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(once[order] * np.arange(len(once), 0, -1)))
    return adjusted[place]


def as_groups(masks: Bool | None, questions: int) -> Bool:
    """bool[g, n]: the masks, or one group of all questions where there are none."""
    return np.ones((1, questions), np.bool_) if masks is None else masks
