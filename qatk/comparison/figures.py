"""The figures of a comparison: every pair, metric and group of questions at once.

Letters in shapes: n questions, g groups of them, k pairs (the baseline with each other system), m metrics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from qatk.statistics.bootstrap import paired_bootstrap
from qatk.statistics.resampling import effective_units, units_in
from qatk.statistics.significance import (
    approximate_randomisation,
    clustered_p,
    mcnemar,
    standard_error,
    student_interval,
    two_way_error,
)
from qatk.types import Bool, Float64, Int64


@dataclass(frozen=True, eq=False)
class Figures:
    """What a comparison found, as fractions.

    Attributes:
        baseline, other: float64[g, k, m], means of both systems of a pair, over questions and seeds.
        by_question, by_cluster: float64[2, g, k, m], 95 % intervals of other minus baseline: of the bootstrap, and of
            Student's distribution; NaN where the standard error is 0 or not known.
        two_way: the latter, over seeds and clusters; NaN for pairs of one seed each.
        error, freedom: float64[g, k, m], standard errors of the differences, by cluster or over seeds and clusters, and
            their degrees of freedom; the error is NaN where a group has one cluster.
        cluster_share: float64[g, k, m], of the variance that comes of the clusters, the rest of the seeds.
        p: float64[g, k, m], of that error, not adjusted.
        p_by_question: float64[g, k, m], as if questions were drawn one by one.
        design_effect: float64[g, k, m], the variance by cluster over that by question; NaN where nothing varies.
        clusters: int64[g], how many each group has.
        effective: float64[g], clusters of equal size that would tell as much as these.
        hypotheses: int64[g, k, m], the same number for the same differences of the same questions.
    """

    baseline: Float64
    other: Float64
    by_question: Float64
    by_cluster: Float64
    two_way: Float64
    error: Float64
    freedom: Float64
    cluster_share: Float64
    p: Float64
    p_by_question: Float64
    design_effect: Float64
    clusters: Int64
    effective: Float64
    hypotheses: Int64


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
    several = np.array([max(len(scores[0]), len(other)) > 1 for other in scores[1:]])  # of each pair, bool[k]
    clustered, error, freedom = np.empty((3, *shape))
    share = np.ones(shape)
    units, effective = np.empty((2, len(masks)))
    few = units_in(masks, articles) < 2
    for groups, clusters in ((~few, articles), (few, contexts)):
        if groups.any():
            part = masks[groups]
            units[groups], effective[groups] = units_in(part, clusters), effective_units(part, clusters)
            clustered[groups] = standard_error(apart, clusters, part).reshape(-1, *shape[1:])
            error[groups], freedom[groups] = clustered[groups], units[groups, None, None] - 1
            if several.any():
                at = np.ix_(groups, several)
                error[at], freedom[at], share[at] = _two_way_errors(scores, several, clusters, part)
    means = _means(of_seeds, masks)
    difference = means[:, 1:] - means[:, :1]
    by_question = np.clip(paired_bootstrap(apart, masks, draws=draws, seed=seed), -1, 1).reshape(2, *shape)
    by_cluster = student_interval(difference, clustered, np.broadcast_to(units[:, None, None] - 1, shape))
    two_way = np.where(several[:, None], student_interval(difference, error, freedom), np.nan)
    alone = standard_error(apart, None, masks).reshape(shape)
    by_question[:, ~(alone > 0)] = np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        design_effect = (clustered / alone) ** 2
    return Figures(
        baseline=np.broadcast_to(means[:, :1], shape),
        other=means[:, 1:],
        by_question=by_question,
        by_cluster=by_cluster,
        two_way=two_way,
        error=error,
        freedom=freedom,
        cluster_share=share,
        p=clustered_p(difference, error, freedom, units[:, None, None].astype(np.int64)),
        p_by_question=_tests(apart.reshape(-1, *shape[1:]), masks, draws, seed, several),
        design_effect=design_effect,
        clusters=units.astype(np.int64),
        effective=effective,
        hypotheses=_hypotheses(apart, masks).reshape(shape),
    )


def joined(parts: Sequence[Figures]) -> Figures:
    """The figures of several baselines over the same groups as those of one list of pairs."""
    first = parts[0]
    if len(parts) == 1:
        return first
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts], axis=getattr(first, name).ndim - 2)
        for name in (*_OF_PAIRS, "by_question", "by_cluster", "two_way")
    }
    offsets = np.cumsum([0, *(part.hypotheses.max() + 1 for part in parts)])
    asked = [part.hypotheses + offset for part, offset in zip(parts, offsets, strict=False)]
    return replace(first, **columns, hypotheses=np.concatenate(asked, axis=1))


_OF_PAIRS = ("baseline", "other", "error", "freedom", "cluster_share", "p", "p_by_question", "design_effect")


def _means(of_seeds: Sequence[Float64], masks: Bool) -> Float64:
    sums = masks.astype(np.float64) @ np.concatenate(of_seeds).T
    means: Float64 = (sums / masks.sum(axis=1)[:, None]).reshape(len(masks), len(of_seeds), -1)
    return means


def _two_way_errors(scores: Sequence[Float64], several: Bool, clusters: Int64, masks: Bool) -> Float64:
    """float64[3, g, pairs of several seeds, m]: standard errors over seeds and clusters, freedom, share of clusters."""
    found = [
        [two_way_error(scores[0][:, m], scores[k + 1][:, m], clusters, masks) for m in range(scores[0].shape[1])]
        for k in np.flatnonzero(several).tolist()
    ]
    return np.moveaxis(np.array(found), (0, 1), (2, 3))


def _hypotheses(apart: Float64, masks: Bool) -> Int64:
    """int64[g, columns]: numbers for which two are equal where the questions and all their differences are."""
    known: dict[tuple[bytes, bytes], int] = {}
    columns = np.ascontiguousarray(apart.T)
    asked = [[(mask.tobytes(), column[mask].tobytes()) for column in columns] for mask in masks]
    return np.array([[known.setdefault(key, len(known)) for key in row] for row in asked], np.int64)


def _tests(apart: Float64, masks: Bool, draws: int, seed: int, several: Bool) -> Float64:
    """float64[g, k, m]: McNemar's test for scores of 0 and 1 of pairs of one seed each; else randomisation."""
    flat = apart.reshape(len(apart), -1)
    binary = np.isin(flat, (-1.0, 0.0, 1.0)).all(axis=0) & ~np.repeat(several, apart.shape[2])
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
