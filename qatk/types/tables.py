"""Arrow tables of questions (the form of ``squad`` and ``squad_v2`` on the hub), column by column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from typing_extensions import TypedDict

from qatk.errors import DataError, counted, listed
from qatk.types import ragged
from qatk.types.arrays import Int32, Int64, row_number
from qatk.types.further import ALL_COLUMNS, column_values
from qatk.types.ids import made_id
from qatk.types.names import fix_of_nested
from qatk.types.starts import as_starts

_ROLES = ("id", "title", "context", "question", "answers")
_FIX = "expected the columns of squad_v2: id, title, context, question, answers {text: [...], answer_start: [...]}"


class Columns(TypedDict):
    """The columns of :class:`qatk.types.Examples` that rows fill."""

    id: Sequence[str]
    question: Sequence[str]
    title: Sequence[str]
    context: Sequence[str]
    context_index: Int32
    answer_offsets: Int64 | None
    answer_text: Sequence[str]
    answer_start: Int32
    columns: Mapping[str, Sequence[str]]


class _Answers(NamedTuple):
    offsets: Int64
    texts: list[str]
    starts: list[int | None]


def check_names(table: pa.Table, where: str) -> None:
    """Raise :class:`DataError` where several columns have one name, or none."""
    if (nameless := sum(not name.strip() for name in table.column_names)) > 1:
        what = (
            f"{counted(nameless, 'column')} have no name in the header ({listed(list(map(repr, table.column_names)))})"
        )
        raise DataError(what, where=where, fix="name each column; if this is no header, leave out what stands above it")
    if twice := [name for name, number in Counter(table.column_names).items() if number > 1]:
        what = f"several columns are called {', '.join(map(repr, twice))}"
        raise DataError(what, where=where, fix="give each column a name of its own")


def with_texts(table: pa.Table) -> pa.Table:
    """The table, with texts in place of bytes where those of a column are all UTF-8."""
    for k, field in enumerate(table.schema):
        if (kind := retyped(field.type, _as_text)) != field.type:
            with suppress(pa.ArrowInvalid, pa.ArrowNotImplementedError):
                table = table.set_column(k, field.with_type(kind), table.column(k).cast(kind))
    return table


def _as_text(kind: pa.DataType) -> pa.DataType:
    return pa.large_string() if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) else kind


def retyped(kind: pa.DataType, change: Callable[[pa.DataType], pa.DataType]) -> pa.DataType:
    """The type, with each type in its lists and structs changed."""
    if pa.types.is_list(kind):
        return pa.list_(retyped(kind.value_type, change))
    if pa.types.is_struct(kind):
        fields = [kind.field(k) for k in range(kind.num_fields)]
        return pa.struct([field.with_type(retyped(field.type, change)) for field in fields])
    return change(kind)


def columns_of_table(
    table: pa.Table, where: str, columns: Sequence[str] = (), place: Callable[[int], str] = row_number
) -> Columns:
    """The columns of examples that a ``pyarrow.Table`` holds; answers are not checked against their contexts.

    ``context`` and ``question`` must be there. Without ``id``, ids are made from context and question, the same
    ones every time. Without ``answers``, or where all are null, gold is absent. ``title`` may be absent, other
    columns are read where they are asked for.

    Args:
        table: rows; ``answers`` is a struct of lists or a list of structs, with ``text`` and ``answer_start``.
        where: the data set, for messages.
        columns: further columns to read; see :func:`qatk.types.column_values`.
        place: says where a row stands, for messages.

    Raises:
        DataError: for columns that are missing, of another type, or hold nulls.
    """
    if missing := [name for name in ("context", "question") if name not in table.column_names]:
        fix = fix_of_nested(table.column_names) or _FIX
        found = ", ".join(table.column_names) or "none"
        what = f"no column {' and no '.join(map(repr, missing))} (columns found: {found})"
        raise DataError(what, where=where, fix=fix)
    encoded = text_column(table["context"], "context", where, place=place).dictionary_encode()
    contexts, index = encoded.dictionary.to_pylist(), encoded.indices.to_numpy(zero_copy_only=False)
    questions = text_column(table["question"], "question", where, place=place).to_pylist()
    titles = [""] * len(questions)
    if "title" in table.column_names:
        titles = text_column(table["title"], "title", where, nulls="", numbers=True).to_pylist()
    gold = _answers(table, where, place)
    return Columns(
        id=_ids(table, contexts, index, questions, where, place),
        question=questions,
        title=titles,
        context=contexts,
        context_index=index.astype(np.int32),
        answer_offsets=gold.offsets if gold else None,
        answer_text=gold.texts if gold else [],
        answer_start=as_starts(gold.starts if gold else []),
        columns=_further(table, columns, where),
    )


def _further(table: pa.Table, columns: Sequence[str], where: str) -> dict[str, list[str]]:
    """Further columns as texts."""
    if not columns:
        return {}
    free = [name for name in table.column_names if name not in _ROLES]
    known = table.select(free if ALL_COLUMNS in columns else [name for name in columns if name in table.column_names])
    return column_values(known.to_pylist(), columns, where, table.column_names, _ROLES)


def text_column(
    chunks: pa.ChunkedArray,
    name: str,
    where: str,
    *,
    nulls: str | None = None,
    numbers: bool = False,
    place: Callable[[int], str] = row_number,
    fix: str = _FIX,
) -> pa.Array:
    """A column of texts as one array of strings.

    Args:
        chunks: the texts.
        name: what messages call it.
        where: the data set, for messages.
        nulls: stands in for null, which is an error where it is ``None``.
        numbers: whether whole numbers are texts too, as ids may be.
        place: says where a row stands, for messages.
        fix: what to do about another type.

    Raises:
        DataError: for another type, and for nulls.
    """
    if nulls is not None and pc.all(pc.is_null(chunks, nan_is_null=True), min_count=0).as_py():
        return pa.array([nulls] * len(chunks), pa.large_string())
    kind = chunks.type.value_type if pa.types.is_dictionary(chunks.type) else chunks.type
    known = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    if not (known or (numbers and pa.types.is_integer(kind))):
        raise DataError(f"the column {name!r} holds {kind}, not text", where=where, fix=fix)
    if chunks.null_count and nulls is None:
        row = chunks.is_null().index(True).as_py()
        what = f"the column {name!r} is null in {counted(chunks.null_count, 'row')}, first in {place(row)}"
        raise DataError(what, where=where, fix="give every row a value, or leave these rows out")
    column = _one_array(chunks.cast(pa.large_string()))  # one array of strings ends at 2 GiB
    return column if nulls is None else column.fill_null(nulls)


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    chunks = column.combine_chunks()
    return pa.concat_arrays(chunks.chunks) if isinstance(chunks, pa.ChunkedArray) else chunks


def _ids(
    table: pa.Table,
    contexts: Sequence[str],
    index: Int64,
    questions: Sequence[str],
    where: str,
    place: Callable[[int], str],
) -> list[str]:
    if "id" in table.column_names:
        ids: list[str] = text_column(table["id"], "id", where, numbers=True, place=place).to_pylist()
        return ids
    seen: Counter[str] = Counter()
    made = []
    for row, question in zip(index.tolist(), questions, strict=True):
        name = made_id(contexts[row], question)
        seen[name] += 1
        made.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return made


def _answers(table: pa.Table, where: str, place: Callable[[int], str]) -> _Answers | None:
    """The gold as ragged columns, or ``None`` where there is none."""
    if "answers" not in table.column_names:
        return None
    column = _one_array(table["answers"])
    if column.null_count == len(column):
        return None
    if column.null_count:
        row = column.is_null().index(True).as_py()
        nulls = counted(column.null_count, "row")
        what = f"the column 'answers' is null in {nulls}, first in {place(row)}, and given in others"
        raise DataError(what, where=where, fix="a question without an answer has empty lists")
    texts, starts = _answer_lists(column, where)
    lengths = _lengths(texts)
    if starts is not None and len(uneven := np.flatnonzero(_lengths(starts) != lengths)):
        where_so = f"in {counted(len(uneven), 'row')}, first in {place(int(uneven[0]))}"
        what = f"answers.text and answers.answer_start differ in length {where_so}"
        raise DataError(what, where=where, fix=_FIX)
    flat = _text_values(pc.list_flatten(texts), where)
    places: list[int | None] = [None] * len(flat) if starts is None else _start_values(pc.list_flatten(starts), where)
    return _Answers(ragged.offsets_of(lengths), flat, places)


def _answer_lists(column: pa.Array, where: str) -> tuple[pa.Array, pa.Array | None]:
    """The lists of texts and of starts, from a struct of lists or a list of structs."""
    kind = column.type
    if _is_list(kind) and pa.types.is_struct(kind.value_type) and "text" in _names(kind.value_type):
        inner = pc.list_flatten(column)
        offsets = pa.array(ragged.offsets_of(_lengths(column)), pa.int64())
        parts = {
            name: pa.LargeListArray.from_arrays(offsets, pc.struct_field(inner, name)) for name in _names(inner.type)
        }
        return parts["text"], parts.get("answer_start")
    if pa.types.is_struct(kind) and "text" in _names(kind) and _is_list(kind.field("text").type):
        starts = pc.struct_field(column, "answer_start") if "answer_start" in _names(kind) else None
        if starts is None or _is_list(starts.type):
            return pc.struct_field(column, "text"), starts
    if _is_list(kind) and pa.types.is_null(kind.value_type):
        return column, None
    raise DataError(f"the column 'answers' holds {kind}", where=where, fix=_FIX)


def _names(struct: pa.DataType) -> list[str]:
    return [struct.field(k).name for k in range(struct.num_fields)]


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _lengths(lists: pa.Array) -> Int64:
    lengths: Int64 = pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    return lengths


def _text_values(values: pa.Array, where: str) -> list[str]:
    if not len(values):
        return []
    return list(text_column(pa.chunked_array([values]), "answers.text", where).to_pylist())


def _start_values(values: pa.Array, where: str) -> list[int | None]:
    if not (pa.types.is_integer(values.type) or pa.types.is_null(values.type)):
        raise DataError(f"answers.answer_start holds {values.type}, not whole numbers", where=where, fix=_FIX)
    starts: list[int | None] = values.to_pylist()
    return starts
