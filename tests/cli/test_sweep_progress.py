"""The table over the runs of a sweep, and its lines where there is no terminal."""

from __future__ import annotations

import time
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from commands import forked_python
from qatk.cli.sweep_progress import RunTable, show_sweep
from qatk.sweeps.events import Advanced, Begun, EpochEnded, Failed, Finished, Queued, Reused, StageBegun, Started
from qatk.sweeps.plan import Planned
from screen import screen, written_by
from small import write_recipe


def runs(folder: Path, count: int) -> list[Planned]:
    return [Planned(f"layers={i}", 13, folder / "r.yaml", (), None, folder / str(i), "") for i in range(count)]


def drawn(table: RunTable, height: int = 40, width: int = 80) -> list[str]:
    console = Console(file=StringIO(), width=width, height=height)
    console.print(table)
    assert isinstance(console.file, StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_every_run_has_its_state_epoch_figures_and_the_time_that_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, made = RunTable(), runs(tmp_path, 5)
    now = 1000.0
    monkeypatch.setattr(time, "time", lambda: now)
    table(Begun(made))
    table(Reused(made[0]))
    for run in made[1:4]:
        table(Started(run))
    table(StageBegun(made[1], "train"))
    table(Advanced(made[1], "training", 0, 40))
    now = 1060.0
    table(Advanced(made[1], "training", 10, 40))
    table(EpochEnded(made[1], 1.0, {"exact": 12.34, "f1": 23.45}))
    table(Finished(made[2], {"exact": 50.0, "f1": 60.0}))
    table(Failed(made[3], "it crashed"))
    table(Queued(made[4], "its node is lost"))
    lines = drawn(table)
    assert lines[0].split() == ["run", "state", "epoch", "EM", "F1", "left"]
    rows = [line.split() for line in lines[2:7]]
    assert rows[0][:4] == ["layers=0,", "seed", "13", "reused"]
    assert rows[1] == ["layers=1,", "seed", "13", "running", "train", "1", "12.3", "23.4", "3:00"]
    assert rows[2] == ["layers=2,", "seed", "13", "finished", "50.0", "60.0"]
    assert rows[3] == ["layers=3,", "seed", "13", "failed"]
    assert rows[4] == ["layers=4,", "seed", "13", "queued"]
    assert lines[7] == "5 runs, 1 failed, 1 finished, 1 queued, 1 reused, 1 running"


def test_a_low_terminal_shows_runs_at_work_first(tmp_path: Path) -> None:
    table, made = RunTable(), runs(tmp_path, 30)
    table(Begun(made))
    table(Started(made[25]))
    lines = drawn(table, height=10)
    assert len(lines) <= 10
    assert any("layers=25" in line for line in lines)
    assert lines[-1] == "30 runs, 1 running, 29 waiting, 24 not shown"


def test_nothing_to_make_shows_nothing() -> None:
    table = RunTable()
    table(Begun([]))
    assert drawn(table) == []


def test_lines_say_how_long_it_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # which makes no terminal of what is captured
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    [run] = runs(tmp_path, 1)
    with show_sweep() as show:
        show(Begun([run]))
        show(Queued(run, "its node is lost"))
        show(Started(run))
        show(StageBegun(run, "train"))
        show(Advanced(run, "training", 0, 4))
        now += 1.0
        show(Advanced(run, "training", 2, 4))
        show(EpochEnded(run, 1.0, {"exact": 1.0, "f1": 2.0}))
        show(Finished(run))
    assert capsys.readouterr().err.splitlines() == [
        "1 runs, 0 of them there already, 1 to make",
        "layers=0, seed 13: queued: its node is lost",
        "layers=0, seed 13: train",
        "layers=0, seed 13: epoch 1, EM 1.0, F1 2.0, 0:01 left",
        "layers=0, seed 13: finished",
    ]


def test_a_terminal_shows_the_table_while_runs_are_at_work_and_the_report_alone_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORKED_PYTHON", forked_python())
    write_recipe(tmp_path, train=48, dev=8, epochs=4)
    words = ["compare", "recipe.yaml", "--over", "backbone.layers=1,2", "--out", "made", "--draws", "1000"]
    written, code = written_by([forked_python(), "-m", "qatk", *words], cwd=tmp_path)
    lines = [line for line in screen(written) if line]
    assert code == 0, lines
    assert "2 runs, 1 running, 1 waiting" in written
    assert "running" in written
    assert lines[0] == "2 runs, 0 of them there already, 2 to make"
    assert lines[1].startswith("layers=1 against layers=2 ━")
