"""What is said of questions whose ``is_impossible`` and answers do not agree."""

from __future__ import annotations

from collections.abc import Sequence

from qatk.errors import DataWarning, counted, listed


def flags_differ(names: Sequence[str], where: str) -> DataWarning:
    """What is said of questions, by their names, whose ``is_impossible`` says other than their answers."""
    what = f"{counted(len(names), 'question')} whose is_impossible and answers differ; answers hold: {listed(names)}"
    return DataWarning(f"{where}: {what}")
