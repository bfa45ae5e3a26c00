"""Promises of reporters: see :class:`qatk.api.Reporter`."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from qatk.results.run import RunResult
from qatk.testing.inputs.folders import fill_run_folder, spoiled, visitors_in
from qatk.testing.inputs.questions import result
from qatk.testing.inputs.snapshots import unchanged
from qatk.testing.limits import capturing
from qatk.testing.promise import Subject, expect, given, promise


def _results(subject: Subject) -> list[tuple[str, RunResult]]:
    """Runs that a report must be able to show."""
    full = result(subject.host)
    predictions = full.evaluation.predictions
    nan = np.full(len(predictions), np.nan, np.float32)
    no_scores = replace(predictions, score=nan, null_score=nan, nbest=None)
    bare = replace(full.evaluation, predictions=no_scores, masks={})
    return [
        ("a finished run", full),
        ("a run without training", result(subject.host, trained=False)),
        ("predictions without scores, n-best and slices", replace(full, evaluation=bare, events=[], stages=[])),
    ]


def _report(subject: Subject, one: RunResult, folder: Path | None, *, quiet: bool = False) -> str:
    from rich.console import Console

    shown = io.StringIO()
    subject.build().report(one, folder, Console(file=shown, width=100, quiet=quiet))
    return shown.getvalue()


@promise("any finished run can be reported, to the console or to a folder")
def reports_any_run(subject: Subject) -> None:
    """Without training, without scores, with texts that look like markup."""
    for name, one in _results(subject):
        with given(name), TemporaryDirectory() as folder:
            shown = _report(subject, one, Path(folder))
            expect(shown or any(Path(folder).iterdir()), "it printed nothing and wrote nothing")


@promise("it writes files only into the given folder, and none if there is no folder")
def writes_where_it_may(subject: Subject) -> None:
    """The working directory stays as it is."""
    for name, one in _results(subject)[:1]:
        with given(name), TemporaryDirectory() as folder:
            with visitors_in() as strangers:
                _report(subject, one, Path(folder))
            expect(not strangers, f"it wrote {', '.join(strangers)} into the working directory")
        with given(f"{name}, out_dir None"):
            with visitors_in() as strangers:
                _report(subject, one, None)
            expect(not strangers, f"it wrote {', '.join(strangers)} into the working directory")


@promise("the run's own files are not changed")
def leaves_the_run_alone(subject: Subject) -> None:
    """Manifest, figures, predictions and model: later commands read them. It gets copies here."""
    for name, one in _results(subject):
        with given(name), TemporaryDirectory() as folder:
            before = fill_run_folder(Path(folder), one)
            _report(subject, replace(one, folder=Path(folder)), Path(folder))
            expect(not (names := spoiled(before, Path(folder))), f"{names} changed")


@promise("it prints only to the given console, and therefore nothing if that is quiet")
def prints_where_it_may(subject: Subject) -> None:
    """``--json`` gives reporters a quiet console, and standard output to whoever reads the JSON."""
    for name, one in _results(subject):
        with given(f"{name}, a quiet console"), TemporaryDirectory() as folder:
            shown = _report(subject, one, Path(folder), quiet=True)
            expect(not shown, f"it wrote {shown[:60]!r} without using the console")
        with given(name), TemporaryDirectory() as folder, capturing() as printed:
            _report(subject, one, Path(folder))
        expect(not printed.text, f"it wrote {printed.text[:60]!r} to standard output")


@promise("the result is not changed, and the same result gives the same report")
def is_deterministic(subject: Subject) -> None:
    """Several reporters get the same object."""
    for name, one in _results(subject):
        with given(name), unchanged(one, one.evaluation):
            texts = [_report(subject, one, None) for _ in range(2)]
            expect(texts[0] == texts[1], "the second report differs")
