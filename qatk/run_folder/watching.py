"""A run of another process, looked at again and again: its lock says what it is at, its log how far it learnt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from qatk.display.numbers import headline
from qatk.errors import RunFolderError
from qatk.files import RUN_MARK, is_there, url_of
from qatk.run_folder.copies import glimpsed
from qatk.run_folder.event_log import read_events
from qatk.run_folder.listing import State, read_summary
from qatk.run_folder.lock import holder_of
from qatk.run_folder.remote import speaking_of
from qatk.types import TrainEvent


@dataclass(frozen=True)
class Sight:
    """A run as it stands.

    Attributes:
        name, state, metrics, why: as those of :class:`qatk.run_folder.listing.RunSummary`.
        noted: what its process is at, as :class:`qatk.run_folder.lock.Holder` has it.
        events: of its training so far.
    """

    name: str
    state: State
    metrics: Mapping[str, float] = field(default_factory=dict)
    why: str = ""
    noted: Mapping[str, object] = field(default_factory=dict)
    events: Sequence[TrainEvent] = ()

    @property
    def said(self) -> str:
        """How it stands in one line, such as ``finished: EM 70.0, F1 75.0``."""
        if self.state == "finished":
            figures = headline(self.metrics)
            return f"finished: {', '.join(figures)}" if figures else "finished"
        return f"{self.state}: {self.why}" if self.why else self.state


class Watched:
    """A run folder, of which only what changed is read again.

    Args:
        folder: of the run, or its URL.

    Attributes:
        every_s: seconds between two looks that suit it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self._url = folder, url_of(folder)
        self.every_s = 0.5 if self._url is None else 5.0
        self._events: Sequence[TrainEvent] = ()
        self._size = -1

    def look(self) -> Sight:
        """The run now.

        Raises:
            RunFolderError: it is no run folder, or damaged.
            StorageError: its URL cannot be reached.
        """
        if self._url is None:
            return self._look(self.folder)
        with glimpsed(self._url) as copy, speaking_of(self._url, copy):
            return self._look(copy)

    def _look(self, folder: Path) -> Sight:
        holder = holder_of(folder)
        if not is_there(folder / RUN_MARK):
            if holder is None or not holder.alive:
                fix = "qatk runs list FOLDER shows the runs there are"
                raise RunFolderError(f"{folder} is not a run folder: it has no {RUN_MARK}", fix=fix)
            return Sight(self.folder.name, "running", noted=holder.noted)  # it reads its data
        summary = read_summary(folder)
        noted = holder.noted if holder is not None and summary.state == "running" else {}
        return Sight(
            summary.name, summary.state, summary.metrics, summary.why, noted, self._log(folder / "events.jsonl")
        )

    def _log(self, path: Path) -> Sequence[TrainEvent]:
        size = path.stat().st_size if path.is_file() else 0
        if size != self._size:
            self._size, self._events = size, read_events(path)
        return self._events
