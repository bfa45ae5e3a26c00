"""Optional protocols of those that look on: reporters and trackers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from rich.console import Console

    from qatk.results.comparison import Comparison


@runtime_checkable
class ComparisonReporter(Protocol):
    """Optional, for reporters: show the result of ``qatk compare``."""

    def compare(self, comparison: Comparison, file: Path | None, console: Console, *, show: int) -> None:
        """Show a comparison.

        Args:
            comparison: the result.
            file: the file to write; ``None`` means: print to the console.
            console: where to print.
            show: the number of examples to show of each sort.
        """
        ...


@runtime_checkable
class EndingTracker(Protocol):
    """Optional, for trackers: hears of a run that ends before it is scored, and may go on later."""

    def abandon(self, failed: bool, why: str) -> None:
        """Called once in place of :meth:`Tracker.finish`.

        Args:
            failed: whether an error ended it; otherwise it was stopped.
            why: the message of the error, or of what stopped it; it may be empty.
        """
        ...
