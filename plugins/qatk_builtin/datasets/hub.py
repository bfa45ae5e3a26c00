"""Data sets of the Hugging Face hub, local folders and local files, as ``datasets`` reads them, to examples."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import datasets
import huggingface_hub
import pyarrow as pa
from datasets.exceptions import DataFilesNotFoundError, DatasetGenerationError, DatasetNotFoundError
from huggingface_hub.errors import OfflineModeIsEnabled

from qatk.api import DataError, Examples, HubUnreachable, RawExamples, UsageError
from qatk.files import causes, ending, first_line, hub_errors, is_of_network, is_there, unreachable
from qatk.types import Rows
from qatk_builtin.datasets import HubOptions
from qatk_builtin.datasets.columns import Columned
from qatk_builtin.datasets.rows import checked_rows

_BUILDERS = {
    **dict.fromkeys((".json", ".jsonl", ".ndjson"), "json"),
    **dict.fromkeys((".csv", ".tsv"), "csv"),
    ".parquet": "parquet",
    ".arrow": "arrow",
}
_TIMEOUT = 20.0
_BATCH = 1000
"""Rows of a stream that are read together."""


class HubDataset(Columned[HubOptions]):
    """The ``hub`` dataset: rows, one a question; see :class:`qatk.types.Rows` for what a row may be.

    ``name`` is a data set of the hub, a folder that ``datasets.load_dataset`` reads, one that ``save_to_disk``
    wrote, or a single .json, .jsonl, .ndjson, .csv, .tsv, .parquet or .arrow file (its split is ``train``).
    """

    def load(self) -> Examples:
        """Fetch or read the rows, map them to examples and check them.

        Raises:
            UsageError: where there is no such data set, revision, configuration or split.
            HubUnreachable: where the hub does not answer.
            DataError: where a row cannot be read, or as :func:`qatk.data.strict`.
        """
        return checked_rows(self._rows(), self.options.ambiguous, self.options.bad_answers, _place)

    def _read(self) -> RawExamples:
        """Fetch or read the rows, right or wrong."""
        return RawExamples.of_rows(self._rows(), self.options.ambiguous, _place)

    def _rows(self) -> Rows:
        where = f"{self.options.name} ({self.options.split})"
        with _quiet():
            rows = _load(self.options, where)
            table = _table(rows, self.options.limit, where, is_there(Path(self.options.name)))
        roles = {str(role): name for role, name in self.options.roles.items()}
        return Rows(table, where, roles, self.options.columns, no_answer=self.options.no_answer)


def _place(row: int) -> str:
    return f"row {row}"


def _table(rows: datasets.Dataset | datasets.IterableDataset, limit: int | None, where: str, local: bool) -> pa.Table:
    """The rows, or the first of them; of a stream no more are read than that takes."""
    if isinstance(rows, datasets.Dataset):
        found = rows if limit is None else rows.select(range(min(limit, len(rows))))
        return found.with_format("arrow")[:]
    batches: list[pa.Table] = []
    try:
        for batch in rows.with_format("arrow").iter(min(limit or _BATCH, _BATCH)):
            batches.append(batch)
            if limit is not None and sum(map(len, batches)) >= limit:
                break
    except Exception as error:
        raise _explained(error, where, local) from error
    if not batches:
        raise DataError("there are no rows", where=where, fix="name another split")
    return pa.concat_tables(batches, promote_options="permissive").slice(0, limit)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without progress bars, and without a log of errors that are reported anyway; both come back as they were."""
    bars = (datasets, huggingface_hub.utils)
    were_on = [library for library in bars if not library.are_progress_bars_disabled()]
    verbosity = datasets.logging.get_verbosity()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    for library in were_on:
        library.disable_progress_bars()
    try:
        yield
    finally:
        datasets.logging.set_verbosity(verbosity)
        for library in were_on:
            library.enable_progress_bars()


