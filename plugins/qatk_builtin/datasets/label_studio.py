"""Spans labelled with Label Studio: its exports JSON and JSON-MIN."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from qatk.api import DataError, RawExamples
from qatk.files import parse_json, read_text
from qatk_builtin.datasets import LabelStudioOptions
from qatk_builtin.datasets.columns import Columned
from qatk_builtin.datasets.labelled import Labelled, Task, raw_of_tasks
from qatk_builtin.datasets.one_file import OneFile

_FORM = "expected the export JSON (tasks with 'data' and 'annotations') or JSON-MIN of a project that labels text"
_OF_ANNOTATION = ("id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time")


class LabelStudioDataset(Columned[LabelStudioOptions], OneFile[LabelStudioOptions]):
    """The ``label-studio`` dataset: a file that Label Studio exported as JSON or JSON-MIN.

    Annotations that were cancelled are not read; one that is marked as ground truth comes first. In JSON-MIN each row
    is one annotation, and rows of one task belong together. Places that a browser counted in UTF-16 are recognised by
    the text of their span.
    """

    def _read(self) -> RawExamples:
        where = self.options.path
        rows = parse_json(read_text(Path(where)), Path(where))
        if not isinstance(rows, list) or not all(isinstance(row, dict) and "id" in row for row in rows):
            raise DataError("this is no list of tasks with ids", where=where, fix=_FORM)
        whole = bool(rows) and isinstance(rows[0].get("data"), dict)
        tasks = [_task(row, f"{where}: [{k}]") for k, row in enumerate(rows)] if whole else list(_of_rows(rows, where))
        return raw_of_tasks(tasks, self.options, where)


def _task(row: Mapping[str, Any], place: str) -> Task:
    """A task of the export JSON."""
    name, found = str(row["id"]), row.get("annotations")
    if not isinstance(row.get("data"), dict) or not isinstance(found, list):
        keys = ", ".join(map(repr, row))
        raise DataError(f"task {name} has no 'data' or no 'annotations' (keys found: {keys})", where=place, fix=_FORM)
    kept = [each for each in found if isinstance(each, dict) and not each.get("was_cancelled")]
    kept.sort(key=lambda each: not each.get("ground_truth"))
    annotations = [list(_spans(each.get("result"), name, place)) for each in kept]
    return Task(name, row["data"], annotations, place)


def _of_rows(rows: list[dict[str, Any]], where: str) -> Iterator[Task]:
    """The tasks of the export JSON-MIN, whose rows are annotations: data and labels side by side."""
    tasks: dict[str, Task] = {}
    for number, row in enumerate(rows):
        name, place = str(row["id"]), f"{where}: [{number}]"
        labels = {key: value for key, value in row.items() if _is_spans(value)}
        spans = [span for value in labels.values() for span in _spans(value, name, place)]
        fields = {key: value for key, value in row.items() if key not in labels and key not in _OF_ANNOTATION}
        task = tasks.setdefault(name, Task(name, fields, [], place))
        if "annotation_id" in row or labels:
            tasks[name] = task._replace(annotations=[*task.annotations, spans])
    yield from tasks.values()


def _is_spans(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) and _kinds(v) for v in value)


def _kinds(value: Mapping[str, Any]) -> list[str]:
    """The kinds of labels that a region has: ``labels`` on text, ``hypertextlabels``, ``paragraphlabels`` ..."""
    return [key for key in value if key.endswith("labels") and isinstance(value[key], list)]


def _spans(result: Any, name: str, place: str) -> Iterator[Labelled]:
    """The labelled spans among the results of an annotation; ratings, relations and the like are passed over."""
    for each in result if isinstance(result, list) else ():
        value = each.get("value", each) if isinstance(each, dict) else {}
        kinds = _kinds(value) if isinstance(value, dict) else []
        if "labels" not in kinds and not (kinds and "start" in value):
            continue
        start, end, text = (value.get(key) for key in ("start", "end", "text"))
        if "labels" not in kinds or type(start) is not int or type(end) is not int or not isinstance(text, str | None):
            what = f"task {name} has a span from {start!r} to {end!r}, no numbers of characters"
            raise DataError(what, where=place, fix="only spans of plain text are read (the tag Text, not HyperText)")
        yield from (Labelled(str(label), start, end, text) for label in value["labels"])
