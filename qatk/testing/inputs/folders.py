"""Watch a working directory that should stay empty, and a run folder whose files should stay as they are."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from qatk.results.run import RunResult


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


def fill_run_folder(folder: Path, result: RunResult) -> dict[str, str]:
    """Write what a run itself keeps in its folder, in copies; the digests of these files, by name."""
    ids, predictions = result.evaluation.examples.id, result.evaluation.predictions
    plain = {
        "manifest.json": result.manifest,
        "metrics.json": dict(result.metrics),
        "predictions.json": dict(zip(ids, predictions.text, strict=True)),
        "null_odds.json": dict(zip(ids, predictions.null_odds.tolist(), strict=True)),
        "calibration.json": {"threshold": 0.5},
    }
    for name, value in plain.items():
        (folder / name).write_text(json.dumps(value, default=str))
    (folder / "recipe.yaml").write_text("qatk: 1\n")
    (folder / "examples.parquet").write_bytes(b"PAR1 questions PAR1")
    (folder / "model").mkdir()
    (folder / "model" / "model.safetensors").write_bytes(b"weights")
    return digests_in(folder)


def digests_in(folder: Path) -> dict[str, str]:
    """The digest of every file in a folder, by its path there."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def spoiled(before: dict[str, str], folder: Path) -> str:
    """The files that were changed or removed since."""
    after = digests_in(folder)
    return ", ".join(name for name, digest in before.items() if after.get(name) != digest)
