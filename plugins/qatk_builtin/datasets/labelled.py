"""Texts with labelled spans, as labelling tools export them, to questions: one home for what the tools share."""

from __future__ import annotations

import warnings
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any, NamedTuple

from qatk.api import Answer, DataError, DataWarning, RawExamples
from qatk.data import listed
from qatk.display import counted
from qatk.types import USUAL, column_values, usual_name
from qatk_builtin.datasets import LabelledOptions
from qatk_builtin.datasets.span_rows import Question, raw_of_questions

CONTEXTS = ("text", *USUAL["context"])
_MAPPING = "`context` and `question` name the fields that hold them"


class Labelled(NamedTuple):
    """A span that an annotator labelled: its label, where it begins and ends (exclusive), its text where given."""

    label: str
    start: int
    end: int
    text: str | None = None


class Task(NamedTuple):
    """A text with what annotators labelled in it, each their spans; no annotation at all says that nobody looked.

    ``place`` says where it stands, for messages.
    """

    id: str
    fields: Mapping[str, Any]
    annotations: Sequence[Sequence[Labelled]]
    place: str


def raw_of_tasks(tasks: Sequence[Task], options: LabelledOptions, where: str) -> RawExamples:
    """Questions of labelled texts; see :class:`LabelledOptions` for what asks and what answers.

    A text without a span of the label that asks is one that does not answer. Texts that nobody labelled are left out
    with a warning, beside others; where nobody labelled any, gold is absent.

    Raises:
        DataError: for texts or questions that are not there, spans outside of their text, and no tasks.
    """
    if not tasks:
        raise DataError("the file has no tasks", where=where, fix="export them again, with their annotations")
    done = [task for task in tasks if task.annotations]
    if done and len(done) < len(tasks):
        ids = listed([task.id for task in tasks if not task.annotations])
        what = f"{len(tasks) - len(done)} of {len(tasks)} tasks are not labelled, and are left out ({ids})"
        warnings.warn(DataWarning(f"{where}: {what}"), stacklevel=4)
    read = done or list(tasks)
    context = _field(read[0], options.context, CONTEXTS, "text")
    asks = _field(read[0], options.question, USUAL["question"], "question", needed=bool(options.question))
    there = sorted(_labels(done))
    labels = dict(options.questions) or {name: name for name in there}
    if done:
        _check_labels(options, there, where)
    if asks is None and not labels:
        what = "the tasks have no question, and no label asks one"
        raise DataError(what, where=where, fix="name the field of the `question`, or the `questions` of labels")
    title = _title(read, besides=(context, asks))
    asked = [list(_questions(task, context or "", asks, title, labels, options)) for task in read]
    raw = raw_of_questions([question for each in asked for question in each], gold=bool(done))
    if not options.columns:
        return raw
    rows = [_filled(task.fields) for task, each in zip(read, asked, strict=True) for _ in each]
    used = [name for name in ("id", context, asks, title) if name is not None]
    return replace(raw, columns=column_values(rows, options.columns, where, used=used))


def _title(tasks: Sequence[Task], besides: Collection[str | None]) -> str | None:
    """The field that holds the titles of the texts, if all of them are such; none that holds something else."""
    name = usual_name([name for name in tasks[0].fields if name not in besides], "title")
    titles = [task.fields.get(name) for task in tasks] if name is not None else []
    return name if all(isinstance(title, str | int | None) for title in titles) else None


def _filled(fields: Mapping[str, object]) -> Mapping[str, object]:
    """The fields without lists and objects in which nothing is, as tools add them."""
    return {name: value for name, value in fields.items() if value not in ([], {})}


def _check_labels(options: LabelledOptions, there: Sequence[str], where: str) -> None:
    """Refuse names of labels of which none occurs, as a slip gives them; one of several may be rare."""
    absent = [label for label in options.questions if label not in there]
    if not absent:
        return
    named, found = (listed([repr(label) for label in labels]) for labels in (absent, there))
    what = f"no span has the label {named} (labels found: {found or 'none'})"
    if len(absent) < len(options.questions):
        warnings.warn(DataWarning(f"{where}: {what}"), stacklevel=5)
    elif there:
        raise DataError(what, where=where, fix="name labels as they stand in the file")


def _labels(tasks: Sequence[Task]) -> set[str]:
    return {span.label for task in tasks for annotation in task.annotations for span in annotation}


def _field(task: Task, named: str, usual: Sequence[str], what: str, *, needed: bool = True) -> str | None:
    """The field of the tasks that holds the text or the question."""
    found = next((name for name in ([named] if named else usual) if name in task.fields), None)
    if found is None and needed:
        known = ", ".join(task.fields) or "none"
        said = f"no field {named!r}" if named else f"no field that is known to hold the {what}"
        raise DataError(f"task {task.id} has {said} (fields found: {known})", where=task.place, fix=_MAPPING)
    return found


def _questions(
    task: Task,
    context: str,
    asks: str | None,
    title: str | None,
    labels: Mapping[str, str],
    options: LabelledOptions,
) -> Iterator[Question]:
    text, given = _text(task, context), task.fields.get(title) if title is not None else None
    about = "" if given is None else str(given)
    if asks is not None:
        among = set(options.questions) or None
        yield Question(task.id, _text(task, asks), about, text, _spans(task, text, among, options), task.place)
        return
    for label, question in labels.items():
        spans = _spans(task, text, {label}, options)
        yield Question(f"{task.id}-{label}", question, about, text, spans, task.place)


def _text(task: Task, field: str) -> str:
    value = task.fields.get(field)
    if not isinstance(value, str) or not value.strip():
        known = ", ".join(task.fields) or "none"
        what = f"task {task.id} has no text in {field!r} (fields found: {known})"
        raise DataError(what, where=task.place, fix=_MAPPING)
    return value


def _spans(task: Task, text: str, among: set[str] | None, options: LabelledOptions) -> list[list[Answer]]:
    """The answer as spans that are all due, each as its alternatives."""
    annotations = task.annotations[:1] if options.spans == "due" else task.annotations
    each = [span for spans in annotations for span in sorted(spans, key=lambda span: (span.start, span.end))]
    answers = [_answer(span, text, task) for span in each if among is None or span.label in among]
    if options.spans == "due":
        return [[answer] for answer in answers]
    return [answers] if answers else []


def _answer(span: Labelled, text: str, task: Task) -> Answer:
    start, end = span.start, span.end
    if span.text is not None and text[start:end] != span.text:
        start, end = _of_utf16(text, start, end)
    if not 0 <= start < end <= len(text):
        what = f"task {task.id} has a span of {span.label!r} from {span.start} to {span.end}, outside its text"
        raise DataError(f"{what} of {counted(len(text), 'character')}", where=task.place, fix="export the task again")
    if span.text is None or text[start:end] == span.text:
        return Answer(text[start:end], start)
    return Answer(span.text, span.start)  # which does not stand there: `bad_answers` decides


def _of_utf16(text: str, start: int, end: int) -> tuple[int, int]:
    """Places that a browser counted, to which a character beyond U+FFFF is two."""
    units = list(accumulate((1 + (char > "\uffff") for char in text), initial=0))
    return bisect_right(units, start) - 1, bisect_right(units, end) - 1
