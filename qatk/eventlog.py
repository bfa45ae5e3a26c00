"""``events.jsonl``: the course of a run, one strict JSON object a line, written whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from qatk.store import finite, storage_errors
from qatk.types import TrainEvent

COLUMNS = [field.name for field in fields(TrainEvent) if field.name != "scores"]


def append(path: Path, kind: str, content: Mapping[str, Any]) -> None:
    """Add a line ``{"kind": kind, ...}``. Raises :class:`qatk.errors.StorageError`."""
    line = json.dumps(finite({"kind": kind, **content}), ensure_ascii=False, allow_nan=False)
    with storage_errors(path), path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def append_event(path: Path, event: TrainEvent) -> None:
    """Add a training event, without its scores."""
    content = {name: getattr(event, name) for name in COLUMNS}
    append(path, content.pop("kind"), {**content, "metrics": dict(event.metrics)})


def mend(path: Path) -> None:
    """Cut off a last line that a killed process left unfinished."""
    if path.exists() and not (content := path.read_bytes()).endswith(b"\n") and content:
        with path.open("r+b") as file:
            file.truncate(content.rfind(b"\n") + 1)


def read_events(path: Path) -> list[TrainEvent]:
    """The training events of a log, in the order of steps; empty where there is no log.

    Where a resumed run took steps again, the later event counts. An unfinished last line is left out.
    """
    if not path.exists():
        return []
    events: dict[tuple[int, str], TrainEvent] = {}
    for line in path.read_text("utf-8").splitlines(keepends=True):
        if line.endswith("\n") and (content := json.loads(line))["kind"] in ("step", "epoch"):
            event = TrainEvent(**{name: _number(content[name]) for name in COLUMNS})
            events[event.step, event.kind] = event
    return [events[key] for key in sorted(events, key=lambda key: (key[0], key[1] == "epoch"))]


def _number(value: Any) -> Any:
    return float("nan") if value is None else value
