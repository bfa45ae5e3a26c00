"""The page: one HTML file with charts and all questions, which opens from disk and asks no network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qatk.api import RunResult
from qatk.files import write_atomically
from qatk.results import Comparison, System


def write_page(
    path: Path,
    systems: Sequence[System],
    comparison: Comparison | None = None,
    run: RunResult | None = None,
    *,
    questions: int,
) -> None:
    """Write the page of a run, or of a comparison.

    Args:
        path: the file to write, whole or not at all.
        systems: one for a run; those of the comparison.
        comparison: of these systems, where there are several.
        run: what was run, for a page of one system.
        questions: how many to hold; of more, those that some system has wrong come first.

    Raises:
        StorageError: where the file cannot be written.
    """
    from qatk_builtin.reporters.html.document import page_text

    write_atomically(path, page_text(systems, comparison, run, questions))
