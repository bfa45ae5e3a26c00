"""Paired bootstrap intervals of differences, by question, by cluster and over seeds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qatk.statistics.resampling import percentile_interval, reach, resampled_means, seed_weights, units_in
from qatk.statistics.significance import DRAWS, SEED, as_groups, standard_error
from qatk.types import Bool, Float64, Int64


def paired_bootstrap(
    differences: Float64,
    clusters: Int64 | None = None,
    masks: Bool | None = None,
    *,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Float64:
    """95 % intervals of mean differences: both systems are scored anew on questions drawn with replacement.

    The paired bootstrap of Koehn (2004) with percentile intervals; by whole clusters where questions of one article
    are easy or hard together (Field and Welsh 2007), and of eight clusters or fewer over all draws that there are.
    Expanded for few units, see :func:`qatk.statistics.resampling.reach`.

    Args:
        differences: [n, m], other minus baseline.
        clusters: [n], the cluster of each question, numbered from 0; ``None`` draws single questions.
        masks: [g, n], the groups of questions; ``None`` is one group of all. The mean of a group is over those of its
            questions that were drawn.
        draws: how often both are scored anew.
        seed: of the draws.

    Returns:
        float64[2, g, m], low and high, in the unit of the differences; NaN where a group has fewer than two units.
    """
    masks = as_groups(masks, len(differences))
    clusters = np.arange(len(differences)) if clusters is None else clusters
    reaches = np.array([reach(units) for units in units_in(masks, clusters).tolist()])
    drawn = resampled_means(differences, clusters, masks, draws, seed)
    return np.concatenate([percentile_interval(means, reaches[part], chance) for part, means, chance in drawn], axis=1)


def two_way_bootstrap(
    baseline: Float64,
    other: Float64,
    clusters: Int64 | None = None,
    masks: Bool | None = None,
    *,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Float64:
    """95 % intervals of the mean difference of two ways to train, where seeds and questions are drawn together.

    The multi-bootstrap of Sellam et al. (2021, MultiBERTs), seeds unpaired: the same number gives two systems nothing
    in common. Each draw takes questions (or clusters) with replacement, the same for all, and seeds of each system; see
    :func:`qatk.statistics.resampling.seed_weights` for a system of one seed. Expanded for few units and seeds, by the
    degrees of freedom of Satterthwaite (1946).

    Args:
        baseline: [seeds, n], the scores of the one system.
        other: likewise, where the number of seeds may differ.
        clusters: [n], as of :func:`paired_bootstrap`.
        masks: [g, n], likewise.
        draws: how often both are scored anew.
        seed: of the draws.

    Returns:
        float64[2, g], low and high.
    """
    masks = as_groups(masks, baseline.shape[1])
    clusters = np.arange(baseline.shape[1]) if clusters is None else clusters
    generator, seeds = np.random.default_rng([seed, 1]), (len(baseline), len(other))
    error = two_way_error(baseline, other, clusters, masks)
    units = units_in(masks, clusters).tolist()
    reaches = np.array(list(map(reach, units, error.freedom.tolist(), error.of_clusters.tolist())))
    found = []
    for part, means, chance in resampled_means(np.concatenate([baseline, other]).T, clusters, masks, draws, seed):
        shares, of_shares = seed_weights(seeds, len(means), draws, generator, exact=chance is not None)
        drawn = np.einsum("dgs,rds->rdg", means, np.broadcast_to(shares, (len(shares), *means.shape[::2])))
        if chance is not None:
            chance = np.outer(of_shares, chance).ravel()
        found.append(percentile_interval(drawn.reshape(-1, means.shape[1], 1), reaches[part], chance))
    return np.concatenate(found, axis=1)[..., 0]


class TwoWayError(NamedTuple):
    """How sure a mean difference between two ways to train is; float64[g] each.

    Attributes:
        error: its standard error.
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
        clusters: [n], as of :func:`paired_bootstrap`.
        masks: [g, n], likewise.
    """
    apart = (other.mean(axis=0) - baseline.mean(axis=0))[:, None]
    parts_of = [(standard_error(apart, clusters, masks)[:, 0] ** 2, units_in(masks, clusters) - 1.0)]
    counts = len(baseline), len(other)
    for scores, count, beside in zip((baseline, other), counts, reversed(counts), strict=True):
        if count > 1:
            means = scores @ masks.T / masks.sum(axis=1)
            share = 1 / count + (beside == 1)
            parts_of.append((means.var(axis=0, ddof=1) * share, np.full(len(masks), count - 1.0)))
    total: Float64 = np.sum([variance for variance, _ in parts_of], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = total**2 / np.sum([variance**2 / free for variance, free in parts_of], axis=0)
        return TwoWayError(np.sqrt(total), freedom, np.where(total > 0, parts_of[0][0] / total, 1.0))
