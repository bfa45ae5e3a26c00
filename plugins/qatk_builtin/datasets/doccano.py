"""Spans labelled with doccano: its export JSONL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from qatk.api import DataError, RawExamples
from qatk.files import read_json_lines
from qatk_builtin.datasets import DoccanoOptions
from qatk_builtin.datasets.columns import Columned
from qatk_builtin.datasets.labelled import Labelled, Task, raw_of_tasks
from qatk_builtin.datasets.one_file import OneFile

_FORM = "expected the export JSONL: {'id': 1, 'text': ..., 'label': [[start, end, label], ...]} a line"
_LABELS = ("label", "labels", "entities")
_OF_TASK = (*_LABELS, "id")


class DoccanoDataset(Columned[DoccanoOptions], OneFile[DoccanoOptions]):
    """The ``doccano`` dataset: a JSONL file that doccano exported of a project of sequence labelling.

    Spans are ``[start, end, label]`` in ``label`` (or ``labels``, as versions before 1.5 have it), or objects in
    ``entities``, as projects with relations have it. A text that nobody labelled has an empty list, like one that does
    not answer: export approved documents alone to tell them apart. Metadata of a text may hold its question.
    """

    def _read(self) -> RawExamples:
        path = self.options.path
        tasks = [_task(row, line, f"{path}:{line}") for line, row in read_json_lines(Path(path))]
        return raw_of_tasks(tasks, self.options, path)


def _task(row: Any, line: int, place: str) -> Task:
    if not isinstance(row, dict):
        raise DataError(f"a {type(row).__name__} instead of an object", where=place, fix=_FORM)
    key = next((name for name in _LABELS if name in row), None)
    if key is None:
        raise DataError(f"this text has no labels (keys found: {', '.join(map(repr, row))})", where=place, fix=_FORM)
    inner = {name: row[name] for name in ("meta", "metadata") if isinstance(row.get(name), dict)}
    own = {name: value for name, value in row.items() if name not in inner}
    fields = {name: value for each in (*inner.values(), own) for name, value in each.items() if name not in _OF_TASK}
    return Task(str(row.get("id", line)), fields, [list(_spans(row[key], place))], place)


def _spans(labels: Any, place: str) -> Iterator[Labelled]:
    if not isinstance(labels, list):
        raise DataError(f"the labels are {str(labels)[:40]!r}, no list", where=place, fix=_FORM)
    for each in labels:
        if isinstance(each, Mapping):
            each = [each.get("start_offset"), each.get("end_offset"), each.get("label")]
        if not (isinstance(each, list) and len(each) == 3 and type(each[0]) is int and type(each[1]) is int):
            raise DataError(f"the span {str(each)[:60]} is not [start, end, label]", where=place, fix=_FORM)
        yield Labelled(str(each[2]), each[0], each[1])
