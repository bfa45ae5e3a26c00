"""The folder beside a file of answers that keeps what is answered until all is there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from qatk.errors import UsageError
from qatk.files import storage_errors, write_json
from qatk.run_folder.lock import LOCK
from qatk.spelling import spelled

ABOUT, SURVEY = "about.json", "survey.json"
"""What the answers are about, and what a call saw of the questions, see :class:`qatk.inference.asked.Survey`."""
_ANSWERS, _AT_WORK = "*.jsonl", "*.job.json"
"""Answers, and the records of jobs that a launcher follows."""
_NOTHING: Mapping[str, object] = {}
"""What a folder is about in which nothing was answered."""


def check_out(out: Path, forms: Sequence[str]) -> None:
    """Raise :class:`UsageError` where no answers can be written to this path: another ending, no folder, a folder."""
    if out.suffix.lower() not in forms:
        raise UsageError(f"{out} has an unknown ending", fix=f"end it in {', '.join(forms)}")
    if not out.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {out.parent}", where=str(out), fix="make it first")
    if out.is_dir():
        raise UsageError(f"{out} is a folder", fix="name a file")


def parts_of(out: Path) -> Path:
    """The folder of the parts of an answers file."""
    return out.with_name(f"{out.name}.parts")


def open_parts(parts: Path, identity: Mapping[str, object], *, resume: bool, begin: bool = True) -> None:
    """Open a folder for the parts of an answers file: a new one, or that of a killed call about the same.

    Args:
        parts: the folder.
        identity: what decides the answers, by the name that a message gives it.
        resume: go on with what a killed call left.
        begin: say in a new one what it is about. A call that answers alone does so with its first answers: where it is
            killed before, any call begins anew.

    Raises:
        UsageError: a killed call left something and ``resume`` is off, or it was about something else, or nothing says
            what it was about.
        StorageError: the disk refuses.
    """
    answered = any(parts.glob(_ANSWERS))  # looked for before what they are about, which is written before them
    held = _held(parts / ABOUT)
    if answered or held != _NOTHING:
        if any(found.name != LOCK for found in parts.iterdir()) and not resume:
            what = f"{parts} is of a call that did not come to its end"
            raise UsageError(what, fix=f"go on with {spelled('resume', True)}, or remove the folder")
        if held is not None:
            if changed := [name for name, value in identity.items() if held.get(name) != value]:
                what = f"{parts} was begun with other {' and '.join(changed)}"
                raise UsageError(
                    what, fix=f"remove the folder, or repeat the call that began it, with {spelled('resume', True)}"
                )
            return
        if answered:
            raise UsageError(f"{parts} has no {ABOUT}, which says what was answered", fix="remove the folder")
    with storage_errors(parts):
        parts.mkdir(parents=True, exist_ok=True)
    if begin:
        write_json(parts / ABOUT, identity)


def _held(about: Path) -> dict[str, object] | None:
    """What answers are about; ``None`` where nothing says so, and none of its names where it is damaged."""
    if not about.exists():
        return None
    try:
        held = json.loads(about.read_text("utf-8"))
    except ValueError:
        held = None
    return held if isinstance(held, dict) else {"damaged": True}


def leave_parts(parts: Path) -> None:
    """Let any call begin anew where nothing was answered and no job is at work.

    What :func:`open_parts` wrote goes; beside logs of jobs that failed, it says that the folder is about nothing.
    """
    if not parts.is_dir() or any(parts.glob(_ANSWERS)) or any(parts.glob(_AT_WORK)):
        return
    (parts / SURVEY).unlink(missing_ok=True)
    if any(found.name not in (LOCK, ABOUT) for found in parts.iterdir()):
        write_json(parts / ABOUT, _NOTHING)
    else:
        (parts / ABOUT).unlink(missing_ok=True)


def remove_parts(parts: Path) -> None:
    """Remove the folder, its answers first: a kill leaves none without what they are about."""
    for answers in parts.glob(_ANSWERS):
        answers.unlink()
    shutil.rmtree(parts)
