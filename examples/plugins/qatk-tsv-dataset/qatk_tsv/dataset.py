"""The ``tsv`` dataset."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from qatk.api import DataError, Examples
from qatk_tsv import TsvOptions

COLUMNS = ("id", "question", "context", "answer")


class Tsv:
    """Reads a file of tab-separated values with a header line."""

    def __init__(self, options: TsvOptions) -> None:
        self.options = options

    def load(self) -> Examples:
        """Read all examples. Raises ``DataError`` with the file and line of a mistake."""
        rows = self._rows()
        contexts = list(dict.fromkeys(row["context"] for row in rows))  # each context is stored once
        place = {context: k for k, context in enumerate(contexts)}
        answered = [row for row in rows if row["answer"]]
        return Examples(
            id=[row["id"] for row in rows],
            question=[row["question"] for row in rows],
            title=[""] * len(rows),
            context=contexts,
            context_index=np.array([place[row["context"]] for row in rows], np.int32),
            answer_offsets=np.cumsum([0, *(row["answer"] != "" for row in rows)], dtype=np.int64),
            answer_text=[row["answer"] for row in answered],
            answer_start=np.array([row["context"].index(row["answer"]) for row in answered], np.int32),
        )

    def _rows(self) -> list[dict[str, str]]:
        path = Path(self.options.path)
        if not path.is_file():
            raise DataError("the file does not exist", where=str(path))
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            if missing := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
                raise DataError(f"missing columns: {', '.join(missing)}", where=f"{path}:1")
            rows = list(reader)
        seen: set[str] = set()
        for line, row in enumerate(rows, 2):
            where = f"{path}:{line}"
            if any(row[name] is None for name in COLUMNS):
                raise DataError("this line has too few columns", where=where)
            if row["answer"] not in row["context"]:
                raise DataError(f"the answer {row['answer']!r} does not occur in its context", where=where)
            if not row["id"] or row["id"] in seen:
                raise DataError(f"the id {row['id']!r} is empty or not unique", where=where)
            seen.add(row["id"])
        return rows
