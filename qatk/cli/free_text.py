"""What ``--align`` adds to commands: free-text answers, and how they stand in their contexts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from rich.console import Console
from rich.text import Text

from qatk.cli.shared import json_keys
from qatk.display.graphemes import shortened
from qatk.display.numbers import METRICS
from qatk.display.tables import plain_table
from qatk.display.text import printable
from qatk.errors import UsageError
from qatk.evaluation.free_text import ALIGNMENT, Aligner
from qatk.results.evaluation import Evaluation

LONGEST = 25
"""Characters of an answer shown, at most."""


def aligner_of(align: bool, fuzzy: float, abstentions: Sequence[str]) -> Aligner | None:
    """The aligner that the options ask for, if any.

    Raises:
        UsageError: for texts that mean no answer without ``--align``; if rapidfuzz is needed and not installed.
    """
    if align:
        return Aligner(fuzzy or None, abstentions)
    if abstentions:
        raise UsageError("--abstention goes with --align", fix="add --align, or leave it out")
    return None


def alignment_counts(evaluation: Evaluation) -> dict[str, dict[str, int]]:
    """The number of answers of each kind of alignment, for JSON; nothing where none were aligned."""
    masks = evaluation.masks.get(ALIGNMENT)
    return {} if masks is None else {ALIGNMENT: json_keys({name: int(rows.sum()) for name, rows in masks.items()})}


def show_alignment(console: Console, evaluation: Evaluation, costs: Mapping[str, float]) -> None:
    """A row for each kind of alignment: questions, share, EM, F1 and the first such answer; then what answers cost."""
    table = plain_table(
        "", "questions", "share", *METRICS.values(), "such as", title="How answers stand in their contexts"
    )
    table.columns[-1].justify = "left"
    given = sum(rows.sum() for rows in evaluation.masks[ALIGNMENT].values())
    for name, rows in evaluation.masks[ALIGNMENT].items():
        means = [f"{100 * evaluation.per_question[key][rows].mean():.2f}" if rows.any() else "" for key in METRICS]
        first = evaluation.predictions.text[int(np.argmax(rows))] if rows.any() else ""
        share = f"{100 * rows.sum() / given:.1f} %" if given else ""
        table.add_row(name, f"{rows.sum():,}", share, *means, Text(printable(shortened(first, LONGEST))))
    console.print()
    console.print(table)
    if said := [f"{word} {costs[name]:,.2f}{unit}" for name, word, unit in _COSTS if name in costs]:
        console.print(f"A thousand questions {' and '.join(said)}.", style="dim", soft_wrap=True)


_COSTS = (("seconds_per_1000", "take", " s"), ("cost_per_1000", "cost", ""))
