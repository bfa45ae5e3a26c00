"""Files of a run folder that are cut, damaged, of another program or changed by hand: one message for each."""

from __future__ import annotations

from pathlib import Path

from qatk.errors import DataError, RunFolderError
from qatk.files import parse_json

NORMALISER = "normaliser"
"""The key of ``metrics.json`` that names the normaliser; all others are figures."""


def unreadable(place: Path | str, why: str) -> RunFolderError:
    """The error of a file, or a line of it, that is not as qatk wrote it."""
    return RunFolderError(f"{place} cannot be read: {why}", fix="remove the folder, and the run can be made again")


def refuse_pipes(path: Path) -> None:
    """Raise :class:`RunFolderError` if there is a pipe or a device, which may never end, where a file is due."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise unreadable(path, "it is a pipe or a device, not a file")


def read_part(path: Path) -> object:
    """The JSON value of a file in a run folder.

    Raises:
        RunFolderError: where the file is not there, not text or not JSON.
    """
    refuse_pipes(path)
    try:
        return parse_json(path.read_text("utf-8"), path)
    except OSError as error:
        raise unreadable(path, error.strerror or str(error)) from None
    except UnicodeDecodeError as error:
        raise unreadable(path, f"byte {error.start} is not UTF-8") from None
    except DataError as error:
        raise unreadable(error.where or path, error.what) from None


def read_figures(path: Path) -> dict[str, float]:
    """The names and numbers of ``metrics.json``; ``null`` is NaN, as JSON has none.

    Raises:
        RunFolderError: as :func:`read_part`, and where it holds something else.
    """
    content = read_part(path)
    if not isinstance(content, dict):
        raise unreadable(path, f"expected an object of names and numbers, not a {type(content).__name__}")
    content.pop(NORMALISER, None)
    for name, value in content.items():
        if isinstance(value, bool) or not isinstance(value, int | float | None):
            raise unreadable(path, f"{name!r} is {str(value)[:60]!r}, not a number")
    return {name: float("nan") if value is None else value for name, value in content.items()}
