"""The figures of a comparison: every pair, metric and group of questions at once.

Letters in shapes: n questions, g groups of them, k pairs (the baseline with each other system), m metrics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qatk.resampling import units_in
from qatk.statistics import (
    approximate_randomisation,
    detectable_difference,
    mcnemar,
    paired_bootstrap,
    standard_error,
    two_way_bootstrap,
)
from qatk.types import Bool, Float64, Int64


@dataclass(frozen=True, eq=False)
class Figures:
    """What a comparison found, as fractions.

    Attributes:
        means: float64[g, k + 1, m], of each system, over questions and seeds.
        by_question, by_cluster: float64[2, g, k, m], 95 % intervals of other minus baseline.
        two_way: likewise, over seeds and clusters; ``None`` where every system has one seed.
        p: float64[g, k, m], not adjusted.
        detectable: float64[g, k, m].
    """

    means: Float64
    by_question: Float64
    by_cluster: Float64
    two_way: Float64 | None
    p: Float64
    detectable: Float64


def measure(
    scores: Sequence[Float64], masks: Bool, articles: Int64, contexts: Int64, *, draws: int, seed: int
) -> Figures:
    """All figures of the first system with each other.

    Args:
        scores: of each system float64[seeds, m, n], as fractions.
        masks: [g, n], no group empty.
        articles: int64[n], what questions are drawn by; contexts where there are no articles.
        contexts: int64[n], what those of a group are drawn by that lies in one article.
        draws: of the bootstrap and the randomisation.
        seed: of the draws.
    """
    of_seeds = [each.mean(axis=0) for each in scores]  # [m, n]
    apart = np.concatenate([each - of_seeds[0] for each in of_seeds[1:]]).T  # [n, k * m]
    shape = (len(masks), len(scores) - 1, scores[0].shape[1])
    several = any(len(each) > 1 for each in scores)
    by_cluster, two_way, detectable = np.empty((2, *shape)), np.empty((2, *shape)), np.empty(shape)
    few = units_in(masks, articles) < 2
    for groups, clusters in ((~few, articles), (few, contexts)):
        if groups.any():
            part = masks[groups]
            drawn = paired_bootstrap(apart, clusters, part, draws=draws, seed=seed)
            by_cluster[:, groups] = np.clip(drawn, -1, 1).reshape(2, -1, *shape[1:])
            if several:
                two_way[:, groups] = np.clip(_two_way(scores, clusters, part, draws, seed), -1, 1)
            detectable[groups] = _detectable(scores, apart, clusters, part).reshape(-1, *shape[1:])
    return Figures(
        means=_means(of_seeds, masks),
        by_question=np.clip(paired_bootstrap(apart, None, masks, draws=draws, seed=seed), -1, 1).reshape(2, *shape),
        by_cluster=by_cluster,
        two_way=two_way if several else None,
        p=_tests(apart.reshape(-1, *shape[1:]), masks, draws, seed, exact=not several),
        detectable=detectable,
    )


def _means(of_seeds: Sequence[Float64], masks: Bool) -> Float64:
    sums = masks.astype(np.float64) @ np.concatenate(of_seeds).T
    means: Float64 = (sums / masks.sum(axis=1)[:, None]).reshape(len(masks), len(of_seeds), -1)
    return means


def _two_way(scores: Sequence[Float64], clusters: Int64, masks: Bool, draws: int, seed: int) -> Float64:
    """float64[2, g, k, m]."""
    found = [
        [
            two_way_bootstrap(scores[0][:, m], other[:, m], clusters, masks, draws=draws, seed=seed)
            for m in range(other.shape[1])
        ]
        for other in scores[1:]
    ]
    return np.moveaxis(np.array(found), (0, 1), (2, 3))


def _detectable(scores: Sequence[Float64], apart: Float64, clusters: Int64, masks: Bool) -> Float64:
    """float64[g, k * m], from the clustered standard error and the variance between seeds of either system."""
    variance = standard_error(apart, clusters, masks) ** 2
    between = [_between_seeds(each, masks) for each in scores]  # [g, m]
    variance += np.concatenate([between[0] + each for each in between[1:]], axis=1)
    units = units_in(masks, clusters)
    return np.stack([detectable_difference(np.sqrt(v), int(u)) for v, u in zip(variance, units, strict=True)])


def _between_seeds(scores: Float64, masks: Bool) -> Float64:
    """float64[g, m]: the variance of a mean over seeds, from how the seeds differ; 0 where there is one."""
    if len(scores) == 1:
        return np.zeros((len(masks), scores.shape[1]))
    of_each = _means(list(scores), masks)  # [g, seeds, m]
    variance: Float64 = of_each.var(axis=1, ddof=1) / len(scores)
    return variance


def _tests(apart: Float64, masks: Bool, draws: int, seed: int, *, exact: bool) -> Float64:
    """float64[g, k, m]: McNemar's test for scores of 0 and 1, where ``exact``; else randomisation."""
    flat = apart.reshape(len(apart), -1)
    binary = np.isin(flat, (-1.0, 0.0, 1.0)).all(axis=0) & exact
    p = np.empty((len(masks), flat.shape[1]))
    if not binary.all():
        p[:, ~binary] = approximate_randomisation(flat[:, ~binary], masks, draws=draws, seed=seed)
    counted = masks.astype(np.float64)
    wins, losses = counted @ (flat[:, binary] > 0), counted @ (flat[:, binary] < 0)
    p[:, binary] = [
        [mcnemar(int(w), int(x)) for w, x in zip(*row, strict=True)] for row in zip(wins, losses, strict=True)
    ]
    return p.reshape(len(masks), *apart.shape[1:])
