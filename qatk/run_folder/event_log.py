"""``events.jsonl``: the course of a run, one strict JSON object a line, written whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from qatk.errors import RunFolderError
from qatk.run_folder.reading import refuse_pipes, unreadable
from qatk.types import TrainEvent

COLUMNS = [field.name for field in fields(TrainEvent) if field.name != "scores"]


def read_events(path: Path) -> list[TrainEvent]:
    """The training events of a log, in the order of steps; empty where there is no log.

    Where a resumed run took steps again, the later event counts. An unfinished last line is left out. What is
    ``null`` in the log is NaN in the event.

    Raises:
        RunFolderError: for a line that is no event, with ``file:line``; a log that cannot be read.
    """
    if not path.exists():
        return []
    refuse_pipes(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error.strerror or str(error)) from None
    events: dict[tuple[int, str], TrainEvent] = {}
    for number, line in enumerate(content.split(b"\n")[:-1], 1):
        try:
            if (row := json.loads(line))["kind"] in ("step", "epoch"):
                event = _event(row)
                events[event.step, event.kind] = event
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            what = f"{path}:{number}: this line is no event of a run ({type(error).__name__}: {error})"
            raise RunFolderError(what, fix="remove that line") from error
    return [events[key] for key in sorted(events, key=lambda key: (key[0], key[1] == "epoch"))]


def _event(content: Mapping[str, object]) -> TrainEvent:
    event = TrainEvent(**{name: _numbers(content[name]) for name in COLUMNS})
    if not isinstance(event.metrics, dict):
        raise TypeError("its metrics are no mapping")
    figures = [event.total_steps, event.epoch, event.loss, event.learning_rate, event.examples_per_second]
    if not isinstance(event.step, int) or not all(
        isinstance(f, int | float) for f in [*figures, *event.metrics.values()]
    ):
        raise TypeError("its figures are not all numbers")
    return event


def _numbers(value: object) -> Any:
    """``value`` with ``None`` as NaN, inside of a mapping too."""
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    return float("nan") if value is None else value
