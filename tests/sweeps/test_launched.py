"""What a sweep does with a launcher: a plugin that notes what it is asked, and says of jobs what it is told to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import qatk
from qatk.errors import QatkError, UsageError
from qatk.plugins.host import PluginHost
from qatk.sweeps.events import Failed, RunEvent
from qatk.sweeps.overrides import parse_over
from qatk.sweeps.plan import Planned, plan
from qatk.sweeps.sweep import launched
from small import write_recipe

NOTING = """
import json
from pathlib import Path
from qatk.api import Component, JobState, Options, hookimpl


class NotingOptions(Options):
    log: str = ""
    places: int = 2
    events: str = ""
    record: str = ""


class Noting:
    def __init__(self, options):
        self.options = options

    def note(self, *said):
        with Path(self.options.log).open("a") as file:
            file.write(json.dumps(said) + chr(10))

    def connect(self):
        return self.options.places

    def submit(self, jobs):
        self.note("submit", *(job.name for job in jobs))
        for job in jobs:
            Path(job.environment["QATK_EVENTS"]).write_text(self.options.events)
            job.log.write_text("last words")
        return [job.name for job in jobs]

    def states(self, ids):
        if ids and self.options.record:
            Path(self.options.record).write_text(json.dumps({"launcher": "noting", "id": "another"}))
        return [JobState("ended", -9) for _ in ids]

    def cancel(self, ids):
        self.note("cancel", *ids)

    def close(self):
        self.note("close")


@hookimpl
def qatk_launchers():
    return [Component("noting", f"{__name__}:Noting", NotingOptions, "notes what it is asked")]
"""


@pytest.fixture
def noting(tmp_path: Path) -> PluginHost:
    (tmp_path / "noting.py").write_text(NOTING)
    return PluginHost.discover(files=[str(tmp_path / "noting.py")], environ={})


def execute(host: PluginHost, runs: list[Planned], folder: Path, **options: object) -> Iterator[RunEvent]:
    return launched({"use": "noting", "log": str(folder / "asked"), **options}, host).execute(runs)


def asked(folder: Path) -> list[list[str]]:
    return [json.loads(line) for line in (folder / "asked").read_text().splitlines()]


def planned(folder: Path, host: PluginHost) -> list[Planned]:
    recipe = write_recipe(folder, train=16, dev=8)
    return plan([recipe], [parse_over("backbone.layers=1,2")], None, host=host, out=folder / "made")


def test_jobs_that_cannot_be_noted_are_cancelled(tmp_path: Path, noting: PluginHost) -> None:
    runs = planned(tmp_path, noting)
    runs[1].folder.with_name(f"{runs[1].folder.name}.job.json").mkdir(parents=True)
    with pytest.raises(QatkError):
        list(execute(noting, runs, tmp_path))
    names = [run.folder.name for run in runs]
    assert asked(tmp_path) == [["submit", *names], ["cancel", *names], ["close"]]


def test_a_job_that_went_on_is_not_explained_by_what_stopped_it_before(tmp_path: Path, noting: PluginHost) -> None:
    events = [{"event": "failed", "message": "stopped by SIGUSR1"}, {"event": "stage", "stage": "train"}]
    lines = "".join(json.dumps(event) + "\n" for event in events)
    found = list(execute(noting, planned(tmp_path, noting)[:1], tmp_path, events=lines))
    [failed] = [event for event in found if isinstance(event, Failed)]
    assert failed.message.startswith("last words (killed by SIGKILL")


def test_the_record_of_a_job_that_another_sweep_began_stays(tmp_path: Path, noting: PluginHost) -> None:
    run = planned(tmp_path, noting)[0]
    record, events = (run.folder.with_name(f"{run.folder.name}.{kind}") for kind in ("job.json", "events"))
    assert isinstance([*execute(noting, [run], tmp_path, record=str(record))][-1], Failed)
    assert (json.loads(record.read_text())["id"], events.exists()) == ("another", True)
    record.unlink()
    list(execute(noting, [run], tmp_path))
    assert (record.exists(), events.exists()) == (False, False)


def test_a_recipe_names_the_launcher_even_if_it_lacks_what_is_varied(tmp_path: Path, noting: PluginHost) -> None:
    recipe = write_recipe(tmp_path, train=16, dev=8, use="distil")
    over, settings = {"trainer.teacher": ["a", "b"]}, [f"launcher={{use: noting, log: {tmp_path / 'asked'}}}"]
    with pytest.raises(QatkError, match="2 of 2 runs failed: a, seed 13; b, seed 13"):
        qatk.compare(recipe, over=over, settings=settings, out=tmp_path / "made", host=noting)
    assert [said[0] for said in asked(tmp_path)] == ["submit", "close"]


def test_a_launcher_must_be_named_and_have_a_place(tmp_path: Path, noting: PluginHost) -> None:
    with pytest.raises(UsageError, match="names no launcher"):
        launched({"jobs": 2}, noting)
    with pytest.raises(ValueError, match="it takes 0 jobs at a time, expected 1 or more, or None"):
        list(execute(noting, planned(tmp_path, noting), tmp_path, places=0))
