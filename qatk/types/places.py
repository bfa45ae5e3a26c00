"""The answers of one row, as texts or as places in its context, in every form that rows write them."""

from __future__ import annotations

import ast
import io
import json
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import pyarrow as pa

from qatk.errors import DataError, counted
from qatk.types.missing import given
from qatk.types.names import setting_of, usual_name

_LIMIT = 1 << 63
"""What a whole number of Arrow does not reach."""
Place = tuple[str, int | None]
"""The text of an answer, and where it starts, ``None`` where the data does not say."""


def hold_places(answers: pa.ChunkedArray) -> bool:
    """Whether the answers of rows are objects that say where they start, by their type, or in cells by the first."""
    kind = answers.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        first = next((cell for cell in answers if cell.as_py()), None)
        value = None if first is None else _parsed(first.as_py())
        value = value[0] if isinstance(value, list) and value else value
        return isinstance(value, Mapping) and usual_name(value, "answer_start") is not None
    kind = kind.value_type if pa.types.is_list(kind) or pa.types.is_large_list(kind) else kind
    names = [kind.field(k).name for k in range(kind.num_fields)] if pa.types.is_struct(kind) else []
    return usual_name(names, "answer_start") is not None


def places_of(answers: object, start: object, end: object, context: object, *, outside: list[str]) -> list[Place]:
    """The answers of a row as texts with places; those that lie outside their context are empty, and noted.

    Raises:
        DataError: without a place, for answers that are no texts, starts that are no positions, and another number of
            them than of answers.
    """
    answers, start, end = given(answers), given(start), given(end)
    if isinstance(answers, str):
        cell, answers = answers, _parsed(answers)
        if answers == cell and _lacks_commas(cell):
            what = f"{cell[:60]!r} is how NumPy prints arrays, which a CSV of pandas has in place of lists"
            raise DataError(what, fix="save the data as Parquet or JSON Lines")
    if isinstance(answers, Mapping):
        texts, own = answers.get("text"), answers.get(usual_name(answers, "answer_start"))
        if texts is None:
            raise DataError("the answers are an object without 'text'", fix="{text: [...], answer_start: [...]}")
        return list(_paired(_listed(texts), start if own is None else own))
    if isinstance(answers, list) and any(isinstance(answer, Mapping) for answer in answers):
        return [pair for answer in answers for pair in places_of(answer, None, None, context, outside=outside)]
    if answers is None and start is not None and end is not None and isinstance(context, str):
        starts, ends = _numbers(start), _numbers(end)
        if len(starts) != len(ends):
            what = f"{counted(len(starts), 'start')}, but {counted(len(ends), 'end')}"
            raise DataError(what, fix="give each answer its start and its end")
        return [(_slice(context, a, b, outside), a) for a, b in zip(starts, ends, strict=True)]
    texts = [text for text in _listed(answers) if text is not None and text != ""]
    return list(_paired(texts, start if texts else None))


def _slice(context: str, start: int | None, end: int | None, outside: list[str]) -> str:
    if start is not None and end is not None and 0 <= start < end <= len(context):
        return context[start:end]
    outside.append(f"from {start} to {end}, of {counted(len(context), 'character')}")
    return ""


def _paired(texts: Sequence[object], starts: object) -> Iterator[Place]:
    places: Sequence[int | None] = [None] * len(texts) if starts is None else _numbers(starts)
    if len(places) != len(texts):
        what = f"{counted(len(texts), 'answer')}, but {counted(len(places), 'start')}"
        raise DataError(what, fix="give each answer its start")
    for text, place in zip(texts, places, strict=True):
        text = _whole(text)
        if isinstance(text, int) and not isinstance(text, bool):
            text = str(text)
        if not isinstance(text, str):
            raise DataError(f"an answer is no text: {quoted(text)}", fix="a text, or a list of texts")
        yield text, place


def _numbers(value: object) -> list[int | None]:
    """Character positions from a number, a list, or the JSON of a cell."""
    if isinstance(value, str):
        try:
            value = json.loads(value, parse_constant=_no_number)
        except (ValueError, RecursionError):
            raise _no_position(value) from None
    found = []
    for number in map(_whole, _listed(value)):
        if number is not None and (isinstance(number, bool) or not isinstance(number, int) or abs(number) >= _LIMIT):
            raise _no_position(number)
        found.append(number)
    return found


def _no_number(name: str) -> object:
    raise ValueError(name)


def _no_position(value: object) -> DataError:
    return DataError(
        f"{quoted(value)} is no character position",
        fix=f"a whole number; if the column holds something else: {setting_of('answer_start', 'null')}",
    )


def quoted(value: object) -> str:
    """A value as messages show it, where it is long in part: texts in quotes, numbers without."""
    return repr(value[:60]) if isinstance(value, str) else repr(value)[:60]


def _listed(value: object) -> list[object]:
    return [given(each) for each in value] if isinstance(value, list) else [] if given(value) is None else [value]


def _whole(value: object) -> object:
    """The value; a float that is a whole number, as frames have them in columns with gaps, as such."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _parsed(cell: str) -> object:
    """A cell that is the JSON, or the Python, of a list or of SQuAD's object; else the text itself."""
    if cell[:1] not in "[{" or cell[-1:] not in "]}":
        return cell
    for read in (json.loads, _python):
        try:
            value = read(cell)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(value, dict) and "text" in value:
            return value
        if isinstance(value, list) and all(
            isinstance(each, str) or (isinstance(each, dict) and "text" in each) for each in value
        ):
            return value
    return cell


class _Lists(ast.NodeTransformer):
    """The lists in arrays of NumPy, as they are printed in lists and dicts: ``array(['a'], dtype=object)``."""

    def visit_Call(self, node: ast.Call) -> object:
        """The list of an array; other calls stay, and are no literals."""
        is_array = isinstance(node.func, ast.Name) and node.func.id == "array" and node.args
        return self.visit(node.args[0]) if is_array else node


def _python(cell: str) -> object:
    if _lacks_commas(cell):
        raise ValueError("Python would join the texts")
    return ast.literal_eval(_Lists().visit(ast.parse(cell, mode="eval")))


def _lacks_commas(cell: str) -> bool:
    """Whether a cell is a list of texts or objects with blanks between them, as NumPy prints an array."""
    if cell[:1] != "[" or cell[-1:] != "]":
        return False
    try:
        tokens = [each.string for each in tokenize.generate_tokens(io.StringIO(cell).readline) if each.string.strip()]
    except (tokenize.TokenError, SyntaxError):
        return False
    apart = any(one[-1] in "'\"}" and (other[0] in "'\"{" or other == "...") for one, other in pairwise(tokens))
    return apart and tokens[1][0] in "'\"{"
