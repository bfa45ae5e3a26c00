"""``examples.parquet``: one row a question, with all that comparing and reporting need; no model, no data file.

Columns: ``id``, ``question``, ``title``, ``context``, ``answers`` (text, start), ``prediction``, ``char_start``,
``char_end``, ``score``, ``null_score``, ``null_odds``, ``nbest`` (text, char_start, char_end, score, probability),
``metric.NAME`` (fractions), ``slice.NAME`` (the groups that a question belongs to), ``column.NAME`` (of the data), and
of a run ``reach`` (whether a gold answer could have been given, and if not why) and ``windows``. Where any question has
several spans, ``answers`` have the ``span`` that each is an alternative of; where any prediction has, ``spans`` (text,
char_start, char_end, score) holds them.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from qatk.errors import counted
from qatk.evaluation.reachability import REACHES
from qatk.files import write_atomically
from qatk.results.evaluation import Evaluation
from qatk.run_folder.reading import refuse_pipes, unreadable
from qatk.run_folder.table_form import find_misfit
from qatk.types import Bool, Examples, Int8, Int32, Int64, NBest, Predictions, Spans, ragged


def write_examples(path: Path, evaluation: Evaluation) -> None:
    """Write the table, atomically. Raises :class:`qatk.errors.StorageError`."""
    columns = {
        **_examples_columns(evaluation.examples),
        **_prediction_columns(evaluation.predictions),
        **{f"metric.{name}": pa.array(values) for name, values in evaluation.per_question.items()},
        **{f"slice.{name}": _slice_column(masks) for name, masks in evaluation.masks.items() if masks},
        **_reach_columns(evaluation),
    }
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd")
    write_atomically(path, buffer.getvalue())


def read_examples(path: Path, metrics: Mapping[str, float], *, nbest: bool = True) -> Evaluation:
    """The evaluation that a table holds.

    Args:
        path: of the table.
        metrics: its aggregates, which stand in a file of their own.
        nbest: read the best spans too.

    Raises:
        RunFolderError: where the file is not there or is no such table.
    """
    refuse_pipes(path)
    try:
        file = pq.ParquetFile(path)
        names = [name for name in file.schema_arrow.names if nbest or name != "nbest"]
        table = file.read(names)
    except FileNotFoundError:
        raise unreadable(path, "there is no such file") from None
    except (OSError, pa.ArrowException) as error:
        raise unreadable(path, str(error)) from None
    if (misfit := find_misfit(table)) is not None:
        raise unreadable(path, misfit)
    table = table.combine_chunks()
    per_question = {n.removeprefix("metric."): _numpy(table, n) for n in names if n.startswith("metric.")}
    masks = {n.removeprefix("slice."): _read_masks(_column(table, n)) for n in names if n.startswith("slice.")}
    reach, windows = _read_reach(table)
    try:
        examples, predictions = _read_examples(table), _read_predictions(table)
    except ValueError as error:  # columns that do not belong together
        raise unreadable(path, str(error)) from None
    if (misplaced := _span_outside(examples, predictions)) is not None:
        raise unreadable(path, misplaced)
    return Evaluation(examples, predictions, metrics, per_question, masks, reach=reach, windows=windows)


def _span_outside(examples: Examples, predictions: Predictions) -> str | None:
    """What is wrong with the first span of a prediction that does not lie in its context; ``None`` where all do."""
    lengths = np.array([len(context) for context in examples.context], np.int64)[examples.context_index]
    kinds: list[tuple[Predictions | NBest | Spans, Int64]] = [(predictions, np.arange(len(examples), dtype=np.int64))]
    kinds += [
        (spans, ragged.owners(spans.offsets)) for spans in (predictions.nbest, predictions.several) if spans is not None
    ]
    for spans, owner in kinds:
        start, end = spans.char_start, spans.char_end
        there = (start >= 0) & (start <= end) & (end <= lengths[owner])
        if len(wrong := np.flatnonzero(~there & ((start != -1) | (end != -1)))):
            k, row = int(wrong[0]), int(owner[wrong[0]])
            said = f"question {examples.id[row]!r} has a span from {start[k]} to {end[k]}"
            return f"{said}, but its context has {counted(int(lengths[row]), 'character')}"
    return None


def _examples_columns(examples: Examples) -> dict[str, pa.Array]:
    contexts = pa.DictionaryArray.from_arrays(
        pa.array(examples.context_index), pa.array(list(examples.context), pa.string())
    )
    columns = {
        "id": pa.array(list(examples.id), pa.string()),
        "question": pa.array(list(examples.question), pa.string()),
        "title": pa.array(list(examples.title), pa.string()),
        "context": contexts,
    }
    if examples.answer_offsets is not None:
        answers = {"text": pa.array(list(examples.answer_text), pa.string()), "start": pa.array(examples.answer_start)}
        if examples.answer_span is not None:
            answers["span"] = pa.array(examples.answer_span)
        columns["answers"] = _ragged(examples.answer_offsets, answers)
    columns |= {f"column.{name}": pa.array(list(values), pa.string()) for name, values in examples.columns.items()}
    return columns


def _reach_columns(evaluation: Evaluation) -> dict[str, pa.Array]:
    columns: dict[str, pa.Array] = {}
    if evaluation.reach is not None:
        names = pa.array(REACHES, pa.string())
        columns["reach"] = pa.DictionaryArray.from_arrays(pa.array(evaluation.reach), names)
    if evaluation.windows is not None:
        columns["windows"] = pa.array(evaluation.windows)
    return columns


def _prediction_columns(predictions: Predictions) -> dict[str, pa.Array]:
    columns = {
        "prediction": pa.array(list(predictions.text), pa.string()),
        **{name: pa.array(getattr(predictions, name)) for name in ("char_start", "char_end", "score", "null_score")},
        "null_odds": pa.array(predictions.null_odds),
    }
    if (best := predictions.nbest) is not None:
        values = {name: pa.array(getattr(best, name)) for name in ("char_start", "char_end", "score", "probability")}
        columns["nbest"] = _ragged(best.offsets, {"text": pa.array(list(best.text), pa.string()), **values})
    if (several := predictions.several) is not None:
        values = {name: pa.array(getattr(several, name)) for name in ("char_start", "char_end", "score")}
        columns["spans"] = _ragged(several.offsets, {"text": pa.array(list(several.text), pa.string()), **values})
    return columns


def _ragged(offsets: Int64, values: dict[str, pa.Array]) -> pa.Array:
    struct = pa.StructArray.from_arrays(list(values.values()), names=list(values))
    return pa.LargeListArray.from_arrays(pa.array(offsets), struct)


def _slice_column(masks: Mapping[str, Bool]) -> pa.Array:
    """For each question the names of the groups it is in; the column's metadata is not needed to read it back."""
    names = np.array(list(masks), object)
    table = np.stack(list(masks.values()), axis=1) if len(masks) else np.zeros((0, 0), bool)
    offsets = ragged.offsets_of(table.sum(axis=1))
    members = pa.DictionaryArray.from_arrays(
        pa.array(np.nonzero(table)[1].astype(np.int32)), pa.array(names, pa.string())
    )
    return pa.LargeListArray.from_arrays(pa.array(offsets), members)


