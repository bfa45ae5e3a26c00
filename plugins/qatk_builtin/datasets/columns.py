"""Options of datasets that name further columns."""

from __future__ import annotations

from typing import TypeVar

from qatk.api import Options
from qatk.types import ALL_COLUMNS

Chosen = TypeVar("Chosen", bound=Options)


def with_all(options: Chosen) -> Chosen:
    """Options that read all further columns, unless they name some."""
    return options.model_copy(update={"columns": getattr(options, "columns", None) or [ALL_COLUMNS]})
