"""Bookkeeping of a run: stages that are timed and remembered, trackers that cannot stop it."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from qatk.progress import advance
from qatk.run_folder.folder import RunFolder


class Stages:
    """The stages that this execution ran, kept in the folder's manifest.

    Attributes:
        executed: names of the stages that were completed now, not in an earlier execution.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.executed: list[str] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[dict[str, float]]:
        """Time a stage. What the block counts in the dict, and that it was completed, goes into the manifest."""
        counts: dict[str, float] = {}
        advance(name, 0)
        began = time.perf_counter()
        yield counts
        seconds = time.perf_counter() - began
        manifest = self.folder.manifest
        if name == "data" and name in manifest["stages"]:
            return
        self.executed.append(name)
        manifest["stages"][name] = {"seconds": seconds, "counts": counts}
        manifest["peak_memory_bytes"] = max(peak_memory(), manifest.get("peak_memory_bytes", 0))
        self.folder.save()

    def skip(self, *names: str) -> None:
        """Say of the stages that were completed by an earlier execution that they are skipped."""
        for name in names:
            if self.folder.done(name):
                advance(f"{name}: done earlier, skipped", 0)


def peak_memory() -> int:
    """The most memory that this process has held so far, in bytes of resident set."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
