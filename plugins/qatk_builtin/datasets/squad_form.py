"""The form of a SQuAD file, and what to say of a file that has another."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter, ValidationError
from typing_extensions import NotRequired, TypedDict

from qatk.api import DataError
from qatk.display import counted


class Answer(TypedDict):
    """A reference. Without ``answer_start`` its place is unknown: it can be scored but not trained on."""

    text: str
    answer_start: NotRequired[int | None]


class Qa(TypedDict):
    """A question; ``answers`` is absent in data to predict on, ``is_impossible`` in v1.1."""

    id: str | int
    question: str
    answers: NotRequired[list[Answer]]
    is_impossible: NotRequired[bool | None]


class Paragraph(TypedDict):
    """A context and the questions asked of it."""

    context: str
    qas: list[Qa]


class Article(TypedDict):
    """Paragraphs of one source."""

    title: NotRequired[str | None]
    paragraphs: list[Paragraph]


class SquadFile(TypedDict):
    """SQuAD v1.1 and v2: further keys, such as ``version`` and ``plausible_answers``, are not read."""

    data: list[Article]


_FORM = TypeAdapter(SquadFile)
_EXPECTED = (
    "expected a SQuAD file: {'data': [{'paragraphs': [{'context': ..., 'qas': [{'id': ..., 'question': ...}]}]}]}"
)
_FLAT = "flat files are read by another dataset: use table, in a recipe {use: table, path: ...}"
_TASKS = "they are read by another dataset: --use label-studio, in a recipe {use: label-studio, path: ...}"
_DUE = {
    "string_type": "a text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "an object",
}


def check_form(document: object, where: str) -> SquadFile:
    """The document without the keys that are not read.

    Raises:
        DataError: naming the other form that the document has, or the first place that does not fit.
    """
    if other := _other_form(document):
        raise DataError(other[0], where=where, fix=other[1])
    try:
        return _FORM.validate_python(document, strict=True)
    except ValidationError as error:
        raise _misfit(document, error, where) from error


def _other_form(document: object) -> tuple[str, str] | None:
    """What the document is, if it is a known form of question answering data other than SQuAD's, and what to do."""
    rows = document
    if isinstance(document, dict):
        rows = document.get("data", document.get("rows"))
        if rows is None:
            return _other_object(document)
    if isinstance(rows, list) and rows and isinstance(rows[0], dict):
        if rows is document and ({"data", "annotations"} <= rows[0].keys() or "annotation_id" in rows[0]):
            return "these are tasks of Label Studio", _TASKS
        first = rows[0].get("row", rows[0])
        if isinstance(first, dict) and "question" in first and "paragraphs" not in first:
            return "this is flat: rows of a question and its context, as the hub exports them", _FLAT
        if rows is document and "paragraphs" in first:
            return "this is the list of articles alone", 'put it into an object: {"data": [...]}'
    if isinstance(rows, dict) and "question" in rows and "context" in rows:
        return "this is a table by columns, not by articles", _FLAT
    return None


def _other_object(document: dict[str, object]) -> tuple[str, str]:
    if {"question", "context"} <= set(document):
        return "this is one flat question, or a table by columns", _FLAT
    if "paragraphs" in document or "qas" in document:
        return "this is a single article or paragraph, not a SQuAD file", _EXPECTED
    if document and all(isinstance(value, str) for value in document.values()):
        return "this is a predictions file (id to answer), not data", "name the data file instead"
    if document and all(isinstance(value, float) for value in document.values()):
        return "this is a null odds file (id to number), not data", "name the data file instead"
    keys = ", ".join(map(repr, list(document)[:_KEYS_SHOWN])) or "none"
    return f"there is no 'data' (keys found: {keys})", _EXPECTED


_KEYS_SHOWN = 8


def _misfit(document: object, error: ValidationError, where: str) -> DataError:
    """The first misfit: its path, the question's id where there is one, what is due and what was found."""
    errors = error.errors(include_url=False, include_context=False)
    first = errors[0]
    steps = [step for step in first["loc"] if isinstance(step, int) or step not in ("str", "int")]
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".") or "the file"
    what = _what(first["type"], first["input"])
    if steps[-1:] == ["id"] and first["type"] != "missing":
        what = _what("string_type", first["input"])
    of = f" (question {name!r})" if (name := _question(document, steps)) is not None else ""
    more = f"; {counted(len(errors) - 1, 'more place', 'does')} not fit" if len(errors) > 1 else ""
    return DataError(f"{path}{of} {what}{more}", where=where, fix=_EXPECTED)


def _what(kind: str, found: object) -> str:
    if kind == "missing":
        keys = ", ".join(map(repr, list(found)[:_KEYS_SHOWN])) if isinstance(found, dict) else ""
        return f"is missing (keys found: {keys or 'none'})"
    return f"should be {_DUE.get(kind, 'something else')}, not {_shown(found)}"


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(value)
    return text if len(text) <= 50 else f"{text[:49]}…"


def _question(document: Any, steps: list[int | str]) -> str | int | None:
    """The id of the question that a path leads through."""
    if "qas" not in steps or len(steps) <= (at := steps.index("qas")) + 2:
        return None
    for step in steps[: at + 2]:
        document = document[step]
    name = document.get("id") if isinstance(document, dict) else None
    return name if isinstance(name, str | int) else None
