"""The dataset that reads a file, where none is named, and what it is told of gold answers that are only scored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from qatk.errors import UsageError
from qatk.files import ending

if TYPE_CHECKING:
    from qatk.plugins.host import PluginHost

ROWS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".arrow", ".feather")
"""Endings of files of rows; what ends otherwise is taken for a SQuAD file."""


def dataset_for(data: str | None) -> str:
    """The dataset component that reads a file, by its ending."""
    return "table" if ending(data or "") in ROWS else "squad"


def reader_of(path: str, use: str | None, host: PluginHost) -> tuple[str, str]:
    """The dataset that reads a file, by its ending where none is named, and its option that takes the path.

    Raises:
        UsageError: for a dataset that is not there or reads no file.
    """
    use = use or dataset_for(path)
    if not (required := host.find("dataset", use).component.required_options):
        raise UsageError(f"the dataset {use!r} reads no file", where=path, fix="name another one, such as squad")
    return use, required[0]


def for_scoring(use: str, options: Mapping[str, object], host: PluginHost) -> dict[str, object]:
    """Options of a dataset whose gold answers are only scored: by their texts, wherever they are said to stand.

    The official script scores so. An option that is given stays.
    """
    known = host.find("dataset", use).component.options.model_fields
    return {**({"bad_answers": "keep"} if "bad_answers" in known else {}), **options}
