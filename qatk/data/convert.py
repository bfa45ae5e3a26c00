"""Examples to files: SQuAD JSON, JSON Lines, CSV or Parquet. Each is read back as what was written, or not written."""

from __future__ import annotations

import codecs
import gzip
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, get_args

from qatk.data.rows import columns_of, refusal
from qatk.data.strict import examples_of
from qatk.errors import DataError, UsageError
from qatk.files import CsvStyle, csv_style_of, ending, write_atomically
from qatk.types import UNKNOWN, Answer, Examples, RawExamples

Form = Literal["squad", "jsonl", "csv", "parquet"]
"""A format of files that :func:`save` writes."""
FORMS: tuple[Form, ...] = get_args(Form)
"""All formats."""
ENDINGS: Mapping[str, Form] = {
    ".json": "squad",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
}
"""The format for each ending of a file name."""
_GZ = ".gz"
_SQUAD_KEYS = ("id", "question", "answers", "is_impossible")
_FLAGS = {"true": True, "false": False, "": None}
"""What ``is_impossible`` says of questions without gold, of which it is a further column."""


@dataclass(frozen=True)
class Saved:
    """A file that was written.

    Attributes:
        path: where.
        form: as what.
        questions, contexts: how many it holds.
        columns: the further columns that it has.
    """

    path: Path
    form: Form
    questions: int
    contexts: int
    columns: tuple[str, ...]


def form_of(path: Path, form: str | None = None) -> Form:
    """The form that a file is to have, by its ending; what is said of it besides must agree.

    Raises:
        UsageError: where the ending says nothing or something else, or there is no such form.
    """
    known = ", ".join(FORMS)
    if form is not None and form not in FORMS:
        raise UsageError(f"there is no form {form!r}", fix=f"forms are {known}")
    end = ending(path)
    said = ENDINGS.get(end)
    endings = ", ".join(ENDINGS)
    if said is None:
        what = f"the ending {end!r} says nothing of the form" if end else "there is no ending to say the form"
        raise UsageError(what, where=str(path), fix=f"endings are {endings}, the texts also with .gz")
    if form is not None and form != said:
        fix = f"end it in {next(name for name, of in ENDINGS.items() if of == form)}, or leave the form out"
        raise UsageError(f"the ending {end} says {said}, not {form}", where=str(path), fix=fix)
    if said == "parquet" and path.name.lower().endswith(_GZ):
        raise UsageError("Parquet is compressed already", where=str(path), fix="leave out .gz")
    if path.name.lower().endswith(".zst"):
        raise UsageError("zstd files are read but not written", where=str(path), fix="leave out .zst, or write .gz")
    return said


def save(
    data: Examples | RawExamples,
    path: str | Path,
    form: str | None = None,
    *,
    look: bool = False,
    like: str | Path | None = None,
) -> Saved:
    """Write examples to a file, whole or not at all; its readers give back what was written.

    Answers with their alternatives, several spans, unknown places, questions without an answer, data without gold and
    further columns are kept. So are, as they stand, answers that a reader then refuses: those that stand elsewhere,
    and of spans that are both due and overlap; :func:`qatk.data.check` finds them. What a form cannot hold is refused.

    Args:
        data: examples to write, or as :func:`qatk.data.read` gives them.
        path: the file; its ending says the form: .json (SQuAD), .jsonl, .csv or .parquet, the first three also with
            .gz.
        form: what the ending should say; a check.
        look: whether readers of rows are to look for the answers that nobody gave a place; otherwise they have the
            place that the reader of ``data`` finds, or stay unknown.
        like: the CSV file that a CSV file gets its delimiter and byte order mark from: a comma and none by default. A
            file of another form says nothing.

    Raises:
        UsageError: as :func:`form_of`.
        DataError: where the form cannot hold something, with what and of which questions.
        StorageError: where the file cannot be written.
    """
    path = Path(path)
    chosen = form_of(path, form)
    examples = examples_of(data, str(path), look=not look or chosen == "squad")
    write_atomically(path, rendered(examples, path, look=look, like=like))
    contexts = len(set(examples.context_index.tolist()))
    return Saved(path, chosen, len(examples), contexts, tuple(examples.columns))