def _load(options: HubOptions, where: str) -> datasets.Dataset | datasets.IterableDataset:
    """The data set that the options name, as a stream where they say so; one on the disk as it is."""
    path = Path(options.name)
    local = is_there(path)
    if not local:
        _find_on_hub(options)
    try:
        if path.is_dir() and _is_saved(path):
            return _saved_split(path, options.split)
        if path.is_file():
            return datasets.load_dataset(**_file_arguments(path), split=options.split, streaming=options.streaming)
        return datasets.load_dataset(
            options.name,
            options.config,
            split=options.split,
            revision=options.revision,
            streaming=options.streaming,
        )
    except (UsageError, DataError):
        raise
    except Exception as error:
        raise _explained(error, where, local) from error


def _find_on_hub(options: HubOptions) -> None:
    """Ask the hub once, so that "no such data set" is told from "no answer" without minutes of retries."""
    name = options.name
    if name.startswith((".", "/", "~")) or name.count("/") > 1 or ending(name) in _BUILDERS:
        raise UsageError(
            "there is no such file or folder", where=name, fix="paths are relative to the working directory"
        )
    with hub_errors("data set", name, options.revision, UsageError, "a folder or file"), suppress(OfflineModeIsEnabled):
        huggingface_hub.HfApi().dataset_info(name, revision=options.revision, timeout=_TIMEOUT)


def _explained(error: Exception, where: str, local: bool) -> UsageError | DataError | HubUnreachable:
    """What an exception of ``datasets`` means for the user."""
    text = first_line(error)
    if "BatchSize must be greater than 0" in text:  # what `datasets` asks of a Parquet file without rows
        return DataError("there are no rows", where=where, fix="name another split")
    if "Compression type zstd not supported" in text:
        return UsageError("`datasets` cannot read .zst files here", where=where, fix="pip install zstandard")
    if isinstance(error, ValueError) and not isinstance(error, pa.ArrowException | UnicodeError):
        return UsageError(str(error).strip().replace("\n", " "), where=where, fix="check `split` and `config`")
    if isinstance(error, DatasetNotFoundError):
        return UsageError(text, where=where, fix="check the name and `revision`")
    if isinstance(error, DataFilesNotFoundError | FileNotFoundError):
        return UsageError(f"no data found: {text}", where=where, fix="expected JSON, JSONL, CSV or Parquet files")
    chain = list(causes(error))
    if not local and huggingface_hub.constants.HF_HUB_OFFLINE:
        what = "it is not in the local cache, and HF_HUB_OFFLINE prevents a download"
        return HubUnreachable(what, where=where, fix="unset HF_HUB_OFFLINE")
    if not local and any(map(is_of_network, chain)):
        return unreachable(where, error, "a folder or file")
    if isinstance(error, DatasetGenerationError):
        text = first_line(chain[-1])
    return DataError(f"cannot be read: {text}", where=where, fix="all files of a split must have the same columns")


def _file_arguments(path: Path) -> dict[str, str]:
    suffix = ending(path)
    if suffix not in _BUILDERS:
        known = ", ".join(_BUILDERS)
        raise UsageError(
            f"unknown kind of file {suffix!r}", where=str(path), fix=f"expected one of {known}, or a folder"
        )
    delimiter = {"delimiter": "\t"} if suffix == ".tsv" else {}
    return {"path": _BUILDERS[suffix], "data_files": str(path), **delimiter}


def _is_saved(folder: Path) -> bool:
    """Whether ``save_to_disk`` wrote this folder."""
    return (folder / "state.json").is_file() or (folder / "dataset_dict.json").is_file()


def _saved_split(folder: Path, split: str) -> datasets.Dataset:
    """A split, or a slice or sum of splits, of what ``save_to_disk`` wrote."""
    if (folder / "dataset_dict.json").is_file():
        names = json.loads((folder / "dataset_dict.json").read_text(encoding="utf-8"))["splits"]
        splits = {name: datasets.load_from_disk(str(folder / name)) for name in names}
    else:
        only = datasets.load_from_disk(str(folder))
        splits = {str(only.split or "train"): only}
    sizes = {name: len(rows) for name, rows in splits.items()}
    parts = datasets.ReadInstruction.from_spec(split).to_absolute(sizes)
    return datasets.concatenate_datasets([splits[p.splitname].select(range(p.from_, p.to)) for p in parts])
