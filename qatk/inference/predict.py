"""Answers to a whole file of questions: written block by block, so that a kill costs a block and memory stays flat."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from qatk.evaluation.prediction_rows import read_said
from qatk.evaluation.prediction_tables import DELIMITERS, write_table
from qatk.evaluation.tally import Tally
from qatk.files import finite, storage_errors, write_atomically
from qatk.inference.asked import BLOCK, Asked, Survey, held
from qatk.inference.model import AnsweringModel
from qatk.inference.parts import SURVEY, check_out, leave_parts, open_parts, parts_of, remove_parts
from qatk.inference.reply import replies_of
from qatk.inference.tuned import warn_of_tuned
from qatk.languages import ENGLISH, Normalisation
from qatk.progress import advance
from qatk.results.evaluation import Evaluation
from qatk.run_folder.lock import locked
from qatk.types import Examples

FORMS = (".json", ".jsonl", ".parquet", *DELIMITERS)
PARTS = "[0-9]*.jsonl"
FORM = 5
"""Of the rows in the parts: those of another form cannot be gone on with."""

Row = dict[str, Any]
Elsewhere = Callable[[Path, Asked], None]
"""Has blocks answered by other processes: is given the folder of parts, which is open, and what is asked."""


@dataclass(frozen=True)
class Shard:
    """One of ``of`` contiguous parts of the questions, from 1; whole blocks, so that it changes no answer."""

    number: int
    of: int

    def blocks(self, asked: Asked) -> range:
        """The numbers of its blocks."""
        blocks = len(asked.sizes)
        return range(blocks * (self.number - 1) // self.of, blocks * self.number // self.of)


@dataclass(frozen=True)
class Written:
    """What :func:`predict_file` wrote.

    Attributes:
        path: of the answers.
        questions: how many there are.
        answered: how many got a span of their context.
        resumed: how many an earlier, killed call had answered.
        scores: EM and F1, if the questions have gold answers; its examples and predictions have no texts.
        several: whether an answer that is given or due has several spans.
    """

    path: Path
    questions: int
    answered: int
    resumed: int
    scores: Evaluation | None = None
    several: bool = False


def predict_file(
    model: AnsweringModel,
    examples: Examples | Asked,
    out: Path,
    *,
    top_k: int = 5,
    resume: bool = False,
    block: int = BLOCK,
    normalisation: Normalisation = ENGLISH,
    elsewhere: Elsewhere | None = None,
) -> Written:
    """Answer all examples into a file.

    Answers are kept by blocks in the folder ``OUT.parts`` until all are there; then the file appears at once. The same
    model and data give the same bytes, whether or not a call was killed on the way.

    Args:
        model: that answers.
        examples: what is asked; gold is not needed. Of :func:`qatk.inference.asked.read_asked` a block is in memory.
        out: ``.json``, the official form, id to text; ``.jsonl`` or ``.parquet``, a row a question: its id, and what
            :meth:`qatk.inference.reply.Reply.as_dict` says; ``.csv`` or ``.tsv``, the same without the best spans. Rows
            are in the order of the examples.
        top_k: how many best spans a row has.
        resume: go on with what a killed call left.
        block: questions answered between two writes; those that are read in blocks have their own.
        normalisation: by which normaliser the answers to questions with gold answers are compared.
        elsewhere: called before anything is answered here, see :func:`answer_shard`.

    Raises:
        UsageError: another ending; a killed call left something and ``resume`` is off, or it was about something else.
        RunFolderError: another process answers into that file.
        StorageError: the disk refuses.
    """
    check_out(out, FORMS)
    parts = parts_of(out)
    with locked(parts, any_folder=True):
        asked = held(examples, block) if isinstance(examples, Examples) else examples
        identity = _identity(model, asked, top_k, block)
        open_parts(parts, identity, resume=resume, begin=elsewhere is not None)
        if asked.has_gold:
            warn_of_tuned(model.run, model.sections, lambda: asked.whole)
        resumed = sum(size for number, size in enumerate(asked.sizes) if part_of(parts, number).exists())
        tally = Tally(normalisation)
        try:
            if elsewhere is not None:
                _note_survey(parts, asked)
                elsewhere(parts, asked)
            every = range(len(asked.sizes))
            _answer(model, asked, parts, identity, top_k, every, tally, joining=elsewhere is not None)
        finally:
            leave_parts(parts)
        answered = _join(parts, out)
        remove_parts(parts)
    scores = tally.evaluation() if asked.has_gold else None
    return Written(out, asked.count, answered, resumed, scores, tally.several)


def answer_shard(model: AnsweringModel, asked: Asked, out: Path, shard: Shard, *, top_k: int = 5) -> int:
    """Answer the blocks of a shard that are not answered, into the folder of parts; :func:`predict_file` joins them.

    Several processes may do so at once, and while another one waits in ``elsewhere`` of that function.

    Returns:
        the number of questions in the shard.

    Raises:
        UsageError: the folder of parts is about something else.
        StorageError: the disk refuses.
    """
    parts = parts_of(out)
    with storage_errors(parts):
        parts.mkdir(exist_ok=True)
    open_parts(parts, identity := _identity(model, asked, top_k, BLOCK), resume=True)
    _note_survey(parts, asked)
    blocks = shard.blocks(asked)
    _answer(model, asked, parts, identity, top_k, blocks)
    return sum(asked.sizes[number] for number in blocks)


def known_survey(out: Path) -> Survey | None:
    """What another process that answers into this file saw of the questions, if any did."""
    return Survey.known(parts_of(out) / SURVEY)


def _note_survey(parts: Path, asked: Asked) -> None:
    """Spare the processes that answer shards a reading of all questions."""
    if asked.survey is not None and not (parts / SURVEY).exists():
        asked.survey.write(parts / SURVEY)


def part_of(parts: Path, number: int) -> Path:
    """The file that holds the answers of a block."""
    return parts / f"{number:06d}.jsonl"


def _answer(
    model: AnsweringModel,
    asked: Asked,
    parts: Path,
    identity: Mapping[str, object],
    top_k: int,
    which: range,
    tally: Tally | None = None,
    *,
    joining: bool = False,
) -> None:
    """Answer those of these blocks that have no part yet, and score all of them; ``joining`` names the work so."""
    there = {number for number in which if part_of(parts, number).exists() and not joining}
    done, total = sum(asked.sizes[number] for number in there), sum(asked.sizes[number] for number in which)
    what = "joining" if joining else "answering"
    advance(what, done, total)  # what a killed call did is no part of the speed
    for number, examples in zip(which, asked.blocks(which), strict=True):
        part = part_of(parts, number)
        if not part.exists():
            lines = "".join(_lines(model, examples, top_k))
            open_parts(parts, identity, resume=True)
            write_atomically(part, lines)
        if asked.has_gold and tally is not None:
            tally.add(examples, read_said(part))
        if number not in there:
            done += len(examples)
            advance(what, done, total)


def _lines(model: AnsweringModel, examples: Examples, top_k: int) -> Iterator[str]:
    model = model.keeping(top_k)
    predictions = model.predict(examples)
    for row, reply in enumerate(replies_of(examples, predictions, top_k=top_k, among=model.among)):
        yield json.dumps(finite({"id": examples.id[row], **reply.as_dict()}), ensure_ascii=False) + "\n"


def _identity(model: AnsweringModel, asked: Asked, top_k: int, block: int) -> dict[str, object]:
    """What the parts of a killed call must agree on; not where the model lies, whose files ``weights`` tells."""
    places = (model.name, str(model.trained))
    backbone = {name: value for name, value in model.sections["backbone"].items() if value not in places}
    sections = json.dumps([{**model.sections, "backbone": backbone}, model.threshold], sort_keys=True, default=str)
    return {
        "form": FORM,
        "model": hashlib.sha256(sections.encode()).hexdigest(),
        "weights": model.weights,
        "data": asked.digest,
        "top_k": top_k,
        "block": block,
    }


def _in_order(parts: Path) -> list[Path]:
    return sorted(parts.glob(PARTS))


def _rows(parts: Path) -> Iterator[Row]:
    for part in _in_order(parts):
        with part.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def _join(parts: Path, out: Path) -> int:
    """Put all parts into one file, by way of a file beside them; how many questions got an answer."""
    form = out.suffix.lower()
    whole = parts / f"whole{form}"
    answered, several = 0, False
    with storage_errors(out):
        for row in _rows(parts):
            answered += row["start"] >= 0
            several |= len(row["spans"]) > 1
        if form == ".parquet":
            _write_parquet(parts, whole)
        elif form == ".jsonl":
            with whole.open("wb") as file:
                for part in _in_order(parts):
                    file.write(part.read_bytes())
        else:
            with whole.open("w", encoding="utf-8-sig" if form == ".csv" else "utf-8", newline="") as text:
                if form in DELIMITERS:
                    write_table(text, _rows(parts), DELIMITERS[form], several=several)
                else:
                    _write_official(text, _rows(parts), several=several)
        whole.replace(out)
    return answered


def _write_official(file: TextIO, rows: Iterable[Row], *, several: bool) -> None:
    between = "{"
    for row in rows:
        said = (row["id"], [span["text"] for span in row["spans"]] if several else row["answer"])
        key, text = (json.dumps(value, ensure_ascii=False) for value in said)
        file.write(f"{between}\n {key}: {text}")
        between = ","
    file.write("\n}\n" if between == "," else "{}\n")


def _write_parquet(parts: Path, whole: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    place = [("start", pa.int32()), ("end", pa.int32())]
    span = [("text", pa.string()), *place, ("score", pa.float32())]
    best = pa.struct([*span, ("probability", pa.float32())])
    numbers = [(name, pa.float32()) for name in ("probability", "no_answer_probability", "null_odds")]
    texts = [(name, pa.string()) for name in ("id", "question", "answer")]
    said = [*texts, *place, ("spans", pa.list_(pa.struct(span)))]
    schema = pa.schema([*said, *numbers, ("candidates", pa.list_(best))])
    with pq.ParquetWriter(whole, schema) as writer:
        for part in _in_order(parts):
            with part.open(encoding="utf-8") as lines:
                writer.write_table(pa.Table.from_pylist(list(map(json.loads, lines)), schema))
