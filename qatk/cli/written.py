"""The file that a command writes: none that it reads; and what commands of ``qatk data`` say of theirs."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qatk.errors import UsageError, counted, visible
from qatk.files import is_there

if TYPE_CHECKING:
    from qatk.data import Saved

Out = Annotated[
    Path | None,
    typer.Argument(
        metavar="OUT",
        help="File to write: .json (SQuAD), .jsonl, .csv or .parquet; the first three also with .gz.",
        show_default=False,
    ),
]


_OF_MODELS = (
    *("manifest.json", "metrics.json", "predictions.json", "null_odds.json", "decoder.json", "calibration.json"),
    *("examples.parquet", "events.jsonl", "export.json", "config.json", "tokenizer.json", "tokenizer_config.json"),
)
"""Files of runs, exports and saved models, by which a file of answers could be called."""


def both(data: str | None, out: Path | None, *, force: bool) -> tuple[str | None, Path]:
    """DATA and OUT; of one argument, OUT alone.

    Raises:
        UsageError: without any, and as of :func:`another` and :func:`unwritten`.
    """
    if data is None:
        raise UsageError("OUT is missing", fix="name the file to read and the file to write")
    if out is None:
        return None, unwritten(Path(data), force=force)
    return data, unwritten(another(data, out), force=force)


def another(data: str | None, out: Path, named: str = "DATA") -> Path:
    """A file to write, none of those that DATA, a path or a glob, names. Raises :class:`UsageError`."""
    if is_there(out) and any(out.samefile(file) for file in _files(data)):
        raise UsageError(f"the file to write is one that {named} names", where=str(out), fix="name another file")
    return out


def first_file(data: str | None) -> str | None:
    """The first file that DATA, a path or a glob, names, if it is of this machine."""
    return next(iter(_files(data)), None)


def _files(data: str | None) -> list[str]:
    if data is None or is_there(Path(data)):
        return [] if data is None else [data]
    return sorted(glob.glob(data, recursive=True))  # noqa: PTH207  # also of absolute paths


def outside(model: str, out: Path) -> Path:
    """A file to write, none of those that make a run or a model in a folder. Raises :class:`UsageError`."""
    if is_there(out) and out.name in _OF_MODELS and out.resolve().is_relative_to(Path(model).resolve()):
        raise UsageError("the file to write is one of MODEL", where=str(out), fix="name another file")
    return out


def unwritten(out: Path, *, force: bool) -> Path:
    """A file to write that does not exist, unless it may be overwritten. Raises :class:`UsageError`."""
    if not force and is_there(out) and out.is_file():
        fix = "name another file, or overwrite it with --force; a glob as DATA stands in quotes"
        raise UsageError("the file exists already", where=str(out), fix=fix)
    return out


def plain(saved: Saved) -> dict[str, object]:
    """What was written, as JSON values."""
    return {**vars(saved), "path": str(saved.path), "columns": list(saved.columns)}


def said(saved: Saved) -> str:
    """What was written, in words."""
    further = f"; further columns: {', '.join(map(visible, saved.columns))}" if saved.columns else ""
    return f"{counted(saved.questions, 'question')}, {counted(saved.contexts, 'context')}, {saved.form}{further}"
