"""One digest of the sources that a component's doing follows from, for manifests and for caches."""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import qatk.types
from qatk.plugins.registered import Registered


def sources_digest(registered: Registered) -> str | None:
    """SHA-256 over the Python files of the component's own folder and of :mod:`qatk.types`; ``None`` without source.

    The folder is the package of its class (all of a plugin's package where the class stands deeper in it), and that of
    each class that it inherits from. Other plugins, and other built-in kinds, do not count: editing a reporter changes
    no featurizer.
    """
    try:
        classes = [cls for cls in registered.cls().__mro__ if cls.__module__.partition(".")[0] not in _STANDARD]
        files = [Path(inspect.getsourcefile(cls) or "") for cls in classes]
    except (OSError, TypeError):
        return None
    return digest_of(files) if all(file.is_file() for file in files) else None


def digest_of(files: Iterable[Path]) -> str:
    """SHA-256 over the packages (or the folders, where they are in no package) of these files and :mod:`qatk.types`.

    It is the same wherever they lie: in a repository as in the folder into which a wheel was installed.
    """
    folders = {_home(file) for file in files} | {Path(qatk.types.__file__).parent}
    return hashlib.sha256("".join(sorted(map(_digest, folders))).encode()).hexdigest()


def _digest(folder: Path) -> str:
    """Of all files of a package; of a folder that is none, of those that lie in it, not below."""
    files = _files(str(folder), deep=(folder / "__init__.py").exists())
    return _digest_of_state(folder, frozenset((file.path, _state(file.stat())) for file in files))


def _files(folder: str, *, deep: bool) -> Iterator[os.DirEntry[str]]:
    """Those of Python that can be read."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if deep and entry.is_dir(follow_symlinks=False):
                yield from _files(entry.path, deep=deep)
            elif entry.name.endswith(".py") and entry.is_file() and os.access(entry, os.R_OK):
                yield entry


def _state(file: os.stat_result) -> tuple[int, ...]:
    """What another content of a file changes; its time alone may be that of the content before."""
    return file.st_mtime_ns, file.st_ctime_ns, file.st_size, file.st_ino


@lru_cache(maxsize=256)
def _digest_of_state(folder: Path, files: frozenset[tuple[str, tuple[int, ...]]]) -> str:
    """Read once in a process for each state of these files."""
    sha = hashlib.sha256()
    for path in sorted(Path(name) for name, _ in files):
        content = path.read_bytes()
        sha.update(f"{path.relative_to(folder).as_posix()}:{len(content)}:".encode())
        sha.update(content)
    return sha.hexdigest()


_STANDARD = sys.stdlib_module_names


def _home(file: Path) -> Path:
    """The folder whose files belong together: of built-ins the room of their kind, else the outermost package."""
    folder = file.parent
    while (folder / "__init__.py").exists() and (folder.parent / "__init__.py").exists():
        if folder.parent.name == "qatk_builtin":
            break
        folder = folder.parent
    return folder
