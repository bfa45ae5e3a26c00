"""Training by one process and by two that share each step, on the same cores. Run: python benchmarks/together.py.

The model is a BERT of random weights, the data are generated. The rate is that of the median step, without the start of
the processes. On CPUs one process has all cores, and each of two has half of them.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from common import Row, Timed, speedup
from table import alone

BATCH, STEPS, WARM = 16, 40, 10
RECIPE = {
    "qatk": 1,
    "seed": 13,
    "backbone": {"use": "tiny", "hidden_size": 256, "layers": 4, "heads": 4},
    "data": {name: {"use": "facts", "questions": size} for name, size in (("train", 640), ("dev", 32))},
    "trainer": {"use": "torch", "device": "cpu", "batch_size": BATCH, "max_steps": STEPS, "log_every": 1},
    "reporters": [],
}


def measure(repetitions: int = 3) -> list[Row]:
    """Windows a second of two processes beside those of one."""
    found: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as scratch:
        recipe = Path(scratch) / "recipe.yaml"
        recipe.write_text(json.dumps(RECIPE))
        for repetition in range(repetitions):
            for processes, seconds in found.items():
                seconds.append(step_seconds(recipe, Path(scratch) / f"{processes}-{repetition}", processes))
    two, one = (Timed(found[number], BATCH) for number in (2, 1))
    case = f"BERT 4 x 256, batches of {BATCH}, {os.cpu_count()} cores"
    note = "one process has all cores, each of two has half of them."
    return [speedup("training, 2 processes", case, "windows", two, one, "1 process", note=note)]


def step_seconds(recipe: Path, out: Path, processes: int) -> float:
    """The median time of a step, once the allocator and the caches are warm."""
    command = [sys.executable, "-m", "qatk", "run", str(recipe), "--out", str(out), "--processes", str(processes)]
    environ = {**os.environ, "OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // processes))}
    subprocess.run(command, check=True, capture_output=True, env=environ)
    events = [json.loads(line) for line in (out / "events.jsonl").read_text("utf-8").splitlines()]
    rates = [event["examples_per_second"] for event in events if event["kind"] == "step"]
    if len(rates) != STEPS:
        raise SystemExit(f"{out}: {len(rates)} steps, not {STEPS}")
    return BATCH / statistics.median(rates[WARM:])


if __name__ == "__main__":
    alone(__doc__, measure, repetitions=3)
