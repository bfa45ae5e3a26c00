"""The most memory that ``qatk predict`` holds, by the number of questions: ``python benchmarks/predict_memory.py``.

A tiny model of random weights answers generated facts, in a process of its own for each size, into JSON Lines.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

import qatk
from qatk.data import save
from qatk.plugins.host import PluginHost

SIZES = (1_000, 10_000, 100_000)
RECIPE = {
    "qatk": 1,
    "backbone": {"use": "tiny", "vocab_size": 1000, "hidden_size": 32, "layers": 1, "max_length": 256},
    "featurizer": {"use": "stride", "max_length": 256, "doc_stride": 32},
    "trainer": {"use": "torch", "max_steps": 1, "device": "cpu"},
    "reporters": [],
}
MEASURED = """
import resource, sys
from typer.testing import CliRunner
from qatk.cli import app
done = CliRunner().invoke(app, sys.argv[1:], catch_exceptions=False)
assert done.exit_code == 0, done.output
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def main(sizes: list[int]) -> None:
    host = PluginHost.discover()
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        data = {name: {"use": "facts", "questions": 200, "seed": i} for i, name in enumerate(("train", "dev"))}
        (folder / "recipe.yaml").write_text(yaml.safe_dump({**RECIPE, "data": data}))
        qatk.run(folder / "recipe.yaml", out=folder / "run")
        for size in sizes:
            asked = folder / "asked.jsonl"
            save(host.build("dataset", "facts", {"questions": size, "seed": 5}).load(), asked)
            words = ["predict", str(folder / "run"), str(asked), "--out", str(folder / f"{size}.jsonl"), "--json"]
            began = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-W", "ignore", "-c", MEASURED, *words],
                check=True,
                stdout=subprocess.PIPE,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
            found = {"questions": size, "seconds": round(time.perf_counter() - began, 1)}
            found |= {"peak_mib": int(done.stdout) // 1024, "data_mib": asked.stat().st_size >> 20}
            sys.stdout.write(json.dumps(found) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or list(SIZES))
