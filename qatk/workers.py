"""Runs of several processes (``accelerate launch -m qatk run ...``): the first one owns the run folder.

Every process runs all the stages; the others work in a scratch copy of the folder, so that no two write the same
file and nothing but the trainer has to wait for anybody.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from qatk.files import FORMAT, MANIFEST, RunFolder, read_manifest


def is_first_process() -> bool:
    """Whether this process is the only one, or the first of several."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def follow(path: Path, identity: Mapping[str, Any]) -> Iterator[RunFolder]:
    """A scratch copy of the run folder ``path``, gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix="qatk-follower-") as scratch:
        manifest: dict[str, Any] = {"format": FORMAT, "identity": dict(identity), "stages": {}}
        if (path / MANIFEST).exists():
            manifest = read_manifest(path)
            for name in ("checkpoints", "model"):
                if (path / name).exists():
                    shutil.copytree(path / name, Path(scratch) / name)
        yield RunFolder(Path(scratch), manifest)