def rendered(examples: Examples, path: Path, *, look: bool = False, like: str | Path | None = None) -> bytes:
    """What a file of this name is to hold. Raises as :func:`save` does."""
    form, where = form_of(path), str(path)
    if form == "parquet":
        return _parquet(columns_of(examples, where, cells=False, look=look))
    if form == "csv":
        style = csv_style_of(Path(like)) if like is not None and ENDINGS.get(ending(like)) == "csv" else CsvStyle()
        data = _csv(columns_of(examples, where, cells=True, look=look), style)
    elif form == "jsonl":
        data = _json_lines(columns_of(examples, where, cells=False, look=look)).encode()
    else:
        data = (json.dumps(squad_document(examples, where), ensure_ascii=False) + "\n").encode()
    # Without the time in it, the same data gives the same file.
    return gzip.compress(data, mtime=0) if path.name.lower().endswith(_GZ) else data


def _json_lines(columns: Mapping[str, list[Any]]) -> str:
    rows = zip(*columns.values(), strict=True)
    lines = (json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False) for row in rows)
    return "".join(f"{line}\n" for line in lines)


def _csv(columns: Mapping[str, list[Any]], style: CsvStyle) -> bytes:
    import pyarrow as pa
    import pyarrow.csv

    buffer = io.BytesIO()
    buffer.write(codecs.BOM_UTF8 if style.marked else b"")
    table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    pyarrow.csv.write_csv(table, buffer, pyarrow.csv.WriteOptions(delimiter=style.delimiter))
    return buffer.getvalue()


def _parquet(columns: Mapping[str, list[Any]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts, place = pa.string(), pa.int32()
    span = pa.struct([("char_start", place), ("char_end", place), ("text", texts)])
    kinds = {
        "answers": pa.struct([("text", pa.list_(texts)), ("answer_start", pa.list_(place))]),
        "spans": pa.list_(pa.list_(span)),
    }
    buffer = io.BytesIO()
    table = pa.table({name: pa.array(values, kinds.get(name, texts)) for name, values in columns.items()})
    pq.write_table(table, buffer)
    return buffer.getvalue()


def squad_document(examples: Examples, where: str) -> dict[str, Any]:
    """The document of a SQuAD file, v2.0, questions in their order; further columns are keys of the questions.

    Raises:
        DataError: for answers of several spans, which SQuAD would take for alternatives, and further columns that have
            the name of one of its keys, but for the ``is_impossible`` of data without gold.
    """
    if examples.answer_span is not None:
        ids = [examples.id[row] for row, due in enumerate(examples.spans_due.tolist()) if due > 1]
        what = "a SQuAD file cannot hold answers of several spans, which it would take for alternatives"
        raise refusal(what, ids, where, "convert to jsonl or parquet")
    if bad := [name for name in examples.columns if name in _SQUAD_KEYS and not _is_flag(examples, name)]:
        what = f"a further column called {' or '.join(map(repr, bad))} has the name of a key that SQuAD gives a meaning"
        raise DataError(what, where=where, fix="rename it in the data")
    context = examples.context_index.tolist()
    articles = [
        {
            "title": title,
            "paragraphs": [
                {"context": examples.context[k], "qas": [_question(examples, row) for row in rows]}
                for k, rows in groupby(of_title, key=context.__getitem__)
            ],
        }
        for title, of_title in groupby(range(len(examples)), key=examples.title.__getitem__)
    ]
    return {"version": "v2.0", "data": articles}


def _question(examples: Examples, row: int) -> dict[str, Any]:
    found: dict[str, Any] = {"id": examples.id[row], "question": examples.question[row]}
    if examples.answer_offsets is not None:
        answers = [_answer(answer) for span in examples.spans_of_answer(row) for answer in span]
        found |= {"answers": answers, "is_impossible": not answers}
    further = {name: values[row] for name, values in examples.columns.items()}
    return found | {name: _FLAGS[value] if name in _SQUAD_KEYS else value for name, value in further.items()}


def _is_flag(examples: Examples, name: str) -> bool:
    """Whether a further column is what unlabelled questions have of ``is_impossible``."""
    return name == "is_impossible" and not examples.has_gold and _FLAGS.keys() >= set(examples.columns[name])


def _answer(answer: Answer) -> dict[str, Any]:
    return {"text": answer.text} | ({} if answer.start == UNKNOWN else {"answer_start": answer.start})
