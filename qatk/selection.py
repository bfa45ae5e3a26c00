"""Which questions of a comparison to show: those of a slice, those that a pattern finds."""

from __future__ import annotations

import re
from dataclasses import replace
from difflib import get_close_matches

import numpy as np

from qatk.errors import UsageError
from qatk.results.comparison import Comparison
from qatk.types import Bool


def narrow(comparison: Comparison, rows: Bool, what: str) -> Comparison:
    """The same comparison, figures and all, with the wins, losses and questions both have wrong only of ``rows``.

    Args:
        comparison: to narrow.
        rows: bool[n].
        what: says which rows these are, after a noun: ``in question-word: who``.
    """
    pairs = [
        replace(
            pair,
            wins=pair.wins[rows[pair.wins]],
            losses=pair.losses[rows[pair.losses]],
            both_wrong=pair.both_wrong[rows[pair.both_wrong]],
        )
        for pair in comparison.pairs
    ]
    selection = ", ".join(part for part in (comparison.selection, what) if part)
    return replace(comparison, pairs=pairs, selection=selection)


def in_slice(comparison: Comparison, text: str) -> Bool:
    """bool[n] of a slice such as ``question-word: who``.

    Raises:
        UsageError: where there is no such slice, with those that there are.
    """
    slicer, _, name = (part.strip() for part in text.partition(":"))
    if name in (groups := comparison.masks.get(slicer, {})):
        return groups[name]
    known = [f"{slicer}: {name}" for slicer, groups in comparison.masks.items() for name in groups]
    near = get_close_matches(text, known, 1)
    listed = "; ".join(f"{slicer}: {', '.join(groups)}" for slicer, groups in comparison.masks.items())
    fix = f"did you mean {near[0]!r}?" if near else f"there are: {listed or 'none'}"
    raise UsageError(f"--slice: there is no {text!r}", fix=fix)


def compile_pattern(text: str) -> re.Pattern[str]:
    """A regular expression that ignores case.

    Raises:
        UsageError: where it is none.
    """
    try:
        return re.compile(text, re.IGNORECASE)
    except re.error as error:
        raise UsageError(f"--grep {text}: no regular expression: {error}", fix=r"write \( \[ \? for ( [ ?") from None


def matching(comparison: Comparison, pattern: re.Pattern[str]) -> Bool:
    """bool[n]: found in the id, the question, a gold answer, or a system's (first) answer; not in the context."""
    examples = comparison.examples
    answers = [system.evaluation.predictions.text for system in comparison.systems]
    found = (
        any(
            map(
                pattern.search,
                (examples.id[row], examples.question[row], *examples.answers_of(row), *(text[row] for text in answers)),
            )
        )
        for row in range(len(examples))
    )
    return np.fromiter(found, np.bool_, len(examples))
