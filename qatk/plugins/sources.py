"""One digest of the sources that a component's doing follows from, for manifests and for caches."""

from __future__ import annotations

import hashlib
import inspect
import os
import sys
from collections.abc import Iterable
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
    sha = hashlib.sha256()
    for path in sorted(folder.glob("**/*.py" if (folder / "__init__.py").exists() else "*.py")):
        if path.is_file() and os.access(path, os.R_OK):
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
