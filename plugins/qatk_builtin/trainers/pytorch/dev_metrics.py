"""Figures on dev windows that need scores and targets, but no decoder."""

from __future__ import annotations

import numpy as np

from qatk.api import Features, SpanScores
from qatk.types import Float32, Int32


def dev_metrics(features: Features, scores: SpanScores) -> dict[str, float]:
    """``dev_loss`` and the share of windows whose best start, best end, and both, are the target.

    The loss is the mean over windows of the cross entropies of start and end, halved. Heads that score whole
    spans, and windows without targets, give nothing.
    """
    starts, ends = features.start_target, features.end_target
    if scores.start is None or scores.end is None or starts is None or ends is None or not len(features):
        return {}
    start_loss, start_right = _judge(features, scores.start, starts)
    end_loss, end_right = _judge(features, scores.end, ends)
    return {
        "dev_loss": float((start_loss + end_loss).mean() / 2),
        "start_accuracy": float(start_right.mean()),
        "end_accuracy": float(end_right.mean()),
        "both_accuracy": float((start_right & end_right).mean()),
    }


def _judge(features: Features, scores: Float32, target: Int32) -> tuple[np.ndarray, np.ndarray]:
    """Cross entropy of each window, and whether the target has the best score in it."""
    begin = features.token_offsets[:-1]
    best = np.maximum.reduceat(scores, begin)
    # The logarithm of a sum of exponentials, from the best score down so that none overflows; windows are never empty.
    mass = np.add.reduceat(np.exp(scores.astype(np.float64) - np.repeat(best, features.lengths)), begin)
    at_target = scores[begin + target]
    return np.log(mass) + best - at_target, at_target == best
