"""Commands in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def call(*words: str, cwd: Path, paths: list[Path] | None = None) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "COLUMNS": "100", "PYTHONPATH": os.pathsep.join(map(str, paths or []))}
    return subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, cwd=cwd, env=environ)


def pretend_to_install(folder: Path, target: Path) -> None:
    """What an editable install leaves behind, without pip: a dozen of these in a second."""
    name = folder.name.removeprefix("qatk-").replace("-", "_")
    info = target / f"qatk_{name}-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: qatk-{name}\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(f"[qatk]\n{name.replace('_', '-')} = qatk_{name}\n")
