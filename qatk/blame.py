"""Whose fault an exception is: the component that raised it, and what it was doing."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qatk.errors import QatkError

if TYPE_CHECKING:
    from qatk.parts import Part, Registered

TRACEBACK = "QATK_TRACEBACK"
"""The environment variable that asks for tracebacks."""


@dataclass(frozen=True)
class Blame:
    """A component, and what it was used for when it failed."""

    registered: Registered
    stage: str


def blame(error: Exception, registered: Registered, stage: str) -> None:
    """Note on an exception, once, whose it is: the innermost component that was in use."""
    if not hasattr(error, "qatk_blame"):
        _note(error, Blame(registered, stage))


@contextmanager
def blaming(parts: Iterable[Part]) -> Iterator[None]:
    """Put the blame on that part whose own code was running, where it is another than the one in use.

    A head's module runs inside of the trainer's loop: what it raises is the head's.
    """
    try:
        yield
    except QatkError:
        raise
    except Exception as error:
        noted: Blame | None = getattr(error, "qatk_blame", None)
        owner = _owner(error, parts)
        if noted is not None and owner is not None and owner != noted.registered:
            error.__notes__ = [note for note in error.__notes__ if note != _text(noted)]
            _note(error, Blame(owner, noted.stage))
        raise


def explain(error: Exception) -> str | None:
    """What failed, where and why, for a user who did not write the component; ``None`` where nobody is to blame."""
    noted: Blame | None = getattr(error, "qatk_blame", None)
    if noted is None:
        return None
    frames = traceback.extract_tb(error.__traceback__)
    source = _source(noted.registered)
    own = [frame for frame in frames if source is not None and Path(frame.filename) == source] or frames
    reason = "; ".join(str(error).splitlines()) or "no reason given"
    what = f"{noted.registered} failed during {noted.stage}: {type(error).__name__}: {reason}"
    fix = f"{TRACEBACK}=1 shows the traceback; once it is mended, a run goes on with --resume"
    return str(QatkError(what, where=f"{own[-1].filename}:{own[-1].lineno}" if own else None, fix=fix))


def _note(error: Exception, found: Blame) -> None:
    error.qatk_blame = found  # type: ignore[attr-defined]
    error.__notes__ = [*getattr(error, "__notes__", []), _text(found)]  # add_note is Python 3.11's


def _text(found: Blame) -> str:
    return f"raised in {found.registered}, during {found.stage}"


def _owner(error: Exception, parts: Iterable[Part]) -> Registered | None:
    """The part in whose source the exception, or the last call before it, was."""
    sources = [(source, part.registered) for part in parts if (source := _source(part.registered))]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        found = [registered for source, registered in sources if file == source]
        found = found or [registered for source, registered in sources if _is_beside(file, source)]
        if len(found) == 1:  # of several in one package nobody can say
            return found[0]
    return None


def _source(registered: Registered) -> Path | None:
    try:
        return Path(registered.source_file())
    except Exception:  # of a class without source
        return None


def _is_beside(file: Path, source: Path) -> bool:
    """Whether a file belongs to the package of another one."""
    return source.parent in file.parents and (source.parent / "__init__.py").exists()
