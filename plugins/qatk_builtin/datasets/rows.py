"""Rows of any source as examples, by the options that such datasets share."""

from __future__ import annotations

from collections.abc import Callable

from qatk.api import Examples
from qatk.data import BadAnswers, checked
from qatk.types import Rows
from qatk_builtin.datasets.table_options import Ambiguous

Place = Callable[[int], str]
"""Says where a row stands."""


def checked_rows(rows: Rows, ambiguous: Ambiguous, policy: BadAnswers, place: Place | None) -> Examples:
    """The examples of rows; without ``place`` rows are called by their ids.

    Raises:
        DataError: where a row cannot be read, or as :func:`qatk.data.strict`.
    """
    absent = (
        "bad_answers: fix looks for other blanks and case, skip leaves them out, keep scores them; "
        "`qatk data check FILE --fix OUT` also mends others, and shows what it does"
    )
    outside = "correct them, or leave them out (bad_answers: skip)"  # they have no text to keep
    refused = absent if policy == "error" else None, outside if policy in ("error", "keep") else None
    columns = rows.columns(ambiguous, if_absent=refused[0], if_outside=refused[1])
    examples = Examples(**columns)
    return checked(examples, policy, rows.where, examples.id.__getitem__ if "id" in rows.roles else place)
