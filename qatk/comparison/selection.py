"""Which questions of a comparison to show: those of a slice, those that a pattern finds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from qatk.errors import UsageError, suggest
from qatk.results.comparison import Comparison
from qatk.types import Bool, Predictions


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
    known = {_without_blanks(group): names for group, names in comparison.slice_names.items()}
    if (wanted := _without_blanks(text)) in known:
        slicer, name = known[wanted]
        return comparison.masks[slicer][name]
    listed = "; ".join(f"{slicer}: {', '.join(groups)}" for slicer, groups in comparison.masks.items())
    raise UsageError(
        f"--slice: there is no {text!r}", fix=suggest(text, comparison.slice_names, f"there are: {listed or 'none'}")
    )


def _without_blanks(group: str) -> str:
    """The name of a slice without blanks around its colons, which may be written or not."""
    return ":".join(part.strip() for part in group.split(":"))


def compile_pattern(text: str) -> re.Pattern[str]:
    """A regular expression that ignores case.

    Raises:
        UsageError: where it is none.
    """
    try:
        return re.compile(text, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(f"--grep {text}: no regular expression: {error}", fix=r"write \( \[ \? for ( [ ?") from None


def matching(comparison: Comparison, pattern: re.Pattern[str]) -> Bool:
    """bool[n]: found in the id, the question, a gold answer, or a system's (first) answer; not in the context."""
    examples = comparison.examples
    answers = [texts_of(system.evaluation.predictions) for system in comparison.systems]
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


def texts_of(predictions: Predictions) -> Sequence[str]:
    """The answers as texts, those of several spans one after the other."""
    if predictions.several is None:
        return predictions.text
    return ["; ".join(span.text for span in predictions.spans(row)) for row in range(len(predictions))]
