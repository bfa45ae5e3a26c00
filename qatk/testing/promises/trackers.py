"""Promises of trackers: see :class:`qatk.api.Tracker`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from qatk.testing.inputs.folders import fill_run_folder, spoiled, visitors_in
from qatk.testing.inputs.questions import events, manifest, result
from qatk.testing.promise import Subject, expect, given, promise
from qatk.types import TrainEvent

SECONDS = 2.0
"""A tracker that holds a run up for longer, over a handful of events, is not worth its run."""


def _follow(subject: Subject, folder: Path, told: Sequence[TrainEvent]) -> float:
    """How many seconds it took to tell a new tracker of a run."""
    tracker, about, finished = subject.build(), manifest(subject.host), result(subject.host, folder)
    began = time.perf_counter()
    tracker.start(about, folder)
    for event in told:
        tracker.event(event)
    tracker.finish(finished)
    return time.perf_counter() - began


@promise("it follows a run from start to finish, even without training and with NaN figures")
def follows_any_run(subject: Subject) -> None:
    """``event`` may never be called; a metric may be NaN."""
    for name, told in (("a run of two epochs, one figure NaN", events()), ("a run without training", [])):
        with given(name), TemporaryDirectory() as folder:
            _follow(subject, Path(folder), told)


@promise("it writes files only into the run folder")
def writes_where_it_may(subject: Subject) -> None:
    """The working directory stays as it is."""
    with given("a run of two epochs"), TemporaryDirectory() as folder:
        with visitors_in() as strangers:
            _follow(subject, Path(folder), events())
        expect(not strangers, f"it wrote {', '.join(strangers)} into the working directory")


@promise("the run's own files are not changed")
def leaves_the_run_alone(subject: Subject) -> None:
    """Manifest, figures, predictions and model: later commands read them. It gets copies here."""
    with given("a run of two epochs"), TemporaryDirectory() as folder:
        before = fill_run_folder(Path(folder), result(subject.host, Path(folder)))
        _follow(subject, Path(folder), events())
        expect(not (names := spoiled(before, Path(folder))), f"{names} changed")


@promise("it can follow a resumed run into the same folder")
def goes_on_after_a_stop(subject: Subject) -> None:
    """``start`` comes again, in another process; ``finish`` never came."""
    with given("a run that stopped after three events and was then resumed"), TemporaryDirectory() as folder:
        tracker = subject.build()
        tracker.start(manifest(subject.host), Path(folder))
        for event in events()[:3]:
            tracker.event(event)
        _follow(subject, Path(folder), events())


@promise(f"it does not slow down a run: less than {SECONDS:g} seconds for a few events")
def is_quick(subject: Subject) -> None:
    """It is called from the training loop."""
    with given("a run of six events"), TemporaryDirectory() as folder:
        seconds = _follow(subject, Path(folder), events())
        expect(seconds < SECONDS, f"{seconds:.1f} seconds")
