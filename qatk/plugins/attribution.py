"""Whose fault an exception is: the component that raised it, and what it was doing."""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from qatk.errors import QatkError, WrongReturn

TRACEBACK = "QATK_TRACEBACK"
"""The environment variable that asks for tracebacks."""


class Suspect(Protocol):
    """A component that can be to blame, and whose ``str`` names it; see :class:`qatk.plugins.registered.Registered`."""

    def source_file(self) -> str:
        """Where its class is written."""


@dataclass(frozen=True)
class Blame:
    """A component, and what it was used for when it failed."""

    component: Suspect
    stage: str


def blame(error: Exception, component: Suspect, stage: str) -> None:
    """Note on an exception, once, whose it is: the innermost component that was in use."""
    if not hasattr(error, "qatk_blame"):
        _note(error, Blame(component, stage))


@contextmanager
def attributed(component: Suspect, stage: str, *, may_print: bool = False) -> Iterator[None]:
    """Run a component's code: an exception keeps its type and gets a note of component, plugin and stage.

    What the code prints goes to standard error, since standard output is the command's, unless it ``may_print``; where
    nobody reads what it prints any more (``| head``), the code ends and what comes after it goes on.
    """
    with nullcontext() if may_print else redirect_stdout(sys.stderr):
        try:
            yield
        except QatkError:
            raise
        except SystemExit as error:
            if may_print and isinstance(error.__context__, BrokenPipeError):
                return  # rich ends the process where nobody reads on; files that others write are still wanted
            left = RuntimeError(f"it asked the whole process to end: {error!r}")
            blame(left, component, stage)
            raise left from error
        except Exception as error:
            blame(error, component, stage)
            raise


@contextmanager
def blaming(components: Iterable[Suspect]) -> Iterator[None]:
    """Put the blame on that component whose own code was running, where it is another than the one in use.

    A head's module runs inside of the trainer's loop: what it raises is the head's.
    """
    try:
        yield
    except QatkError:
        raise
    except Exception as error:
        noted: Blame | None = getattr(error, "qatk_blame", None)
        owner = _owner(error, components)
        if noted is not None and owner is not None and owner != noted.component:
            error.__notes__ = [note for note in error.__notes__ if note != _text(noted)]
            _note(error, Blame(owner, noted.stage))
        raise


def explain(error: Exception) -> str | None:
    """What failed, where and why, for a user who did not write the component; ``None`` where nobody is to blame."""
    noted: Blame | None = getattr(error, "qatk_blame", None)
    if noted is None:
        return None
    source = _source(noted.component)
    own = [] if source is None else [frame for frame in _frames(error) if Path(frame.filename) == source]
    where = f"{own[-1].filename}:{own[-1].lineno}" if own else None if source is None else str(source)
    reason = "; ".join(str(error).splitlines()) or "no reason given"
    what = f"{noted.component} failed during {noted.stage}: {type(error).__name__}: {reason}"
    fix = f"{TRACEBACK}=1 shows the traceback; after fixing the error, continue a run with --resume"
    return str(QatkError(what, where=where, fix=fix))


def _note(error: Exception, found: Blame) -> None:
    error.qatk_blame = found  # type: ignore[attr-defined]
    error.__notes__ = [*getattr(error, "__notes__", []), _text(found)]  # add_note is Python 3.11's


def _text(found: Blame) -> str:
    return f"raised in {found.component}, during {found.stage}"


def _owner(error: Exception, components: Iterable[Suspect]) -> Suspect | None:
    """The component in whose source the exception, or the last call before it, was."""
    sources = [(source, component) for component in components if (source := _source(component))]
    files = [Path(frame.filename) for frame in _frames(error)]
    if isinstance(error, WrongReturn):
        with suppress(OSError, TypeError):  # of a class without source
            files.append(Path(inspect.getsourcefile(type(error.by)) or ""))
    for file in reversed(files):
        found = [component for source, component in sources if file == source]
        found = found or [component for source, component in sources if _is_beside(file, source)]
        if len(found) == 1:  # of several in one package nobody can say
            return found[0]
    return None


def _frames(error: BaseException) -> traceback.StackSummary:
    """Where it was raised, and before that what it was raised from."""
    frames = traceback.extract_tb(error.__traceback__)
    return frames if error.__cause__ is None else traceback.StackSummary([*frames, *_frames(error.__cause__)])


def _source(component: Suspect) -> Path | None:
    try:
        return Path(component.source_file())
    except Exception:  # of a class without source
        return None


def _is_beside(file: Path, source: Path) -> bool:
    """Whether a file belongs to the package of another one."""
    return source.parent in file.parents and (source.parent / "__init__.py").exists()
