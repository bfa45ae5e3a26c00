"""Watch a working directory that should stay empty."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


@contextmanager
def visitors_in() -> Iterator[list[str]]:
    """Work in an empty directory; afterwards the list has the names of what was written there."""
    found: list[str] = []
    before = Path.cwd()
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield found
        finally:
            os.chdir(before)
            found += sorted(path.name for path in Path(folder).iterdir())
