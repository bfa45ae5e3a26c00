"""The file by which a run reports to its sweep: real processes, lines as they come, and what a lost end looks like."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from commands import call, forked_python
from qatk.errors import DataError
from qatk.plugins.host import PluginHost
from qatk.progress import advance
from qatk.sweeps.channel import VARIABLE, read_event, reporting
from qatk.sweeps.events import Advanced, EpochEnded, Failed, StageBegun
from qatk.sweeps.overrides import parse_over
from qatk.sweeps.plan import Planned, plan
from qatk.sweeps.sweep import launched
from small import write_recipe


def test_lines_become_events(tmp_path: Path, host: PluginHost) -> None:
    [run, _] = planned(tmp_path, host)
    line = json.dumps({"event": "progress", "what": "training", "done": 3, "total": 9})
    assert read_event(run, line) == Advanced(run, "training", 3, 9)
    assert read_event(run, '{"event": "epoch", "epoch": 1.0, "metrics": {"f1": 50.0}}') == EpochEnded(
        run, 1.0, {"f1": 50.0}
    )
    for cut in (line[:-1], "", "[]", '{"event": "unheard-of"}', '{"event": "stage"}'):
        assert read_event(run, cut) is None


def test_a_file_that_cannot_be_written_is_misuse(tmp_path: Path) -> None:
    write_recipe(tmp_path)
    done = call("qatk", "run", "recipe.yaml", cwd=tmp_path, **{VARIABLE: "gone/events"})
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {VARIABLE}: gone/events cannot be written: No such file or directory")


def test_what_cannot_be_sent_is_lost_and_the_run_goes_on() -> None:
    with reporting({VARIABLE: "/dev/full"}) as finished:
        assert finished is not None
        advance("train", 0)
        finished({"f1": 50.0})
    with pytest.raises(DataError, match="the real reason"), reporting({VARIABLE: "/dev/full"}):
        raise DataError("the real reason")


def test_a_run_that_is_killed_is_told_with_the_signal(
    tmp_path: Path, host: PluginHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", forked_python())
    runs = planned(tmp_path, host, epochs=500)
    executor = launched(None, host)
    events = executor.execute(runs[:1])
    for event in events:
        if isinstance(event, StageBegun) and event.stage == "train":
            children = [
                int(pid)
                for task in Path("/proc/self/task").iterdir()
                for pid in (task / "children").read_text().split()
                if b"\0qatk\0run\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
            ]
            assert children
            for pid in children:
                os.kill(pid, 9)
        elif isinstance(event, Failed):
            assert "killed by SIGKILL" in event.message
            break
    else:
        pytest.fail("the run did not fail")


def planned(folder: Path, host: PluginHost, epochs: int = 1) -> list[Planned]:
    recipe = write_recipe(folder, train=16, dev=8, epochs=epochs)
    return plan([recipe], [parse_over("backbone.layers=1,2")], None, host=host, out=folder / "made")
