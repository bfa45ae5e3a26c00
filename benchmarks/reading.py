"""Reading rows of questions, side by side: the dataset ``table`` against pandas and ``datasets``.

Run: python benchmarks/reading.py. All sides read the same file and end with ids, questions, contexts, answers and the
place of each answer, which must be equal. qatk also checks ids, blanks and places, and keeps each context once.
"""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from common import Row, Timed, alternate, mini_or_generated, speedup
from table import alone

from qatk_builtin.datasets.table import TableDataset
from qatk_builtin.datasets.table_options import TableOptions

Read = list[tuple[str, str, str, str, int]]
"""Of each row its id, question, context, first answer and where that stands, "" and -1 where there is none."""
FORMS = ("csv", "jsonl", "parquet")
NAMES = ("id", "question", "context", "answer")


def rows_of(data: Mapping[str, Any]) -> list[dict[str, str]]:
    """A row for each question, with its first answer as a text."""
    return [
        dict(zip(NAMES, (qa["id"], qa["question"], paragraph["context"], _first(qa)), strict=True))
        for article in data["data"]
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    ]


def _first(qa: Mapping[str, Any]) -> str:
    return str(qa["answers"][0]["text"]) if qa["answers"] else ""


def write(folder: Path, form: str, rows: list[dict[str, str]]) -> Path:
    """The rows as a file of a form."""
    path = folder / f"rows.{form}"
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif form == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, NAMES)
            writer.writeheader()
            writer.writerows(rows)
    return path


def by_qatk(path: Path) -> Read:
    examples = TableDataset(TableOptions(path=str(path), ambiguous="first")).load()
    starts = [spans[0][0] if (spans := examples.spans_of(row)) else -1 for row in range(len(examples))]
    texts = [(examples.answers_of(row) or [""])[0] for row in range(len(examples))]
    contexts = [examples.context_of(row) for row in range(len(examples))]
    return list(zip(examples.id, examples.question, contexts, texts, starts, strict=True))


def by_pandas(path: Path) -> Read:
    readers: dict[str, Callable[[], pd.DataFrame]] = {
        ".csv": lambda: pd.read_csv(path, dtype=str, keep_default_na=False),
        ".jsonl": lambda: pd.read_json(path, lines=True, dtype=False),
        ".parquet": lambda: pd.read_parquet(path),
    }
    frame = readers[path.suffix]()
    return _placed(*(frame[name].tolist() for name in NAMES))


def by_datasets(path: Path) -> Read:
    builder = {".jsonl": "json"}.get(path.suffix, path.suffix[1:])
    with tempfile.TemporaryDirectory() as cache:  # a second call would find what the first prepared
        texts = datasets.Features(dict.fromkeys(NAMES, datasets.Value("string")))
        given = {"data_files": str(path), "split": "train", "features": texts, "cache_dir": cache}
        more = {"keep_default_na": False} if builder == "csv" else {}  # else an answer "NA" is missing
        found = datasets.load_dataset(builder, **given, **more)[:]
    return _placed(*([value or "" for value in found[name]] for name in NAMES))


def _placed(ids: list[str], questions: list[str], contexts: list[str], answers: list[str]) -> Read:
    each = zip(ids, questions, contexts, answers, strict=True)
    return [(i, q, c, answer, c.find(answer) if answer else -1) for i, q, c, answer in each]


REFERENCES = {"pandas": by_pandas, "datasets.load_dataset": by_datasets}


def measure(repetitions: int = 5) -> list[Row]:
    """A row for each form and reference."""
    name, data = mini_or_generated()
    rows = rows_of(data)
    with tempfile.TemporaryDirectory() as folder:
        files = {form: write(Path(folder), form, rows) for form in FORMS}
        return [row for form, path in files.items() for row in compare(f"{name}, {form}", path, repetitions)]


def compare(case: str, path: Path, repetitions: int) -> list[Row]:
    """Time all sides in turn; refuse to report where one reads something else."""
    sides = {"qatk": lambda: by_qatk(path), **{name: _bound(read, path) for name, read in REFERENCES.items()}}
    found = {name: read() for name, read in sides.items()}
    if others := [name for name, read in found.items() if read != found["qatk"]]:
        raise SystemExit(f"{case}: {', '.join(others)} read something else than qatk")
    times = {name: Timed(took, len(found["qatk"])) for name, took in alternate(sides, repetitions).items()}
    return [speedup("reading", case, "questions", times["qatk"], times[name], name) for name in REFERENCES]


def _bound(read: Callable[[Path], Read], path: Path) -> Callable[[], Read]:
    return lambda: read(path)


if __name__ == "__main__":
    alone(__doc__, measure, repetitions=5)
