"""Whether a system is no worse than the baseline, up to a margin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from qatk.display.numbers import p_value
from qatk.results.comparison import Difference, Margin, Pair, System
from qatk.statistics.significance import holm
from qatk.statistics.student import student_p

ONE_SIDED = 0.025
"""The level of a one-sided claim: that of a two-sided 95 % interval."""


def with_margins(pairs: Sequence[Pair], systems: Sequence[System], margin: float) -> list[Pair]:
    """The pairs, each with what can be said of F1 over all questions by a margin; it is added to the verdict.

    "No worse" is a one-sided test that the difference is above minus the margin, at 0.025, with the error and the
    degrees of freedom of the difference and Holm's correction over the pairs; "the same" asks for both sides
    (Schuirmann 1987).

    Args:
        pairs: of a comparison.
        systems: that they are of.
        margin: in points of F1, above 0.
    """
    of = [pair.headline for pair in pairs]
    lower, upper = (holm(np.array([_one_sided(sign * d.difference + margin, d) for d in of])) for sign in (1, -1))
    return [
        _with_margin(pair, systems, Margin(margin, p, q, p < ONE_SIDED, max(p, q) < ONE_SIDED), len(pairs))
        for pair, p, q in zip(pairs, lower.tolist(), upper.tolist(), strict=True)
    ]


def _one_sided(above: float, d: Difference) -> float:
    """P of so large a value, or a larger one, were the true one 0."""
    if math.isnan(d.error) or d.cluster_count < 2:
        return 1.0
    if d.error == 0:
        return math.pow(2.0, -d.cluster_count) if above > 0 else 1.0
    p = student_p(above / d.error, d.freedom) / 2
    return p if above > 0 else 1 - p


def _with_margin(pair: Pair, systems: Sequence[System], found: Margin, pairs: int) -> Pair:
    baseline, other = systems[pair.baseline].name, systems[pair.other].name
    by = f"by a margin of {found.margin:g} F1"
    p = found.p_no_worse
    if found.same:
        said, p = f"{other} and {baseline} are the same {by}", max(p, found.p_no_better)
    elif found.no_worse:
        said = f"{other} is no worse than {baseline} {by}"
    else:
        said = f"It is not shown that {other} is no worse than {baseline} {by}"
    known = f"p {p_value(p)}" if pairs == 1 else f"Holm p {p_value(p)} over {pairs} pairs"
    return replace(pair, margin=found, verdict=f"{pair.verdict} {said} ({known}).")
