"""Bookkeeping of a run: stages that are timed and remembered."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from qatk.memory import peak_memory
from qatk.progress import advance
from qatk.run_folder.folder import RunFolder
from qatk.run_folder.manifest import StageRecord


@dataclass
class Counts:
    """What a stage counts: as a whole, and by group (a split, or ``out_of_reach`` by reason)."""

    whole: dict[str, float] = field(default_factory=dict)
    groups: dict[str, dict[str, float]] = field(default_factory=dict)


class Stages:
    """The stages that this execution ran, kept in the folder's manifest.

    Attributes:
        executed: names of the stages that were completed now, not in an earlier execution.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.executed: list[str] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[Counts]:
        """Time a stage. What the block counts, and that it was completed, goes into the manifest."""
        counts = Counts()
        advance(name, 0)
        began = self.folder.begin(name)
        yield counts
        seconds = time.perf_counter() - began
        if name == "data" and self.folder.done(name):
            stages = self.folder.manifest.stages
            groups = {**stages[name].groups, **counts.groups}
            self.folder.update(stages={**stages, name: stages[name].model_copy(update={"groups": groups})})
            return
        self.executed.append(name)
        self.folder.update(peak_memory_bytes=max(peak_memory(), self.folder.manifest.peak_memory_bytes))
        groups = {**self._groups_before(name), **counts.groups}
        self.folder.complete(name, StageRecord(seconds=seconds, counts=counts.whole, groups=groups))

    def _groups_before(self, name: str) -> Mapping[str, Mapping[str, float]]:
        """What an earlier execution counted; a resumed run makes no windows for a training that is done."""
        record = self.folder.manifest.stages.get(name)
        return {} if record is None else record.groups

    def skip(self, *names: str) -> None:
        """Say of the stages that were completed by an earlier execution that they are skipped."""
        for name in names:
            if self.folder.done(name):
                advance(f"{name}: done earlier, skipped", 0)
