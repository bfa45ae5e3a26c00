"""What a run is at, noted in its lock, for ``qatk runs watch`` in another process."""

from __future__ import annotations

import time

from qatk.display.live import Works
from qatk.memory import peak_memory
from qatk.run_folder.lock import Lock

_EVERY_S = 0.5
"""Seconds between two notes; the beginning of a stage is always noted."""


class Noting:
    """A listener to the progress of a run."""

    def __init__(self, lock: Lock) -> None:
        self.lock, self.works, self.noted = lock, Works(), float("-inf")

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """Take note of progress."""
        self.works.progress(what, done, total)
        if total is None or time.monotonic() - self.noted >= _EVERY_S:
            self.noted = time.monotonic()
            self.lock.note({"works": self.works.plain(), "memory": peak_memory()})
