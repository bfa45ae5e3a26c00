"""The figures of a comparison: every pair, metric and group of questions at once.

Letters in shapes: n questions, g groups of them, k pairs (the baseline with each other system), m metrics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qatk.statistics.bootstrap import TwoWayError, paired_bootstrap, two_way_bootstrap, two_way_error
from qatk.statistics.resampling import units_in
from qatk.statistics.significance import approximate_randomisation, detectable_difference, mcnemar, standard_error
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
            detectable[groups] = _detectable(scores, apart, clusters, part, several=several)
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


def _detectable(scores: Sequence[Float64], apart: Float64, clusters: Int64, masks: Bool, *, several: bool) -> Float64:
    """float64[g, k, m], from the clustered standard error and the variance between seeds."""
    metrics = scores[0].shape[1]
    if not several:
        errors = standard_error(apart, clusters, masks)
        found = [detectable_difference(e, int(u) - 1) for e, u in zip(errors, units_in(masks, clusters), strict=True)]
        return np.stack(found).reshape(len(masks), -1, metrics)
    of = [[two_way_error(scores[0][:, m], each[:, m], clusters, masks) for m in range(metrics)] for each in scores[1:]]
    return np.moveaxis(np.array([[_by_group(each) for each in row] for row in of]), 2, 0)


def _by_group(of: TwoWayError) -> Float64:
    each = zip(of.error, of.freedom.tolist(), strict=True)
    return np.array([detectable_difference(error, np.nan_to_num(freedom, nan=0.0)) for error, freedom in each])


def _tests(apart: Float64, masks: Bool, draws: int, seed: int, *, exact: bool) -> Float64:
    """float64[g, k, m]: McNemar's test for scores of 0 and 1, where ``exact``; else randomisation."""
    flat = apart.reshape(len(apart), -1)
    binary = np.isin(flat, (-1.0, 0.0, 1.0)).all(axis=0) & exact
    p = np.empty((len(masks), flat.shape[1]))
    for pair in range(apart.shape[1]):  # each by itself, so that its p does not hang on the systems beside it
        columns = np.flatnonzero(~binary & (np.arange(flat.shape[1]) // apart.shape[2] == pair))
        if len(columns):
            p[:, columns] = approximate_randomisation(flat[:, columns], masks, draws=draws, seed=seed)
    counted = masks.astype(np.float64)
    wins, losses = counted @ (flat[:, binary] > 0), counted @ (flat[:, binary] < 0)
    p[:, binary] = [
        [mcnemar(int(w), int(x)) for w, x in zip(*row, strict=True)] for row in zip(wins, losses, strict=True)
    ]
    return p.reshape(len(masks), *apart.shape[1:])
