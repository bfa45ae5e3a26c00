"""The most memory that ``qatk predict`` holds, by the number of questions: ``python benchmarks/predict_memory.py``.

A tiny model of random weights answers generated facts with gold answers, in a process of its own for each size, from
JSON Lines into JSON Lines. The data are written part by part, so that this script can make a million.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

import qatk
from qatk.data import rendered
from qatk.plugins.host import PluginHost

SIZES = (1_000, 10_000, 100_000)
PART = 10_000
RECIPE = {
    "qatk": 1,
    "backbone": {"use": "tiny", "vocab_size": 1000, "hidden_size": 32, "layers": 1, "max_length": 256},
    "featurizer": {"use": "stride", "max_length": 256, "doc_stride": 32},
    "trainer": {"use": "torch", "max_steps": 1, "device": "cpu"},
    "reporters": [],
}
MEASURED = """
import sys
from typer.testing import CliRunner
from qatk.cli import app
from qatk.memory import peak_memory
done = CliRunner().invoke(app, sys.argv[1:], catch_exceptions=False)
assert done.exit_code == 0, done.output
print(peak_memory())
"""


def write_facts(host: PluginHost, path: Path, size: int) -> None:
    """So many questions in JSON Lines, each part of them with ids and passages of its own."""
    with path.open("wb") as file:
        for first in range(0, size, PART):
            options = {"questions": min(PART, size - first), "seed": first}
            examples = host.build("dataset", "facts", options).load()
            named = replace(examples, id=[f"{first}-{name}" for name in examples.id])
            file.write(rendered(named, path))


def main(sizes: list[int]) -> None:
    host = PluginHost.discover()
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        data = {name: {"use": "facts", "questions": 200, "seed": i} for i, name in enumerate(("train", "dev"))}
        (folder / "recipe.yaml").write_text(yaml.safe_dump({**RECIPE, "data": data}))
        qatk.run(folder / "recipe.yaml", out=folder / "run")
        for size in sizes:
            asked = folder / "asked.jsonl"
            write_facts(host, asked, size)
            words = ["predict", str(folder / "run"), str(asked), "--out", str(folder / f"{size}.jsonl"), "--json"]
            began = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-W", "ignore", "-c", MEASURED, *words],
                check=True,
                stdout=subprocess.PIPE,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
            seconds = time.perf_counter() - began
            found = {"questions": size, "seconds": round(seconds, 1), "questions_per_second": round(size / seconds)}
            found |= {"peak_mib": int(done.stdout) >> 20, "data_mib": asked.stat().st_size >> 20}
            sys.stdout.write(json.dumps(found) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or list(SIZES))
