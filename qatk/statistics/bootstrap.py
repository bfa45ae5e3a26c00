"""Paired bootstrap intervals of differences, by question."""

from __future__ import annotations

import numpy as np

from qatk.statistics.resampling import percentile_interval, reach, resampled_means
from qatk.statistics.significance import DRAWS, SEED, as_groups
from qatk.types import Bool, Float64


def paired_bootstrap(
    differences: Float64, masks: Bool | None = None, *, draws: int = DRAWS, seed: int = SEED
) -> Float64:
    """95 % intervals of mean differences: both systems are scored anew on questions drawn with replacement.

    The paired bootstrap of Koehn (2004) with percentile intervals, expanded for few questions, see
    :func:`qatk.statistics.resampling.reach`. It takes questions for independent; where those of an article are easy or
    hard together, :func:`qatk.statistics.significance.student_interval` with errors by cluster is the one to read.

    Args:
        differences: [n, m], other minus baseline.
        masks: [g, n], the groups of questions; ``None`` is one group of all. The mean of a group is over those of its
            questions that were drawn.
        draws: how often both are scored anew.
        seed: of the draws.

    Returns:
        float64[2, g, m], low and high, in the unit of the differences; NaN where a group has fewer than two questions.
    """
    masks = as_groups(masks, len(differences))
    reaches = np.array([reach(size) for size in masks.sum(axis=1).tolist()])
    drawn = resampled_means(differences, masks, draws, seed)
    return np.concatenate([percentile_interval(means, reaches[part]) for part, means in drawn], axis=1)
