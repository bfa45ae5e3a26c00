"""events.jsonl: strict JSON, whole lines, resumed runs."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from qatk.api import NoOptions, TrainEvent
from qatk.errors import RunFolderError
from qatk.files import append_json_line, mend_lines
from qatk.run_folder.event_log import read_events
from qatk_builtin.trackers.jsonl import JsonlTracker


def event(step: int, kind: str = "step", loss: float = 1.0) -> TrainEvent:
    return TrainEvent(kind, step, 20, step / 10, loss, 1e-4, 9.5, {"f1": 50.0} if kind == "epoch" else {})  # type: ignore[arg-type]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    tracker = JsonlTracker(NoOptions())
    tracker.start({"name": "r", "identity": {}}, tmp_path)
    tracker.event(event(10))
    tracker.event(event(10, "epoch"))
    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [line["kind"] for line in lines] == ["start", "step", "epoch"]
    events = read_events(tmp_path / "events.jsonl")
    assert [(e.kind, e.step, e.loss) for e in events] == [("step", 10, 1.0), ("epoch", 10, 1.0)]
    assert events[1].metrics == {"f1": 50.0}


def test_a_resumed_run_counts_the_later_event(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    for step, loss in ((5, 3.0), (10, 2.0), (15, 1.5), (10, 1.9), (15, 1.4)):
        append_json_line(log, event(step, loss=loss).plain())
    assert [(e.step, e.loss) for e in read_events(log)] == [(5, 3.0), (10, 1.9), (15, 1.4)]


def test_a_half_written_line_is_left_out_and_cut(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    append_json_line(log, event(5).plain())
    whole = log.read_bytes()
    log.write_bytes(whole + b'{"kind": "step", "st')
    assert [e.step for e in read_events(log)] == [5]
    mend_lines(log)
    assert log.read_bytes() == whole
    log.write_bytes(b'{"kind"')
    mend_lines(log)
    assert log.read_bytes() == b""


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_json_stays_strict(tmp_path: Path, loss: float) -> None:
    append_json_line(tmp_path / "e", event(1, loss=loss).plain())

    def refuse(token: str) -> None:
        raise AssertionError(token)

    json.loads((tmp_path / "e").read_text(), parse_constant=refuse)


def test_no_log_no_events(tmp_path: Path) -> None:
    assert read_events(tmp_path / "gone") == []


def test_a_line_cut_inside_a_character_is_left_out(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    append_json_line(log, event(5).plain())
    log.write_bytes(log.read_bytes() + '{"kind": "é'.encode()[:-1])
    assert [e.step for e in read_events(log)] == [5]


def test_only_line_feeds_end_lines(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    append_json_line(log, {"kind": "start", "name": "a\u2028b\x85c"})
    append_json_line(log, event(5).plain())
    assert [e.step for e in read_events(log)] == [5]


def test_what_was_not_finite_comes_back_as_a_number(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    append_json_line(
        log, replace(event(5, "epoch", float("nan")), metrics={"dev_loss": float("nan"), "f1": 1.0}).plain()
    )
    [back] = read_events(log)
    assert math.isnan(back.loss)
    assert math.isnan(back.metrics["dev_loss"])
    assert back.metrics["f1"] == 1.0


@pytest.mark.parametrize("line", ['{"kind": "st', "[]", '{"kind": "step"}', ""])
def test_a_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    log = tmp_path / "events.jsonl"
    log.write_text(line + "\n")
    append_json_line(log, event(5).plain())
    with pytest.raises(RunFolderError, match=r"events\.jsonl:1: "):
        read_events(log)


def test_a_resumed_run_mends_and_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    append_json_line(log, event(5).plain())
    log.write_bytes(log.read_bytes() + b'{"kind": "step", "st')
    tracker = JsonlTracker(NoOptions())
    tracker.start({"name": "r"}, tmp_path)
    tracker.event(event(10))
    assert [e.step for e in read_events(log)] == [5, 10]
