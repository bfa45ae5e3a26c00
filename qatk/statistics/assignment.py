"""Pairs of things, each in one pair at most, that are worth most together."""

from __future__ import annotations

import numpy as np

from qatk.types import Float64, Int64


def best_pairs(worth: Float64) -> tuple[Int64, Int64]:
    """The pairing of rows with columns whose sum is highest, by the Hungarian method in O(rows² columns).

    Kuhn 1955, with potentials and shortest augmenting paths (Jonker and Volgenant 1987).

    Args:
        worth: float64[rows, columns], finite.

    Returns:
        Two int64[min(rows, columns)]: the rows in rising order, and the column of each.
    """
    if worth.shape[0] > worth.shape[1]:
        columns, rows = best_pairs(worth.T)
        order = np.argsort(rows)
        return rows[order], columns[order]
    row_of = np.full(worth.shape[1] + 1, -1)  # the last column stands for a row that has none yet
    row_price, column_price = np.zeros(worth.shape[0]), np.zeros(worth.shape[1] + 1)
    for row in range(worth.shape[0]):
        _add(row, -worth, row_of, row_price, column_price)
    taken = np.flatnonzero(row_of[:-1] >= 0)
    # Sorting the columns by their rows gives the column of each row.
    return np.arange(worth.shape[0]), taken[np.argsort(row_of[taken])]


def _add(row: int, cost: Float64, row_of: Int64, row_price: Float64, column_price: Float64) -> None:
    """Find a column for one more row, moving others along the cheapest path of changes."""
    columns = cost.shape[1]
    least, before = np.full(columns, np.inf), np.full(columns, columns)
    seen = np.zeros(columns + 1, np.bool_)
    at, row_of[columns] = columns, row
    while row_of[at] >= 0:
        seen[at] = True
        open_columns = np.flatnonzero(~seen[:-1])
        here = cost[row_of[at], open_columns] - row_price[row_of[at]] - column_price[open_columns]
        nearer = here < least[open_columns]
        least[open_columns[nearer]], before[open_columns[nearer]] = here[nearer], at
        following = int(open_columns[np.argmin(least[open_columns])])
        step = least[following]
        row_price[row_of[seen]] += step
        column_price[seen] -= step
        least[open_columns] -= step
        at = following
    while at != columns:
        row_of[at] = row_of[before[at]]
        at = int(before[at])