def _column(table: pa.Table, name: str) -> pa.Array:
    chunks = table.column(name)
    return chunks.chunk(0) if chunks.num_chunks else pa.array([], chunks.type)


def _numpy(table: pa.Table, name: str) -> NDArray[Any]:
    return _array(_column(table, name))


def _array(column: pa.Array) -> NDArray[Any]:
    """A column without nulls as numpy's; pyarrow's own ``to_numpy`` imports pandas, which costs a fifth of a second."""
    if pa.types.is_boolean(column.type):
        return np.from_dlpack(column.cast(pa.int8())).astype(np.bool_)
    return np.from_dlpack(column)


def _struct(column: pa.Array) -> tuple[Int64, dict[str, pa.Array]]:
    values = column.values
    return _array(column.offsets), {field.name: values.field(i) for i, field in enumerate(values.type)}


def _read_examples(table: pa.Table) -> Examples:
    context = _column(table, "context")
    if not isinstance(context, pa.DictionaryArray):
        context = context.dictionary_encode()
    gold: dict[str, Any] = {}
    if "answers" in table.column_names:
        offsets, values = _struct(_column(table, "answers"))
        gold = {
            "answer_offsets": offsets.astype(np.int64),
            "answer_text": values["text"].to_pylist(),
            "answer_start": _array(values["start"]),
            "answer_span": _array(values["span"]) if "span" in values else None,
        }
    return Examples(
        id=_column(table, "id").to_pylist(),
        question=_column(table, "question").to_pylist(),
        title=_column(table, "title").to_pylist(),
        context=context.dictionary.to_pylist(),
        context_index=_array(context.indices).astype(np.int32),
        columns={
            name.removeprefix("column."): _column(table, name).to_pylist()
            for name in table.column_names
            if name.startswith("column.")
        },
        **gold,
    )


def _read_reach(table: pa.Table) -> tuple[Int8 | None, Int32 | None]:
    """Whether answers were within reach, and the windows of each question; ``None`` in tables that do not say."""
    reach = windows = None
    if "reach" in table.column_names:
        column = _column(table, "reach")
        column = column if isinstance(column, pa.DictionaryArray) else column.dictionary_encode()
        codes = np.array([REACHES.index(name) for name in column.dictionary.to_pylist()], np.int8)
        reach = codes[_array(column.indices)]
    if "windows" in table.column_names:
        windows = _numpy(table, "windows").astype(np.int32)
    return reach, windows


def _read_predictions(table: pa.Table) -> Predictions:
    nbest = None
    if "nbest" in table.column_names:
        offsets, values = _struct(_column(table, "nbest"))
        numbers = {name: _array(values[name]) for name in ("char_start", "char_end", "score", "probability")}
        nbest = NBest(offsets=offsets.astype(np.int64), text=values["text"].to_pylist(), **numbers)
    several = None
    if "spans" in table.column_names:
        offsets, values = _struct(_column(table, "spans"))
        numbers = {name: _array(values[name]) for name in ("char_start", "char_end", "score")}
        several = Spans(offsets=offsets.astype(np.int64), text=values["text"].to_pylist(), **numbers)
    numbers = {name: _numpy(table, name) for name in ("char_start", "char_end", "score", "null_score")}
    return Predictions(text=_column(table, "prediction").to_pylist(), nbest=nbest, several=several, **numbers)


def _read_masks(column: pa.Array) -> dict[str, Bool]:
    offsets = _array(column.offsets).astype(np.int64)
    members = column.values
    if not isinstance(members, pa.DictionaryArray):
        members = members.dictionary_encode()
    rows = ragged.owners(offsets)
    indices = _array(members.indices)
    masks = {}
    for i, name in enumerate(members.dictionary.to_pylist()):
        masks[name] = np.zeros(len(offsets) - 1, bool)
        masks[name][rows[indices == i]] = True
    return masks
