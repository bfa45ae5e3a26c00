"""Whether null thresholds of some articles serve others."""

from __future__ import annotations

import numpy as np

from qatk.calibration.calibrate import Calibration, distinct_halves
from qatk.types import Examples

LOST = 2.0
"""Points of F1 below those of threshold 0, from which on held-out thresholds are said to mislead."""


def misleading(found: Calibration, examples: Examples) -> str | None:
    """What held-out thresholds cost and why, in words.

    ``None`` where they cost less than :data:`LOST`, or where the halves have about equal shares of questions without
    an answer: closer to each other than two standard errors of halves that are drawn question by question.
    """
    gain = found.held_out["f1"]["mean"] - found.at_zero["f1"]
    if gain > -LOST:
        return None
    unanswerable, kind = ~examples.has_answer, found.clusters.kind
    ways = distinct_halves(found.clusters.index, len(found.splits), found.seed)
    apart = float(np.mean([abs(unanswerable[half].mean() - unanswerable[~half].mean()) for half in ways]))
    if apart < 4 * unanswerable.std() / np.sqrt(len(examples)):
        return None
    return (
        f"thresholds that were fitted on other {kind}s change F1 by {gain:+.1f} against threshold 0: halves of the "
        f"{kind}s differ by {100 * apart:.0f} points in the share of questions without an answer"
    )
