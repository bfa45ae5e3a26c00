"""Whether a table is an ``examples.parquet``: its columns, their types, and nothing missing in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from qatk.evaluation.reachability import REACHES


def find_misfit(table: pa.Table) -> str | None:
    """What keeps a table from being one of questions and predictions; ``None`` where it is one.

    Args:
        table: a ``pyarrow.Table``; the columns of :mod:`qatk.run_folder.examples_table`, and any others.
    """
    return next(_misfits(table), None)


def _misfits(table: pa.Table) -> Iterator[str]:
    if missing := [name for name in _REQUIRED if name not in table.column_names]:
        yield f"it has no column {missing[0]!r}"
        return
    if not len(table):
        yield "it has no rows"
    for name in table.column_names:
        kind, column = _kind_of(name), table.column(name)
        if kind is None:
            continue
        due, fits = kind
        if not fits(column.type):
            yield f"its column {name!r} holds {column.type}, expected {due}"
        elif any(part.null_count for part in _parts(column)):
            yield f"its column {name!r} is null in some rows"
    if pc.count_distinct(table.column("id")).as_py() < len(table):
        yield "an id occurs in it twice"
    if "reach" in table.column_names and (others := set(table.column("reach").unique().to_pylist()) - set(REACHES)):
        yield f"its column 'reach' knows {min(others)!r}"


def _parts(column: pa.Array) -> Iterator[pa.Array]:
    """A column and all that is nested in it."""
    yield column
    if _is_list(column.type):
        yield from _parts(pc.list_flatten(column))
    elif pa.types.is_struct(column.type):
        for i in range(column.type.num_fields):
            yield from _parts(pc.struct_field(column, [i]))


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_whole(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _lists_of(**fields: Callable[[pa.DataType], bool]) -> Callable[[pa.DataType], bool]:
    def fits(kind: pa.DataType) -> bool:
        if not (_is_list(kind) and pa.types.is_struct(kind.value_type)):
            return False
        found = {field.name: field.type for field in kind.value_type}
        return all(known(found[name]) if name in found else name in _LATER for name, known in fields.items())

    return fits


_TEXTS, _WHOLE, _NUMBERS = ("texts", _is_text), ("whole numbers", _is_whole), ("numbers", _is_number)
_LATER = {"span"}
"""Fields that tables of earlier versions do not have."""
_ANSWERS = ("lists of text and start", _lists_of(text=_is_text, start=_is_whole, span=_is_whole))
_SAID = {"text": _is_text, "char_start": _is_whole, "char_end": _is_whole, "score": _is_number}
_SPANS, _NBEST = ("lists of spans", _lists_of(**_SAID)), ("lists of spans", _lists_of(**_SAID, probability=_is_number))
_NAMES = ("lists of names", lambda kind: _is_list(kind) and _is_text(kind.value_type))
_Kind = tuple[str, Callable[[pa.DataType], bool]]
_REQUIRED: dict[str, _Kind] = {
    **dict.fromkeys(("id", "question", "title", "context", "prediction"), _TEXTS),
    **dict.fromkeys(("char_start", "char_end"), _WHOLE),
    **dict.fromkeys(("score", "null_score"), _NUMBERS),
}
_KNOWN = {**_REQUIRED, "answers": _ANSWERS, "nbest": _NBEST, "spans": _SPANS, "reach": _TEXTS, "windows": _WHOLE}
_FAMILIES = {"metric.": _NUMBERS, "slice.": _NAMES, "column.": _TEXTS}


def _kind_of(name: str) -> _Kind | None:
    """What a column should hold; ``None`` where it is none that is read."""
    family = next((kind for prefix, kind in _FAMILIES.items() if name.startswith(prefix)), None)
    return _KNOWN.get(name, family)
