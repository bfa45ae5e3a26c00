"""What answers cost in time and money, as far as the file that holds them says so."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from qatk.errors import DataError
from qatk.evaluation.prediction_rows import ROWS
from qatk.files import ending, read_rows

COSTS: Mapping[str, str] = {"latency": "seconds_per_1000", "cost": "cost_per_1000"}
"""The columns of a row that say what its answer cost (in seconds; in a currency), and the figures made of them."""


def read_costs(path: Path) -> dict[str, float]:
    """The mean of each column of :data:`COSTS` over the rows that have it, for a thousand questions.

    Args:
        path: answers, a row each (JSON Lines or Parquet); other forms say nothing of costs.

    Raises:
        DataError: for a cost that is negative or no number.
        UsageError: if the file cannot be opened.
    """
    if ending(path) not in ROWS:
        return {}
    totals = dict.fromkeys(COSTS, (0, 0.0))
    for where, row in read_rows(path, tuple(COSTS)):
        for column, (rows, total) in totals.items():
            if isinstance(row, dict) and (value := row.get(column)) is not None:
                totals[column] = rows + 1, total + _cost(value, column, where)
    return {COSTS[column]: 1000 * total / rows for column, (rows, total) in totals.items() if rows}


def _cost(value: object, column: str, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise DataError(
            f"'{column}' is {str(value)[:60]!r}", where=where, fix="give a number of 0 or more, or leave it out"
        )
    return float(value)
