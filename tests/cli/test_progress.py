"""Progress where no terminal is: lines at every tenth of each piece of work, the time that is left, and dev figures."""

from __future__ import annotations

import time
from io import StringIO

import pytest
from rich.console import Console

from qatk.cli.progress import is_live, show_progress
from qatk.progress import advance, end_epoch


def test_each_piece_of_work_has_its_own_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    now = 1000.0
    monkeypatch.setattr(time, "time", lambda: now)
    with show_progress():
        advance("data", 0)
        for done in (4, 8):
            advance("predicting", done, 8)  # a rehearsal
        advance("train", 0)
        for done in (0, 2, 2, 40):
            now += 100.0
            advance("training", done, 40)
        for epoch in (1, 2):
            for done in (10, 11, 20):
                now += 60.0
                advance("predicting", done, 20)
            end_epoch(epoch, {"exact": 10.0 * epoch, "f1": 20.0 * epoch})
        advance("predicting", 30, 60)  # another set
    assert capsys.readouterr().err.splitlines() == [
        "data",
        "predicting: 4/8",
        "predicting: 8/8",
        "train",
        "training: 0/40",
        "training: 40/40",
        "predicting: 10/20",
        "predicting: 20/20",
        "epoch 1, EM 10.0, F1 20.0",
        "predicting: 10/20",
        "predicting: 20/20",
        "epoch 2, EM 20.0, F1 40.0",
        "predicting: 30/60",
    ]


def test_lines_say_how_long_it_takes(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "time", lambda: now)
    with show_progress():
        for done in (0, 25, 75, 0, 75):
            advance("training", done, 100)
            now += 3600.0 if done == 0 else 60.0
    assert capsys.readouterr().err.splitlines() == [
        "training: 0/100",
        "training: 25/100, 3 h 0 min left",
        "training: 75/100, 20 min left",
        "training: 0/100",
        "training: 75/100, 20 min left",
    ]


class Terminal(StringIO):
    """A stream that says that it is one."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environ", "live"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"FORCE_COLOR": "1"}, True),
        (StringIO(), {"FORCE_COLOR": "1"}, False),
        (StringIO(), {"TTY_COMPATIBLE": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
    ],
)
def test_what_is_redrawn_goes_to_terminals_alone(stream: StringIO, environ: dict[str, str], live: bool) -> None:
    assert is_live(Console(file=stream, _environ={"TERM": "xterm", **environ})) == live
