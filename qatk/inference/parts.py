"""The folder beside a file of answers that keeps what is answered until all is there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from qatk.errors import UsageError
from qatk.files import storage_errors, write_json
from qatk.run_folder.lock import LOCK

ABOUT, SURVEY = "about.json", "survey.json"
"""What the answers are about, and what a call saw of the questions, see :class:`qatk.inference.asked.Survey`."""


def open_parts(parts: Path, identity: Mapping[str, object], *, resume: bool) -> None:
    """Open a folder for the parts of an answers file: a new one, or that of a killed call about the same.

    Args:
        parts: the folder.
        identity: what decides the answers, by the name that a message gives it.
        resume: go on with what a killed call left.

    Raises:
        UsageError: a killed call left something and ``resume`` is off, or it was about something else.
        StorageError: the disk refuses.
    """
    about = parts / ABOUT
    if any(found.name != LOCK for found in parts.iterdir()) and not resume:
        what = f"{parts} holds the answers of a call that did not come to its end"
        raise UsageError(what, fix="go on with --resume, or remove the folder")
    if about.exists():
        try:
            held = json.loads(about.read_text("utf-8"))
        except ValueError:
            held = {}
        if changed := [name for name, value in identity.items() if held.get(name) != value]:
            what = f"{parts} was begun with other {' and '.join(changed)}"
            raise UsageError(what, fix="remove the folder, or repeat the call that began it, with --resume")
        return
    with storage_errors(parts):
        parts.mkdir(parents=True, exist_ok=True)
    write_json(about, identity)


def leave_parts(parts: Path) -> None:
    """Remove what :func:`open_parts` wrote where nothing was answered."""
    if parts.is_dir() and not any(found.name not in (LOCK, ABOUT, SURVEY) for found in parts.iterdir()):
        for name in (ABOUT, SURVEY):
            (parts / name).unlink(missing_ok=True)
