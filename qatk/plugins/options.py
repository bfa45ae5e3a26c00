"""Options checked one component at a time, and what pydantic complains of in a recipe's words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from qatk.component import Component, Options
from qatk.errors import UsageError, suggest
from qatk.plugins.parts import DatasetPart, Finder, Place, with_parts


def checked_options(component: Component, values: Mapping[str, object], finder: Finder) -> Options:
    """Options of a component from plain values, or a :class:`UsageError` that lists what is wrong with them.

    Datasets among them are found by ``finder``.
    """

    def part(place: Place, value: object) -> DatasetPart:
        where = ".".join(map(str, place))
        if not isinstance(value, Mapping) or not isinstance(use := value.get("use"), str):
            raise UsageError(f"{where}: a dataset is chosen by a mapping with 'use'", where=component.name)
        given = {name: each for name, each in value.items() if name != "use"}
        try:
            found = finder.find("dataset", use)
            return DatasetPart.of(found, use, checked_options(found.component, given, finder))
        except UsageError as error:
            raise UsageError(error.what, where=f"{component.name}: {where}", fix=error.fix) from None

    try:
        return component.options.model_validate(with_parts(component.options, values, part))
    except ValidationError as error:
        known = list(component.options.model_fields)
        lines = [_line(each, known) for each in complaints(error)]
        raise UsageError("; ".join(lines), where=component.name) from None


def _line(error: ErrorDetails, known: Sequence[str]) -> str:
    """What is wrong with one option, behind its place, unless that is what it begins with."""
    place, said = ".".join(map(str, error["loc"])), " ".join(explain(error, known)).rstrip()
    return said if said.startswith(f"{place}: ") else f"{place}: {said}"


def show(value: object) -> str:
    """A value of a recipe with its type, for messages."""
    names = {
        str: "a text",
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        type(None): "nothing",
        dict: "a mapping",
    }
    return f"{json.dumps(value, ensure_ascii=False)} ({names.get(type(value), type(value).__name__)})"


def explain(error: ErrorDetails, known: Sequence[str]) -> tuple[str, str]:
    """What pydantic complains of, in the words of a recipe, and what to do."""
    key = str(error["loc"][0]) if error["loc"] else "it"
    if error["type"] == "extra_forbidden":
        return f"unknown option {key!r}", suggest(key, known)
    if error["type"] == "missing":
        return f"needs the option {key!r}", f"{key}: ..."
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{key}: {message[0].lower()}{message[1:]}, not {show(error['input'])}", ""


def complaints(error: ValidationError) -> list[ErrorDetails]:
    """What pydantic complains of, its messages in plain words."""
    found = error.errors()
    for detail in found:
        detail["msg"] = in_plain_words(detail)
    return found


def in_plain_words(detail: ErrorDetails) -> str:
    """The message of a complaint of pydantic, as one would say it."""
    if (words := _WORDS.get(detail["type"])) is None:
        return str(detail["msg"])
    return f"should be {words.format(**{k: _bound(v) for k, v in detail.get('ctx', {}).items()})}"


def _bound(value: object) -> str:
    """A bound as one writes it: 10,000,000 and not 1e+07."""
    return f"{value:,.12g}" if isinstance(value, int | float) else str(value)


_WORDS = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "a text",
    "string_unicode": "a text in Unicode: it has half of a surrogate pair",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "finite_number": "a finite number",
    "too_short": "{min_length} or more of them",
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    "literal_error": "{expected}",
}
"""What a value should be, by pydantic's type of error."""
