"""The dataset that reads a file, where none is named."""

from __future__ import annotations

from qatk.files import ending

ROWS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".arrow", ".feather")
"""Endings of files of rows; what ends otherwise is taken for a SQuAD file."""


def dataset_for(data: str | None) -> str:
    """The dataset component that reads a file, by its ending."""
    return "table" if ending(data or "") in ROWS else "squad"
