"""The view of a run that goes on: at every width whole, and true to what it is told."""

from __future__ import annotations

import io
import math

import pytest
from rich.console import Console

from qatk.display.live import LiveView, Work, Works, sparkline

NAN = float("nan")


def view(epochs: int = 3, steps: int = 150) -> LiveView:
    found = LiveView("squad", lambda: 1_234_000_000)
    found.works = Works([Work("train", 0, None, 0, 1000.0), Work("training", 1234, 5000, 234, 1010.0)])
    for i in range(1, steps):
        rate = {"learning_rate": 3e-5, "examples_per_second": 23.61}
        found.events.append({"kind": "step", "loss": 5 * math.exp(-i / 30), "epoch": i / 50, **rate})
    for i in range(1, epochs + 1):
        metrics = {"exact": 50.0 + i, "f1": 60.0 + 2 * i - 9 * (i == 3)}
        found.events.append({"kind": "epoch", "epoch": float(i), "metrics": metrics})
    return found


def drawn(of: LiveView, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    with console.capture() as captured:
        console.print(of)
    return captured.get().splitlines()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_it_fits_every_width(width: int) -> None:
    lines = [line.plain for line in view().lines(width, now=1400.0)]
    assert max(map(len, lines)) <= width
    assert lines[0] == "squad"
    assert lines[1].split() == ["train", "6:40"]
    assert lines[2].startswith("training  ━")
    assert lines[2].endswith("1,234/5,000  6:30, 24:29 left")
    assert lines[3].endswith("  0.035")
    assert lines[4] == "epoch 2.98, 23.6 windows/s, rate 3.0e-05, memory 1.2 GB"
    assert [line.split()[:3] for line in lines[6:]] == [
        ["1", "51.0", "62.0"],
        ["2", "52.0", "64.0"],
        ["3", "53.0", "57.0"],
    ]
    assert [line.endswith("best") for line in lines[6:]] == [False, True, False]


def test_of_equal_epochs_the_first_is_best_and_notices_come_last() -> None:
    shown = view(0)
    shown.events += [{"kind": "epoch", "epoch": i, "metrics": {"exact": 1.0, "f1": 2.0}} for i in (1.0, 2.0)]
    shown.notices.append("stopping")
    lines = [line.plain for line in shown.lines(80, now=1400.0)]
    assert [line.endswith("best") for line in lines[-3:-1]] == [True, False]
    assert lines[-1] == "stopping"


def test_the_time_of_work_that_is_done_stands_still() -> None:
    shown = LiveView("")
    shown.works = Works([Work("read", 5000, None, 0, 1000.0), Work("cut", 8, 8, 0, 1010.0, ended=1013.0)])
    lines = [line.plain.split() for line in shown.lines(80, now=1400.0)]
    assert lines[0] == ["read", "5,000", "6:40"]
    assert lines[1][-2:] == ["8/8", "0:03"]
    works = Works()
    works.progress("cut", 1, 2)
    works.progress("cut", 2, 2)
    first = works.works["cut"].ended
    works.progress("cut", 2, 2)
    assert works.works["cut"].ended == first is not None
    assert Works.of(works.plain()).works == works.works
    works.progress("cut", 1, 2)
    assert works.works["cut"].ended is None


def test_a_narrow_console_cuts_lines_and_wraps_none() -> None:
    lines = drawn(view(), 40)
    assert len(lines) == len(drawn(view(), 120))
    assert max(map(len, lines)) <= 40


def test_what_is_not_known_yet_is_not_shown() -> None:
    begun = LiveView("squad")
    assert drawn(begun, 80) == ["squad"]
    begun.works.progress("data", 0, None)
    assert [line.split()[0] for line in drawn(begun, 80)] == ["squad", "data"]
    begun.events.append({"kind": "step", "loss": NAN, "epoch": 0.1, "learning_rate": 1e-5, "examples_per_second": NAN})
    assert drawn(begun, 80)[2:] == ["loss     -", "epoch 0.10, - windows/s, rate 1.0e-05"]
    begun.events.append({"kind": "epoch", "epoch": 1.0, "metrics": {"dev_loss": 2.0}})
    assert drawn(begun, 80)[5].split() == ["1", "-", "-", "─" * 40]


def test_only_the_last_epochs_are_shown() -> None:
    assert [line.split()[0] for line in drawn(view(epochs=30), 80)[6:]] == ["25", "26", "27", "28", "29", "30"]


@pytest.mark.parametrize(
    ("values", "width", "shown"),
    [
        ([1, 2, 3, 4, 5, 6, 7, 8], 8, "▁▂▃▄▅▆▇█"),
        ([8, 8, 1, 1], 2, "█▁"),
        ([3, 3, 3], 9, "▁▁▁"),
        ([1, NAN, 2], 9, "▁ █"),
        ([NAN], 9, " "),
        ([], 9, ""),
    ],
)
def test_a_sparkline(values: list[float], width: int, shown: str) -> None:
    assert sparkline(values, width) == shown


def test_a_stage_that_begins_ends_those_before_and_work_may_begin_again() -> None:
    works = Works()
    for told in (
        ("data", 0, None),
        ("train", 0, None),
        ("training", 5, 10),
        ("predicting", 9, 9),
        ("predicting", 2, 9),
    ):
        works.progress(*told)
    assert [(work.name, work.done, work.first) for work in works.works.values()] == [
        ("train", 0, 0),
        ("training", 5, 5),
        ("predicting", 2, 2),
    ]
    assert Works.of(works.plain()).plain() == works.plain()
    assert Works.of("damaged").plain() == Works.of([{"name": "x"}]).plain() == []
    assert works.works["training"].left(now=0.0) is None
    works.progress("predicting", 4, 50)
    assert works.works["predicting"].first == 4, "another set of questions"


def test_control_characters_are_not_drawn() -> None:
    harmful = LiveView("a\x1b[2Jb")
    harmful.works.progress("c\x1b[2Jd", 1, 2)
    assert "\x1b" not in "".join(drawn(harmful, 80))
